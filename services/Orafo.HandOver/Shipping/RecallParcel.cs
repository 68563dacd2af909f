using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.HandOver.Notifying;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver.Shipping;

/// <summary>A job: the carrier is to let go of a parcel. Its id is that of the order.</summary>
public sealed record RecallParcel
{
    /// <summary>Of the jobs and their table.</summary>
    public const string Queue = "recall_job";
}

/// <summary>Recalls a parcel, outside of any transaction and of any delivery.</summary>
/// <remarks>
/// The answer goes out when the carrier has said that it has no parcel of that order and never will, or that it has left. Before that there is none, however
/// long it takes: who was told "recalled" may sell the goods to somebody else.
/// </remarks>
public sealed class RecallHandler(
    Carrier carrier, Shop shop, JobQueue<BookParcel> bookings, HandOverDb db, SharedTransaction<HandOverDb> shared, IOptions<ShippingOptions> options, TimeProvider time)
    : IJobHandler<RecallParcel>
{
    public async Task<JobOutcome> Handle(Job<RecallParcel> job, CancellationToken cancellationToken)
    {
        job.BelongsTo(job.Id);
        if (await Shipments.Read(db, job.Id, cancellationToken) is not { State: Shipment.Recalling } shipment)
            return JobOutcome.Done();
        if (job.Attempt > options.Value.Attempts)
            return JobOutcome.Park($"It was tried {options.Value.Attempts} times.");

        var call = await carrier.Call(job, client => client.Recall(job.Id, cancellationToken), cancellationToken);
        switch (call)
        {
            case { Answer: { IsPickedUp: true } pickedUp }:
                await TooLate(job, shipment, pickedUp.TrackingNumber);
                return JobOutcome.Done();
            case { Answer: not null }:
                await Recalled(job, shipment);
                // One that was given up at the moment of the recall would wait for an operator in vain.
                await bookings.CancelAsync(job.Id, CancellationToken.None);
                return JobOutcome.Done();
            case { Error: { } error }:
                return job.Attempt < options.Value.Attempts ? JobOutcome.RetryLater(error, atLeast: call.RetryAfter) : JobOutcome.Park(error);
            default:
                return JobOutcome.GiveBack();
        }
    }

    private async Task Recalled(Job<RecallParcel> job, Shipment read)
    {
        var now = time.GetStorableNow();
        await shared.Run((inCommon, outbox) =>
        {
            job.Finish(inCommon);
            var shipment = read.Copy();
            inCommon.Attach(shipment);
            (shipment.State, shipment.RecalledAt, shipment.DeliverTo) = (Shipment.Recalled, now, null);
            // Who was told of it is told that it is not so any more.
            if (shipment.HandedOverAt is not null)
                shop.Tell(inCommon, TellShop.Recalled, shipment, now);
            return outbox.Publish(new HandOverRecalled { OrderId = job.Id });
        });
        shop.Wake();
    }

    private async Task TooLate(Job<RecallParcel> job, Shipment read, string? trackingNumber)
    {
        var now = time.GetStorableNow();
        await shared.Run((inCommon, outbox) =>
        {
            job.Finish(inCommon);
            var shipment = read.Copy();
            inCommon.Attach(shipment);
            (shipment.State, shipment.TrackingNumber) = (Shipment.HandedOver, trackingNumber);
            // Its booking was under way when it was to be recalled, and is known now.
            if (shipment.HandedOverAt is null)
            {
                shipment.HandedOverAt = now;
                shop.Tell(inCommon, TellShop.HandedOver, shipment, now);
            }

            return outbox.Publish(new HandOverRecallRefused { OrderId = job.Id, Reason = "The parcel has been picked up." });
        });
        shop.Wake();
    }
}
