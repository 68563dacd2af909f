using MassTransit;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Notifying;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Saga;

/// <summary>Who is next. It only says so: each step does its own work and answers.</summary>
/// <remarks>
/// <code>
/// In               On                       Do                Then
/// (new)            POST /orders             GetOrderDetails   GettingDetails
/// GettingDetails   OrderDetailsReady        GenerateInvoice   Invoicing
/// GettingDetails   OrderDetailsRejected     OrderRejected     Rejected
/// GettingDetails   CancelOrder              OrderCancelled    Cancelled
/// Invoicing        InvoiceIssued            -                 Invoicing
/// Invoicing        InvoiceGenerated         HandOverOrder     HandingOver
/// Invoicing        InvoiceFailed            -                 Suspended
/// Invoicing        CancelOrder              CreditInvoice     Crediting
/// HandingOver      OrderHandedOver          OrderCompleted    Completed
/// HandingOver      HandOverFailed           -                 Suspended
/// HandingOver      CancelOrder              RecallHandOver    Recalling
/// HandingOver      HandOverRecallRefused    HandOverOrder     HandingOver
/// Recalling        HandOverRecalled         CreditInvoice     Crediting
/// Recalling        HandOverRecallRefused    HandOverOrder     HandingOver
/// Crediting        InvoiceCredited          OrderCancelled    Cancelled
/// Suspended        ResumeOrder              the step's command   that step
/// Suspended        CancelOrder              as in that step      as in that step
/// Suspended        CancelOrder once more    the step's command   that step
/// Suspended        the step's own answer    as in that step      as in that step
/// any step         OrderStepOverdue         the step's command   that step, or Suspended
/// </code>
/// It begins without a message: the transaction that stores the order writes the saga's row and its first command (<see cref="OrderSaga.Begin"/>).
/// What was done is undone backwards: the parcel comes back first, for if it has left the house, the order can only go on. An answer that comes
/// back after its state is over is a redelivery and is ignored; one that comes too early is a bug and faults (an order that is suspended ignores it).
/// </remarks>
public sealed class OrderStateMachine : MassTransitStateMachine<OrderSaga>
{
    /// <summary>Raised when a state is added, changes its meaning or goes. Whoever begins an order writes it into the order's row.</summary>
    public const int Version = 2;

    private readonly StepOptions _limits;
    private readonly TimeProvider _time;

