using MassTransit;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Monitoring;

/// <summary>Measures each transition once it is committed, and says in one line what became of an order.</summary>
public sealed class OrderTransitions(OrderingInstruments instruments, TimeProvider time, ILogger<OrderTransitions> logger) : IStateObserver<OrderSaga>
{
    public Task StateChanged(BehaviorContext<OrderSaga> context, State currentState, State previousState)
    {
        // An order begins without a message, in its first step.
        if (previousState is null)
            return Task.CompletedTask;
        var order = context.Saga;
        context.AfterCommit(() => Pass(order, previousState.Name, currentState.Name));
        return Task.CompletedTask;
    }

    private void Pass(OrderSaga order, string state, string next)
    {
        var now = time.GetUtcNow();
        instruments.Passed(state, next, now - OrderPace.Since(order, state));
        if (next == nameof(OrderStateMachine.Suspended))
            OrderingLog.Suspended(logger, order.CorrelationId, state, order.SuspendedBecause ?? "");
        if (!OrderStates.IsFinal(next))
            return;
        instruments.Ended(next, now - order.SubmittedAt);
        OrderingLog.Ended(logger, order.CorrelationId, next, (now - order.SubmittedAt).TotalSeconds);
    }
}
