using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Orafo.Contracts;
using Orafo.HandOver.Shipping;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver;

/// <summary>Has the carrier let go of an order's parcel, or sees to it that the order never gets one.</summary>
/// <remarks>
/// Whether the carrier has the parcel nobody knows for certain while a booking is under way, so the carrier is asked even if it has not answered yet: a recall
/// closes the parcel's key, and what is still on its way to it then books nothing. Only an order that never came here needs no carrier: its row keeps a late
/// command from booking. Asked again, it answers the same, or puts a parked recall back in line.
/// </remarks>
public sealed class RecallHandOverConsumer(
    HandOverDb db, JobQueue<BookParcel> bookings, JobQueue<RecallParcel> recalls, TimeProvider time, ILogger<RecallHandOverConsumer> logger)
    : IConsumer<RecallHandOver>
{
    public async Task Consume(ConsumeContext<RecallHandOver> context)
    {
        var orderId = context.Message.OrderId;
        var shipment = await db.Shipments.SingleOrDefaultAsync(shipment => shipment.OrderId == orderId, context.CancellationToken);
        switch (shipment)
        {
            case null:
                var now = time.GetStorableNow();
                db.Shipments.Add(new() { OrderId = orderId, State = Shipment.Recalled, AskedAt = now, RecalledAt = now });
                HandOverLog.RecalledBefore(logger, orderId);
                await Answer(context);
                break;
            case { State: Shipment.Recalled }:
                await Answer(context);
                break;
            // From before parcels were booked with the carrier, who knows nothing of it: it is gone.
            case { State: Shipment.HandedOver, TrackingNumber: null }:
                await context.Publish(new HandOverRecallRefused { OrderId = orderId, Reason = "The order has left the house." }, context.CancellationToken);
                break;
            case { State: Shipment.Recalling }:
                await SeeToRecall(context);
                break;
            default:
                shipment.State = Shipment.Recalling;
                // Nobody need try it any more; if somebody does at this moment, it does no harm.
                await bookings.CancelAsync(Transaction, orderId, context.CancellationToken);
                Recall(context);
                break;
        }
    }

    private NpgsqlTransaction Transaction => (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();

    /// <summary>The step is repeated: sees to it that somebody is at it.</summary>
    private async Task SeeToRecall(ConsumeContext<RecallHandOver> context)
    {
        var orderId = context.Message.OrderId;
        var states = await db.Database.SqlQueryRaw<JobOfOrder>(ShippingStatements.RecallsOf, [new[] { orderId }]).ToListAsync(context.CancellationToken);
        if (states.Count == 0)
            Recall(context);
        else if (states[0].State == JobStates.Parked)
        {
            await recalls.RetryAsync(Transaction, orderId, context.CancellationToken);
            context.AfterCommit(recalls.Wake);
        }
    }

    private void Recall(ConsumeContext<RecallHandOver> context)
    {
        recalls.Publish(db, new NewJob<RecallParcel>(new()) { Id = context.Message.OrderId });
        context.AfterCommit(recalls.Wake);
    }

    private static Task Answer(ConsumeContext<RecallHandOver> context) =>
        context.Publish(new HandOverRecalled { OrderId = context.Message.OrderId }, context.CancellationToken);
}

/// <summary>Queue <c>hand-over-recall</c>.</summary>
public sealed class RecallHandOverDefinition : ConsumerDefinition<RecallHandOverConsumer>
{
    public RecallHandOverDefinition() => EndpointName = "hand-over-recall";
}