    /// <param name="limits">When a step is overdue.</param>
    /// <param name="time">The timeline's.</param>
    /// <param name="watch">Is told that an order needs nothing more.</param>
    /// <param name="callbacks">Has its client told so.</param>
    public OrderStateMachine(IOptions<StepOptions> limits, TimeProvider time, OrderWatch watch, KnownCallbacks callbacks)
    {
        (_limits, _time) = (limits.Value, time);
        InstanceState(order => order.CurrentState);

        Event(() => DetailsReady, message => About(message, x => x.OrderId));
        Event(() => DetailsRejected, message => About(message, x => x.OrderId));
        Event(() => InvoiceIssued, message => About(message, x => x.OrderId));
        Event(() => InvoiceGenerated, message => About(message, x => x.OrderId));
        Event(() => InvoiceFailed, message => About(message, x => x.OrderId));
        Event(() => InvoiceCredited, message => About(message, x => x.OrderId));
        Event(() => HandedOver, message => About(message, x => x.OrderId));
        Event(() => HandOverFailed, message => About(message, x => x.OrderId));
        Event(() => Recalled, message => About(message, x => x.OrderId));
        Event(() => RecallRefused, message => About(message, x => x.OrderId));
        Event(() => CancelRequested, message => About(message, x => x.OrderId));
        Event(() => ResumeRequested, message => About(message, x => x.OrderId));
        Event(() => StepOverdue, message => About(message, x => x.OrderId));

        Step(GettingDetails, order => order.GetDetails());
        Step(Invoicing, order => order.GenerateInvoice());
        Step(HandingOver, order => order.HandOver());
        Step(Recalling, order => order.Recall());
        Step(Crediting, order => order.Credit());

        InStep(GettingDetails, DetailsReady, on => on.Then(RememberDetails)
            .Publish(order => order.Saga.GenerateInvoice()).TransitionTo(Invoicing));
        InStep(GettingDetails, DetailsRejected, on => on.Then(RememberReasons)
            .Publish(Rejection).TransitionTo(Rejected));
        InStep(GettingDetails, CancelRequested, on => on.Then(RememberWhyItIsCancelled)
            .Publish(Cancellation).TransitionTo(Cancelled));

        During([Invoicing, Suspended],
            When(InvoiceIssued).Then(RememberIssuedInvoice));
        InStep(Invoicing, InvoiceGenerated, on => on.Then(RememberPrintedInvoice)
            .Publish(order => order.Saga.HandOver()).TransitionTo(HandingOver));
        During(Invoicing,
            When(InvoiceFailed).Then(order => Suspend(order, order.Message.Reason)).TransitionTo(Suspended));
        InStep(Invoicing, CancelRequested, on => on.Then(RememberWhyItIsCancelled)
            .Publish(order => order.Saga.Credit()).TransitionTo(Crediting));

        InStep(HandingOver, HandedOver, on => on
            .Publish(Completion).TransitionTo(Completed));
        During(HandingOver,
            When(HandOverFailed).Then(order => Suspend(order, order.Message.Reason)).TransitionTo(Suspended));
        InStep(HandingOver, CancelRequested, on => on.Then(RememberWhyItIsCancelled)
            .Publish(order => order.Saga.Recall()).TransitionTo(Recalling));

        InStep(Recalling, Recalled, on => on
            .Publish(order => order.Saga.Credit()).TransitionTo(Crediting));
        // Whether or not it has said so already: it is asked again, and says that it is handed over.
        InStep(Recalling, RecallRefused, on => on.Then(RememberWhyItIsNotCancelled)
            .Publish(order => order.Saga.HandOver()).TransitionTo(HandingOver));
        InStep(Crediting, InvoiceCredited, on => on
            .Publish(Cancellation).TransitionTo(Cancelled));
        // Asked for twice, the recall was refused twice, and the answer to the hand-over may have been swallowed in between.
        During(HandingOver,
            When(RecallRefused).Publish(order => order.Saga.HandOver()));
        // It is being cancelled already: go on with that.
        During(Suspended,
            When(CancelRequested, order => order.Saga.SuspendedIn == Recalling.Name).Then(GoOn)
                .Publish(order => order.Saga.Recall()).TransitionTo(Recalling),
            When(CancelRequested, order => order.Saga.SuspendedIn == Crediting.Name).Then(GoOn)
                .Publish(order => order.Saga.Credit()).TransitionTo(Crediting));

        During(Completed,
            When(CancelRequested, order => order.Saga.CancellationRefusedBecause is null).Then(order =>
            {
                order.Saga.CancellationRefusedBecause = "The order is handed over.";
                Note(order, "Not cancelled. " + order.Saga.CancellationRefusedBecause);
            }));

        // Messages arrive at least once, so an answer may return after its state is over.
        During([Invoicing, HandingOver, Suspended, Recalling, Crediting, Completed, Rejected, Cancelled], Ignore(DetailsReady), Ignore(DetailsRejected));
        During([HandingOver, Recalling, Crediting, Completed, Cancelled], Ignore(InvoiceIssued), Ignore(InvoiceGenerated), Ignore(InvoiceFailed));
        During([Suspended], Ignore(InvoiceFailed), Ignore(HandOverFailed));
        During([Recalling, Crediting, Completed, Cancelled], Ignore(HandedOver), Ignore(HandOverFailed));
        During([Crediting, Cancelled], Ignore(Recalled));
        During(Completed, Ignore(RecallRefused));
        During([Cancelled], Ignore(InvoiceCredited));

        // Asked twice, or too late, there is nothing to do.
        During([Recalling, Crediting, Rejected, Cancelled], Ignore(CancelRequested));
        During([GettingDetails, Invoicing, HandingOver, Recalling, Crediting, Completed, Rejected, Cancelled], Ignore(ResumeRequested));
        During([Suspended, Completed, Rejected, Cancelled], Ignore(StepOverdue));

        foreach (var state in new[] { Completed, Rejected, Cancelled })
            WhenEnter(state, enter => enter.Then(order => order.Saga.ForgetWhatIsNotNeededAnyLonger()));
        foreach (var state in new[] { Completed, Rejected, Cancelled, Suspended })
        {
            WhenEnter(state, enter => enter.Then(order =>
            {
                order.Saga.IsWatched = false;
                order.Saga.OverdueToldAt = null;
                Note(order, order.Saga.SuspendedBecause ?? WhySomebodyWantedIt(order));
                Tell(watch, order);
            }).ThenAsync(callbacks.Tell));
        }
    }

