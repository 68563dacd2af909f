using MassTransit;
using Orafo.Contracts;
using Orafo.Ordering.Intake;

namespace Orafo.Ordering.Saga;

/// <summary>How far one order has come, and what its next steps need to know.</summary>
public sealed class OrderSaga : SagaStateMachineInstance
{
    /// <summary>The order's id.</summary>
    public Guid CorrelationId { get; set; }

    public string CurrentState { get; set; } = "";
    public string CustomerNumber { get; set; } = "";
    public string? CouponCode { get; set; }
    public DateTimeOffset SubmittedAt { get; set; }
    public IReadOnlyList<OrderLine> Lines { get; set; } = [];

    /// <summary>Kept while a later step needs it, and forgotten when the order has come to its end.</summary>
    [PersonalData]
    public Party? Customer { get; set; }

    public IReadOnlyList<PricedLine>? PricedLines { get; set; }
    public OrderTotals? Totals { get; set; }

    /// <summary>Of <see cref="Gross"/>; both stand in columns of their own so that an audit can add them up.</summary>
    public string? Currency { get; set; }

    /// <summary>With VAT.</summary>
    public decimal? Gross { get; set; }

    public string? InvoiceNumber { get; set; }
    public IReadOnlyList<RejectionReason>? Reasons { get; set; }

    /// <summary>The step that did not get on; set while the order is suspended.</summary>
    public string? SuspendedIn { get; set; }

    public string? SuspendedBecause { get; set; }
    public IReadOnlyList<OrderTransition> Timeline { get; set; } = [];

    public Money? Total => Gross is { } gross && Currency is { } currency ? new Money(gross, currency) : null;

    /// <summary>The saga of an order. One transaction stores the order, this, and the first command, <see cref="GetDetails"/>.</summary>
    public static OrderSaga Begin(Order order) => new()
    {
        CorrelationId = order.Id,
        CurrentState = nameof(OrderStateMachine.GettingDetails),
        CustomerNumber = order.CustomerNumber,
        CouponCode = order.CouponCode,
        SubmittedAt = order.SubmittedAt,
        Lines = order.Lines,
        Timeline = [new(nameof(OrderStateMachine.GettingDetails), order.SubmittedAt)],
    };

    public GetOrderDetails GetDetails() => new()
    {
        OrderId = CorrelationId,
        CustomerNumber = CustomerNumber,
        SubmittedAt = SubmittedAt,
        Lines = Lines,
        CouponCode = CouponCode,
    };

    public GenerateInvoice GenerateInvoice() => new()
    {
        OrderId = CorrelationId,
        CustomerNumber = CustomerNumber,
        Customer = Known(Customer),
        Lines = Known(PricedLines),
        Totals = Known(Totals),
    };

    public HandOverOrder HandOver() => new()
    {
        OrderId = CorrelationId,
        CustomerNumber = CustomerNumber,
        InvoiceNumber = Known(InvoiceNumber),
        DeliverTo = Known(Customer),
        Lines = Lines,
        Total = Known(Total),
    };

    /// <summary>What is only needed on the way, personal data above all.</summary>
    public void ForgetWhatIsNotNeededAnyLonger()
    {
        Customer = null;
        PricedLines = null;
        Totals = null;
    }

    private T Known<T>(T? value) where T : class => value
        ?? throw new InvalidOperationException($"Order {CorrelationId} is {CurrentState} without knowing its {typeof(T).Name}.");
}

/// <summary>An order entered a state.</summary>
public sealed record OrderTransition(string State, DateTimeOffset At)
{
    /// <summary>The order is stored; it is what the client hears first.</summary>
    public const string Submitted = "Submitted";
}
