using MassTransit;
using Orafo.Contracts;
using Orafo.Ordering.Intake;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Saga;

/// <summary>Who is next. It only says so: each step does its own work and answers.</summary>
/// <remarks>
/// <code>
/// In               On                       Do                Then
/// (new)            POST /orders             GetOrderDetails   GettingDetails
/// GettingDetails   OrderDetailsReady        GenerateInvoice   Invoicing
/// GettingDetails   OrderDetailsRejected     OrderRejected     Rejected
/// Invoicing        InvoiceIssued            -                 Invoicing
/// Invoicing        InvoiceGenerated         HandOverOrder     HandingOver
/// Invoicing        InvoiceFailed            -                 Suspended
/// HandingOver      OrderHandedOver          OrderCompleted    Completed
/// HandingOver      HandOverFailed           -                 Suspended
/// Suspended        ResumeOrder              the step's command   that step
/// Suspended        the step's own answer    the next command     the next step
/// </code>
/// It begins without a message: the transaction that stores the order writes the saga's row and its first command (<see cref="OrderSaga.Begin"/>).
/// An answer that comes back after its state is over is a redelivery and is ignored; one that comes too early is a bug and faults.
/// </remarks>
public sealed class OrderStateMachine : MassTransitStateMachine<OrderSaga>
{
    /// <param name="time">The timeline's.</param>
    /// <param name="watch">Is told that an order needs nothing more.</param>
    public OrderStateMachine(TimeProvider time, OrderWatch watch)
    {
        InstanceState(order => order.CurrentState);

        Event(() => DetailsReady, message => AnswerTo(message, x => x.OrderId));
        Event(() => DetailsRejected, message => AnswerTo(message, x => x.OrderId));
        Event(() => InvoiceIssued, message => AnswerTo(message, x => x.OrderId));
        Event(() => InvoiceGenerated, message => AnswerTo(message, x => x.OrderId));
        Event(() => InvoiceFailed, message => AnswerTo(message, x => x.OrderId));
        Event(() => HandedOver, message => AnswerTo(message, x => x.OrderId));
        Event(() => HandOverFailed, message => AnswerTo(message, x => x.OrderId));
        Event(() => ResumeRequested, message => AnswerTo(message, x => x.OrderId));

        During(GettingDetails,
            When(DetailsReady).Then(RememberDetails)
                .Publish(order => order.Saga.GenerateInvoice()).TransitionTo(Invoicing),
            When(DetailsRejected).Then(RememberReasons)
                .Publish(order => Rejection(order, time)).TransitionTo(Rejected));

        During(Invoicing,
            When(InvoiceIssued).Then(RememberInvoice),
            When(InvoiceGenerated).Then(RememberPrintedInvoice)
                .Publish(order => order.Saga.HandOver()).TransitionTo(HandingOver),
            When(InvoiceFailed).Then(order => Suspend(order, order.Message.Reason))
                .TransitionTo(Suspended));

        During(HandingOver,
            When(HandedOver)
                .Publish(order => Completion(order, time)).TransitionTo(Completed),
            When(HandOverFailed).Then(order => Suspend(order, order.Message.Reason))
                .TransitionTo(Suspended));

        During(Suspended,
            When(ResumeRequested, WhileInvoicing).Then(GoOn)
                .Publish(order => order.Saga.GenerateInvoice()).TransitionTo(Invoicing),
            When(ResumeRequested, WhileHandingOver).Then(GoOn)
                .Publish(order => order.Saga.HandOver()).TransitionTo(HandingOver),
            When(InvoiceIssued).Then(RememberInvoice),
            When(InvoiceGenerated, WhileInvoicing).Then(RememberPrintedInvoice).Then(GoOn)
                .Publish(order => order.Saga.HandOver()).TransitionTo(HandingOver),
            When(HandedOver, WhileHandingOver).Then(GoOn)
                .Publish(order => Completion(order, time)).TransitionTo(Completed));

        // Messages arrive at least once, so an answer may return after its state is over.
        During([Invoicing, HandingOver, Suspended, Completed, Rejected], Ignore(DetailsReady), Ignore(DetailsRejected));
        During([HandingOver, Completed], Ignore(InvoiceIssued), Ignore(InvoiceGenerated), Ignore(InvoiceFailed));
        During(Suspended, Ignore(InvoiceFailed), Ignore(HandOverFailed));
        During(Completed, Ignore(HandedOver), Ignore(HandOverFailed));

        // Only a suspended order can go on: asked twice, or too late, there is nothing to do.
        During([GettingDetails, Invoicing, HandingOver, Completed, Rejected], Ignore(ResumeRequested));

        WhenEnter(Completed, enter => enter.Then(order => order.Saga.ForgetWhatIsNotNeededAnyLonger()));
        WhenEnter(Rejected, enter => enter.Then(order => order.Saga.ForgetWhatIsNotNeededAnyLonger()));
        foreach (var state in new[] { Completed, Rejected, Suspended })
            WhenEnter(state, enter => enter.Then(order => Tell(watch, order)));
        foreach (var state in new[] { Invoicing, HandingOver, Suspended, Completed, Rejected })
            WhenEnter(state, enter => enter.Then(order => order.Saga.Timeline = [.. order.Saga.Timeline, new(state.Name, time.GetStorableNow())]));
    }