    public State GettingDetails { get; private set; } = null!;
    public State Invoicing { get; private set; } = null!;
    public State HandingOver { get; private set; } = null!;
    public State Recalling { get; private set; } = null!;
    public State Crediting { get; private set; } = null!;
    public State Suspended { get; private set; } = null!;
    public State Completed { get; private set; } = null!;
    public State Rejected { get; private set; } = null!;
    public State Cancelled { get; private set; } = null!;

    public Event<OrderDetailsReady> DetailsReady { get; private set; } = null!;
    public Event<OrderDetailsRejected> DetailsRejected { get; private set; } = null!;
    public Event<InvoiceIssued> InvoiceIssued { get; private set; } = null!;
    public Event<InvoiceGenerated> InvoiceGenerated { get; private set; } = null!;
    public Event<InvoiceFailed> InvoiceFailed { get; private set; } = null!;
    public Event<InvoiceCredited> InvoiceCredited { get; private set; } = null!;
    public Event<OrderHandedOver> HandedOver { get; private set; } = null!;
    public Event<HandOverFailed> HandOverFailed { get; private set; } = null!;
    public Event<HandOverRecalled> Recalled { get; private set; } = null!;
    public Event<HandOverRecallRefused> RecallRefused { get; private set; } = null!;
    public Event<CancelOrder> CancelRequested { get; private set; } = null!;
    public Event<ResumeOrder> ResumeRequested { get; private set; } = null!;
    public Event<OrderStepOverdue> StepOverdue { get; private set; } = null!;

    /// <summary>Only an order that was stored is spoken of: the saga's row commits with its first command.</summary>
    private static void About<T>(IEventCorrelationConfigurator<OrderSaga, T> message, Func<T, Guid> orderId) where T : class =>
        message.CorrelateById(x => orderId(x.Message)).OnMissingInstance(missing => missing.Fault());

    /// <summary>What is the same for every step: it is asked for again when it is overdue, and when an operator has the order go on.</summary>
    private void Step(State step, Func<OrderSaga, object> command)
    {
        WhenEnter(step, enter => enter.Then(order =>
        {
            order.Saga.StepAttempts = 0;
            BeginAttempt(order.Saga);
            Note(order, WhySomebodyWantedIt(order));
        }));
        During(step,
            When(StepOverdue, order => IsOfThisAttempt(order) && order.Saga.StepAttempts < _limits.MostAttempts)
                .Then(order => BeginAttempt(order.Saga)).Then(order => Note(order, "It did not answer in time."))
                .ThenAsync(order => order.Publish(command(order.Saga), order.CancellationToken)),
            When(StepOverdue, order => IsOfThisAttempt(order) && order.Saga.StepAttempts >= _limits.MostAttempts)
                .Then(order => Suspend(order, $"{step.Name} did not answer in time, asked {order.Saga.StepAttempts} times."))
                .TransitionTo(Suspended));
        During(Suspended,
            When(ResumeRequested, order => order.Saga.SuspendedIn == step.Name).Then(GoOn)
                .ThenAsync(order => order.Publish(command(order.Saga), order.CancellationToken)).TransitionTo(step));
    }

    /// <summary>What a message does in a step, it does to an order that is suspended in that step, too.</summary>
    private void InStep<T>(State step, Event<T> message, Func<EventActivityBinder<OrderSaga, T>, EventActivityBinder<OrderSaga, T>> then) where T : class
    {
        During(step, then(When(message)));
        During(Suspended, then(When(message, order => order.Saga.SuspendedIn == step.Name).Then(GoOn)));
    }

    private static void Tell(OrderWatch watch, BehaviorContext<OrderSaga> order)
    {
        var id = order.Saga.CorrelationId;
        order.AfterCommit(() => watch.Settle(id));
    }

    private void Note(BehaviorContext<OrderSaga> order, string? reason = null)
    {
        OrderTransition.LinkToFirst(order.Saga.Timeline);
        order.Saga.Timeline =
        [
            .. order.Saga.Timeline,
            new(order.Saga.CurrentState, _time.GetStorableNow())
            {
                On = order.SupportedMessageTypes.FirstOrDefault() is { } urn ? urn[(urn.LastIndexOf(':') + 1)..] : null,
                MessageId = order.MessageId,
                TraceId = OrderTransition.CurrentTrace,
                Reason = reason,
                By = WhoAsked(order),
            },
        ];
    }

