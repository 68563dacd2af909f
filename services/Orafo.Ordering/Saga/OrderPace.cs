using System.Collections.Concurrent;
using MassTransit;
using Orafo.Contracts;
using Orafo.Ordering.Intake;

namespace Orafo.Ordering.Saga;

/// <summary>How fast orders go through the steps at present, as this instance sees them leave: what an estimate is made of.</summary>
/// <remarks>
/// Orders leave a step about in the order in which they came to it. Those that leave it now say how long one waits (the age of the queue), and how fast
/// the moment at which they came moves on says how fast the queue is served: at half speed where orders come twice as fast as they leave. Neither
/// asks the database, and it is a few numbers a step however long the backlog. Every instance sees its share of all orders. One that has just started
/// knows nothing, until an order has left each step.
/// </remarks>
public sealed class OrderPace(TimeProvider time) : IStateObserver<OrderSaga>
{
    private static readonly string[] Path = [nameof(OrderStateMachine.GettingDetails), nameof(OrderStateMachine.Invoicing), nameof(OrderStateMachine.HandingOver)];

    /// <summary>Where the work of a step leads to. Who is suspended or cancelled does not say how long it takes.</summary>
    private static readonly string[] Onward = [.. Path, nameof(OrderStateMachine.Completed), nameof(OrderStateMachine.Rejected)];

    /// <summary>Paper waits for the printer, and what is electronic does not.</summary>
    private readonly ConcurrentDictionary<(string Step, bool IsElectronic), StepPace> _paces = new();

    public Task StateChanged(BehaviorContext<OrderSaga> context, State currentState, State previousState)
    {
        if (previousState is { Name: var step } && Onward.Contains(currentState.Name) && Path.Contains(step))
        {
            var order = context.Saga;
            context.AfterCommit(() => Leave(order, step));
        }

        return Task.CompletedTask;
    }

    /// <summary>The order's step is done, just now.</summary>
    internal void Leave(OrderSaga order, string step)
    {
        if (Since(order, step) is { } since)
            PaceOf(order, step).Leave(since, time.GetUtcNow());
    }

    /// <summary>When the order will probably be done. Null if it is not under way to that, if nobody knows, or if it is late already.</summary>
    public DateTimeOffset? Estimate(OrderSaga order)
    {
        var (at, now) = (Array.IndexOf(Path, order.CurrentState), time.GetUtcNow());
        if (at < 0 || Since(order, order.CurrentState) is not { } since || PaceOf(order, Path[at]).Remaining(now - since) is not { } remaining)
            return null;
        foreach (var step in Path.AsSpan(at + 1))
        {
            if (PaceOf(order, step).Usual is not { } usual)
                return null;
            remaining += usual;
        }

        return DateTimeOffset.FromUnixTimeSeconds((now + remaining).ToUnixTimeSeconds() + 1);
    }

    /// <summary>Why the order is not moving, for people; null if it is.</summary>
    public string? Reason(OrderSaga order)
    {
        var step = order.CurrentState;
        if (step == nameof(OrderStateMachine.Suspended))
            return order.SuspendedBecause;
        if (OrderStates.IsFinal(step))
            return null;
        if (order.StepAttempts > 1)
            return $"{step} did not answer in time. It was asked {order.StepAttempts} times.";
        if (!Path.Contains(step) || Since(order, step) is not { } since || !PaceOf(order, step).IsLate(time.GetUtcNow() - since))
            return null;
        return order.WaitsForPaper ? "The invoice waits for the printer, longer than is usual at present." : $"{step} takes longer than is usual at present.";
    }

    private StepPace PaceOf(OrderSaga order, string step) =>
        _paces.GetOrAdd((step, order.InvoiceDelivery == InvoiceMedium.Electronic && step == nameof(OrderStateMachine.Invoicing)), _ => new());

    /// <summary>When it came to the step, the last time; that it was asked again since does not count.</summary>
    internal static DateTimeOffset? Since(OrderSaga order, string step)
    {
        DateTimeOffset? since = null;
        foreach (var transition in order.Timeline.Reverse().SkipWhile(transition => transition.State != step).TakeWhile(transition => transition.State == step))
            since = transition.At;
        return since;
    }
}
