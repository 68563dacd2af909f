using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;

namespace Orafo.OrderDetails.Details;

/// <summary>What a completed order holds is final: sold, and its coupon redeemed.</summary>
/// <remarks>
/// Nothing is read for a group of completions: one statement changes their rows, if they are held. If one of them is not, the group is
/// taken apart, and each looks.
/// </remarks>
public sealed class CompleteOrderConsumer(OrderDetailsDb db) : IConsumer<OrderCompleted>
{
    public Task Consume(ConsumeContext<OrderCompleted> context)
    {
        var orderId = context.Message.OrderId;
        var known = context.Prefetched<HoldsToComplete>().Known;
        var hold = known is null ? new OrderHold { OrderId = orderId, State = HoldStates.Held } : known.GetValueOrDefault(orderId);
        if (hold is not { State: HoldStates.Held or HoldStates.Final })
            throw new InvalidOperationException($"Order {orderId} is completed, but {(hold is null ? "was never accepted" : "what it held was released")}.");
        if (hold.State == HoldStates.Held)
        {
            db.Attach(hold);
            hold.State = HoldStates.Final;
        }

        return Task.CompletedTask;
    }
}

/// <summary>Queue <c>order-completion</c>.</summary>
public sealed class CompleteOrderDefinition : ConsumerDefinition<CompleteOrderConsumer>
{
    public CompleteOrderDefinition() => EndpointName = "order-completion";
}

/// <summary>What completed orders hold.</summary>
/// <param name="Known">By order; null if it most likely is what it should be.</param>
public sealed record HoldsToComplete(IReadOnlyDictionary<Guid, OrderHold>? Known);

/// <summary>Looks it up, if something may be amiss.</summary>
public sealed class CompletionPrefetch : IPrefetch<OrderDetailsDb, OrderCompleted, HoldsToComplete>
{
    public async Task<HoldsToComplete> Load(OrderDetailsDb db, IReadOnlyList<OrderCompleted> messages, bool areNew, CancellationToken cancellationToken)
    {
        if (areNew)
            return new(Known: null);
        var orders = messages.Select(order => order.OrderId).ToArray();
        return new(await db.OrderHolds.AsNoTracking().Where(hold => orders.Contains(hold.OrderId)).ToDictionaryAsync(hold => hold.OrderId, cancellationToken));
    }
}
