using System.Data;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Contracts;
using Orafo.HandOver.Notifying;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver.Shipping;

/// <summary>A job: a parcel is to be booked with the carrier. Its id is that of the order. Whose it is stands in the shipment only: a job's history is kept.</summary>
public sealed record BookParcel
{
    /// <summary>Of the jobs and their table.</summary>
    public const string Queue = "booking_job";
}

/// <summary>Books a parcel, outside of any transaction and of any delivery.</summary>
/// <remarks>
/// If it dies after the carrier has booked it, the job's lease runs out and another worker asks for the same parcel, which the carrier does not book twice. The
/// end of the job, the shipment, <see cref="OrderHandedOver"/> and what the shop is to be told commit together; bookings that end while a commit is under way
/// share the next. If the order is recalled meanwhile, that commit fails by the shipment's state, and the next attempt finds nothing to do: the recall sees to
/// the parcel.
/// </remarks>
public sealed class BookingHandler(
    Carrier carrier, Shop shop, HandOverDb db, FreshShipments fresh, IPublishEndpoint publish, SharedTransaction<HandOverDb> shared,
    IOptions<ShippingOptions> options, TimeProvider time, ILogger<BookingHandler> logger)
    : IJobHandler<BookParcel>
{
    public async Task<JobOutcome> Handle(Job<BookParcel> job, CancellationToken cancellationToken)
    {
        job.BelongsTo(job.Id);
        if ((fresh.Take(job.Id) ?? await Shipments.Read(db, job.Id, cancellationToken)) is not { State: Shipment.Booking } shipment)
            return JobOutcome.Done();
        // Its worker died each time, or could not write down how it ended.
        if (job.Attempt > options.Value.Attempts)
            return await GiveUp(job, $"It was tried {options.Value.Attempts} times.");

        var call = await carrier.Call(job, client => client.Book(shipment, cancellationToken), cancellationToken);
        switch (call)
        {
            case { Answer.TrackingNumber: { } trackingNumber }:
                await Booked(job, shipment, trackingNumber);
                return JobOutcome.Done();
            case { Answer.Refusal: { } refusal }:
                return await GiveUp(job, refusal);
            case { Error: { } error }:
                return job.Attempt < options.Value.Attempts ? JobOutcome.RetryLater(error, atLeast: call.RetryAfter) : await GiveUp(job, error);
            default:
                return JobOutcome.GiveBack();
        }
    }

    private async Task Booked(Job<BookParcel> job, Shipment read, string trackingNumber)
    {
        var now = time.GetStorableNow();
        await shared.Run((inCommon, outbox) =>
        {
            job.Finish(inCommon);
            var shipment = read.Copy();
            inCommon.Attach(shipment);
            (shipment.State, shipment.TrackingNumber, shipment.HandedOverAt) = (Shipment.HandedOver, trackingNumber, now);
            shop.Tell(inCommon, TellShop.HandedOver, shipment, now);
            return outbox.Publish(shipment.ToHandedOver());
        });
        shop.Wake();
        HandOverLog.HandedOver(logger, job.Id);
    }

    /// <summary>Nobody tries it until an operator says so, or the step is repeated; whoever waits is told in one transaction with that.</summary>
    private async Task<JobOutcome> GiveUp(Job<BookParcel> job, string error)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted);
        // Whoever recalled it while it was tried has been, or will be, answered otherwise.
        var isWanted = await Shipments.Read(db, job.Id) is { State: Shipment.Booking };
        var end = isWanted ? JobOutcome.Park(error) : JobOutcome.Done();
        await job.EndAsync((NpgsqlTransaction)transaction.GetDbTransaction(), end);
        if (isWanted)
        {
            await publish.Publish(new HandOverFailed { OrderId = job.Id, Reason = error });
            await db.SaveChangesAsync();
        }

        await transaction.CommitAsync();
        return end;
    }
}

/// <summary>Reading them, as those do who change them elsewhere.</summary>
internal static class Shipments
{
    private static readonly Func<HandOverDb, Guid, CancellationToken, Task<Shipment?>> One = EF.CompileAsyncQuery(
        (HandOverDb db, Guid orderId, CancellationToken _) => db.Shipments.AsNoTracking().SingleOrDefault(shipment => shipment.OrderId == orderId));

    public static Task<Shipment?> Read(HandOverDb db, Guid orderId, CancellationToken cancellationToken = default) => One(db, orderId, cancellationToken);
}