    private static string? WhoAsked(ConsumeContext order) =>
        order.TryGetMessage<CancelOrder>(out var cancel) ? cancel.Message.RequestedBy
        : order.TryGetMessage<ResumeOrder>(out var resume) ? resume.Message.RequestedBy
        : null;

    private static string? WhySomebodyWantedIt(ConsumeContext order) =>
        order.TryGetMessage<CancelOrder>(out var cancel) ? cancel.Message.Reason
        : order.TryGetMessage<HandOverRecallRefused>(out var refusal) ? "Not cancelled. " + refusal.Message.Reason
        : null;

    private void BeginAttempt(OrderSaga order)
    {
        order.StepAttempts++;
        order.StepSince = _time.GetStorableNow();
        order.WaitsForPaper = false;
        order.IsWatched = true;
        order.OverdueToldAt = null;
    }

    /// <summary>Not of one before it, whose news came late.</summary>
    private static bool IsOfThisAttempt(BehaviorContext<OrderSaga, OrderStepOverdue> order) =>
        order.Message.Step == order.Saga.CurrentState && order.Message.Attempt == order.Saga.StepAttempts && order.Saga.OverdueToldAt is not null;

    private static void RememberDetails(BehaviorContext<OrderSaga, OrderDetailsReady> order)
    {
        order.Saga.Customer = order.Message.Customer;
        order.Saga.PricedLines = order.Message.Lines;
        order.Saga.Totals = order.Message.Totals;
        order.Saga.Currency = order.Message.Totals.Currency;
        order.Saga.Gross = order.Message.Totals.Gross;
    }

    private static void RememberReasons(BehaviorContext<OrderSaga, OrderDetailsRejected> order) =>
        order.Saga.Reasons = order.Message.Reasons;

    /// <summary>It is at work: what it takes from now on is the paper's time, and no attempt of anybody's.</summary>
    private void RememberIssuedInvoice(BehaviorContext<OrderSaga, InvoiceIssued> order)
    {
        order.Saga.InvoiceNumber = order.Message.InvoiceNumber;
        if (order.Saga.CurrentState != Invoicing.Name)
            return;
        order.Saga.StepAttempts = 0;
        BeginAttempt(order.Saga);
        order.Saga.WaitsForPaper = true;
    }

    private static void RememberPrintedInvoice(BehaviorContext<OrderSaga, InvoiceGenerated> order) =>
        order.Saga.InvoiceNumber = order.Message.InvoiceNumber;

    private static void RememberWhyItIsCancelled(BehaviorContext<OrderSaga, CancelOrder> order)
    {
        order.Saga.CancelledBecause = order.Message.Reason;
        order.Saga.CancellationRefusedBecause = null;
    }

    private static void RememberWhyItIsNotCancelled(BehaviorContext<OrderSaga, HandOverRecallRefused> order)
    {
        order.Saga.CancelledBecause = null;
        order.Saga.CancellationRefusedBecause = order.Message.Reason;
    }

    private static void Suspend(BehaviorContext<OrderSaga> order, string reason)
    {
        order.Saga.SuspendedIn = order.Saga.CurrentState;
        order.Saga.SuspendedBecause = reason;
    }

    private static void GoOn(BehaviorContext<OrderSaga> order)
    {
        order.Saga.SuspendedIn = null;
        order.Saga.SuspendedBecause = null;
    }

    private OrderRejected Rejection(BehaviorContext<OrderSaga, OrderDetailsRejected> order) => new()
    {
        OrderId = order.Saga.CorrelationId,
        Reasons = order.Message.Reasons,
        RejectedAt = _time.GetStorableNow(),
    };

    private OrderCompleted Completion(BehaviorContext<OrderSaga> order) => new()
    {
        OrderId = order.Saga.CorrelationId,
        InvoiceNumber = order.Saga.InvoiceNumber ?? throw new InvalidOperationException("A completed order has an invoice."),
        Total = order.Saga.Total ?? throw new InvalidOperationException("A completed order has a total."),
        CompletedAt = _time.GetStorableNow(),
    };

    private OrderCancelled Cancellation(BehaviorContext<OrderSaga> order) => new()
    {
        OrderId = order.Saga.CorrelationId,
        Reason = order.Saga.CancelledBecause ?? throw new InvalidOperationException("An order is cancelled for a reason."),
        CancelledAt = _time.GetStorableNow(),
    };
}

/// <summary>Queue <c>order-saga</c>.</summary>
public sealed class OrderSagaDefinition : SagaDefinition<OrderSaga>
{
    public OrderSagaDefinition() => EndpointName = "order-saga";
}
