using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Orafo.Contracts;
using Orafo.HandOver.Shipping;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver;

/// <summary>Writes down what is to be shipped and has it booked with the carrier: one transaction, so never one without the other.</summary>
/// <remarks>
/// Asked again (a repeated or resumed step), it books no second parcel, and puts a parked booking back in line. Two commands for one order that share a
/// transaction collide on its key, and are then run one after the other. An order that was recalled is not booked any more, and there is no answer: whoever
/// recalled it waits for another one.
/// </remarks>
public sealed class HandOverOrderConsumer(
    HandOverDb db, JobQueue<BookParcel> bookings, FreshShipments fresh, TimeProvider time, ILogger<HandOverOrderConsumer> logger)
    : IConsumer<HandOverOrder>
{
    public async Task Consume(ConsumeContext<HandOverOrder> context)
    {
        var command = context.Message;
        var earlier = context.Prefetched<EarlierHandOvers>();
        if (!earlier.ByOrder.TryGetValue(command.OrderId, out var shipment))
        {
            shipment = new Shipment
            {
                OrderId = command.OrderId,
                State = Shipment.Booking,
                CustomerNumber = command.CustomerNumber,
                InvoiceNumber = command.InvoiceNumber,
                DeliverTo = command.DeliverTo,
                Lines = command.Lines,
                Currency = command.Total.Currency,
                Total = command.Total.Amount,
                AskedAt = time.GetStorableNow(),
            };
            db.Shipments.Add(shipment);
            context.AfterCommit(() => fresh.Keep(shipment));
            Book(context);
            return;
        }

        switch (shipment.State)
        {
            case Shipment.HandedOver:
                await context.Publish(shipment.ToHandedOver(), context.CancellationToken);
                break;
            case Shipment.Booking:
                await SeeToBooking(earlier, context);
                break;
            default:
                HandOverLog.NotHandedOver(logger, command.OrderId, shipment.State);
                break;
        }
    }

    /// <summary>The step is repeated: sees to it that somebody is at it.</summary>
    private async Task SeeToBooking(EarlierHandOvers earlier, ConsumeContext<HandOverOrder> context)
    {
        if (!earlier.Bookings.TryGetValue(context.Message.OrderId, out var state))
            Book(context);
        else if (state == JobStates.Parked)
        {
            var transaction = (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();
            await bookings.RetryAsync(transaction, context.Message.OrderId, context.CancellationToken);
            context.AfterCommit(bookings.Wake);
        }
    }

    private void Book(ConsumeContext<HandOverOrder> context)
    {
        bookings.Publish(db, new NewJob<BookParcel>(new()) { Id = context.Message.OrderId });
        context.AfterCommit(bookings.Wake);
    }
}

/// <summary>What was done before.</summary>
/// <param name="ByOrder">Shipments.</param>
/// <param name="Bookings">The states of their bookings that are not over.</param>
public sealed record EarlierHandOvers(IReadOnlyDictionary<Guid, Shipment> ByOrder, IReadOnlyDictionary<Guid, string> Bookings);

/// <summary>Loads it.</summary>
public sealed class HandOverPrefetch : IPrefetch<HandOverDb, HandOverOrder, EarlierHandOvers>
{
    private static readonly EarlierHandOvers None = new(new Dictionary<Guid, Shipment>(), new Dictionary<Guid, string>());

    public async Task<EarlierHandOvers> Load(HandOverDb db, IReadOnlyList<HandOverOrder> messages, bool areNew, CancellationToken cancellationToken)
    {
        if (areNew)
            return None;
        Guid[] orders = [.. messages.Select(command => command.OrderId)];
        // In this order: a booking that is over by the second look had a shipment that says so by then, and did not by the first.
        var bookings = await db.Database.SqlQueryRaw<JobOfOrder>(ShippingStatements.BookingsOf, [orders]).ToDictionaryAsync(job => job.Id, job => job.State, cancellationToken);
        var shipments = await db.Shipments.AsNoTracking().Where(shipment => orders.Contains(shipment.OrderId))
            .ToDictionaryAsync(shipment => shipment.OrderId, cancellationToken);
        return new(shipments, bookings);
    }
}

/// <summary>A row of <see cref="ShippingStatements"/>.</summary>
public sealed record JobOfOrder(Guid Id, string State);

/// <summary>Queue <c>hand-over</c>.</summary>
public sealed class HandOverOrderDefinition : ConsumerDefinition<HandOverOrderConsumer>
{
    public HandOverOrderDefinition() => EndpointName = "hand-over";
}
