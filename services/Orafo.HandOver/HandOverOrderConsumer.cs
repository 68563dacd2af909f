using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver;

/// <summary>Hands an order over, once. Asked again (a repeated step), it gives the same answer.</summary>
public sealed class HandOverOrderConsumer(HandOverDb db, TimeProvider time, ILogger<HandOverOrderConsumer> logger) : IConsumer<HandOverOrder>
{
    public async Task Consume(ConsumeContext<HandOverOrder> context)
    {
        var command = context.Message;
        // Two commands for one order that share a transaction collide on its key.
        var handOver = await db.HandOvers.AsIndependent().SingleOrDefaultAsync(known => known.OrderId == command.OrderId, context.CancellationToken);
        if (handOver is null)
        {
            handOver = new HandedOverOrder
            {
                OrderId = command.OrderId,
                CustomerNumber = command.CustomerNumber,
                InvoiceNumber = command.InvoiceNumber,
                DeliverTo = command.DeliverTo,
                Lines = command.Lines,
                Currency = command.Total.Currency,
                Total = command.Total.Amount,
                HandedOverAt = time.GetStorableNow(),
            };
            db.HandOvers.Add(handOver);
            logger.LogDebug("Order {OrderId} is handed over", command.OrderId);
        }

        await context.Publish(new OrderHandedOver { OrderId = handOver.OrderId, HandedOverAt = handOver.HandedOverAt }, context.CancellationToken);
    }
}

/// <summary>Queue <c>hand-over</c>.</summary>
public sealed class HandOverOrderDefinition : ConsumerDefinition<HandOverOrderConsumer>
{
    public HandOverOrderDefinition() => EndpointName = "hand-over";
}