    public State GettingDetails { get; private set; } = null!;
    public State Invoicing { get; private set; } = null!;
    public State HandingOver { get; private set; } = null!;
    public State Suspended { get; private set; } = null!;
    public State Completed { get; private set; } = null!;
    public State Rejected { get; private set; } = null!;

    public Event<OrderDetailsReady> DetailsReady { get; private set; } = null!;
    public Event<OrderDetailsRejected> DetailsRejected { get; private set; } = null!;
    public Event<InvoiceIssued> InvoiceIssued { get; private set; } = null!;
    public Event<InvoiceGenerated> InvoiceGenerated { get; private set; } = null!;
    public Event<InvoiceFailed> InvoiceFailed { get; private set; } = null!;
    public Event<OrderHandedOver> HandedOver { get; private set; } = null!;
    public Event<HandOverFailed> HandOverFailed { get; private set; } = null!;
    public Event<ResumeOrder> ResumeRequested { get; private set; } = null!;

    /// <summary>Only an order that was stored can be answered: the saga's row commits with its first command.</summary>
    private static void AnswerTo<T>(IEventCorrelationConfigurator<OrderSaga, T> message, Func<T, Guid> orderId) where T : class =>
        message.CorrelateById(x => orderId(x.Message)).OnMissingInstance(missing => missing.Fault());

    private static void Tell(OrderWatch watch, BehaviorContext<OrderSaga> order)
    {
        var id = order.Saga.CorrelationId;
        order.AfterCommit(() => watch.Settle(id));
    }

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

    private static void RememberInvoice(BehaviorContext<OrderSaga, InvoiceIssued> order) =>
        order.Saga.InvoiceNumber = order.Message.InvoiceNumber;

    private static void RememberPrintedInvoice(BehaviorContext<OrderSaga, InvoiceGenerated> order) =>
        order.Saga.InvoiceNumber = order.Message.InvoiceNumber;

    private static void Suspend(BehaviorContext<OrderSaga> order, string reason)
    {
        order.Saga.SuspendedIn = order.Saga.CurrentState;
        order.Saga.SuspendedBecause = reason;
        LogContext.Warning?.Log("Order {OrderId} is suspended in {State}: {Reason}", order.Saga.CorrelationId, order.Saga.CurrentState, reason);
    }

    private static void GoOn(BehaviorContext<OrderSaga> order)
    {
        order.Saga.SuspendedIn = null;
        order.Saga.SuspendedBecause = null;
    }

    private bool WhileInvoicing(BehaviorContext<OrderSaga> order) => order.Saga.SuspendedIn == Invoicing.Name;

    private bool WhileHandingOver(BehaviorContext<OrderSaga> order) => order.Saga.SuspendedIn == HandingOver.Name;

    private static OrderRejected Rejection(BehaviorContext<OrderSaga, OrderDetailsRejected> order, TimeProvider time) => new()
    {
        OrderId = order.Saga.CorrelationId,
        Reasons = order.Message.Reasons,
        RejectedAt = time.GetStorableNow(),
    };

    private static OrderCompleted Completion(BehaviorContext<OrderSaga> order, TimeProvider time) => new()
    {
        OrderId = order.Saga.CorrelationId,
        InvoiceNumber = order.Saga.InvoiceNumber ?? throw new InvalidOperationException("A completed order has an invoice."),
        Total = order.Saga.Total ?? throw new InvalidOperationException("A completed order has a total."),
        CompletedAt = time.GetStorableNow(),
    };
}

/// <summary>Queue <c>order-saga</c>.</summary>
public sealed class OrderSagaDefinition : SagaDefinition<OrderSaga>
{
    public OrderSagaDefinition() => EndpointName = "order-saga";
}
