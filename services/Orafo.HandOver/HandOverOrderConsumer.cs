using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver;

/// <summary>Hands an order over, once. Asked again (a repeated step), it gives the same answer.</summary>
/// <remarks>Two commands for one order that share a transaction collide on its key, and are then run one after the other.</remarks>
public sealed class HandOverOrderConsumer(HandOverDb db, TimeProvider time, ILogger<HandOverOrderConsumer> logger) : IConsumer<HandOverOrder>
{
    public async Task Consume(ConsumeContext<HandOverOrder> context)
    {
        var command = context.Message;
        if (!context.Prefetched<EarlierHandOvers>().ByOrder.TryGetValue(command.OrderId, out var handOver))
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

/// <summary>What was handed over before.</summary>
public sealed record EarlierHandOvers(IReadOnlyDictionary<Guid, HandedOverOrder> ByOrder);

/// <summary>Loads it.</summary>
public sealed class HandOverPrefetch : IPrefetch<HandOverDb, HandOverOrder, EarlierHandOvers>
{
    private static readonly Func<HandOverDb, Guid[], IAsyncEnumerable<HandedOverOrder>> Earlier = EF.CompileAsyncQuery(
        (HandOverDb db, Guid[] orders) => db.HandOvers.AsNoTracking().Where(handOver => orders.Contains(handOver.OrderId)));

    private static readonly EarlierHandOvers None = new(new Dictionary<Guid, HandedOverOrder>());

    public async Task<EarlierHandOvers> Load(HandOverDb db, IReadOnlyList<HandOverOrder> messages, bool areNew, CancellationToken cancellationToken) =>
        areNew ? None : new(await Earlier(db, [.. messages.Select(command => command.OrderId)]).ToDictionaryAsync(handOver => handOver.OrderId, cancellationToken: cancellationToken));
}

/// <summary>Queue <c>hand-over</c>.</summary>
public sealed class HandOverOrderDefinition : ConsumerDefinition<HandOverOrderConsumer>
{
    public HandOverOrderDefinition() => EndpointName = "hand-over";
}
