using System.Diagnostics;
using System.Text.Json.Serialization;
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

    /// <summary>Of the state machine that began it: <see cref="OrderStateMachine.Version"/>.</summary>
    public int Version { get; set; }

    /// <summary>Who placed it: <see cref="Order.Client"/>.</summary>
    public string Client { get; set; } = "";

    public string CustomerNumber { get; set; } = "";
    public string? CouponCode { get; set; }

    /// <summary>One of <see cref="InvoiceMedium"/>; null: paper.</summary>
    public string? InvoiceDelivery { get; set; }

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

    /// <summary>Why it is cancelled, or was to be.</summary>
    public string? CancelledBecause { get; set; }

    /// <summary>Why it could not be cancelled.</summary>
    public string? CancellationRefusedBecause { get; set; }

    /// <summary>How often the current step was asked for.</summary>
    public int StepAttempts { get; set; }

    /// <summary>When the current step was asked for the last time, or last said that it is at work.</summary>
    public DateTimeOffset StepSince { get; set; }

    /// <summary>The invoice is issued and waits for the printer, for hours if need be.</summary>
    public bool WaitsForPaper { get; set; }

    /// <summary>An answer is due, and somebody looks whether it is overdue.</summary>
    public bool IsWatched { get; set; }

    /// <summary>When this was last said of the current attempt: <see cref="OrderStepOverdue"/>.</summary>
    public DateTimeOffset? OverdueToldAt { get; set; }

    public IReadOnlyList<OrderTransition> Timeline { get; set; } = [];

    public Money? Total => Gross is { } gross && Currency is { } currency ? new Money(gross, currency) : null;

    /// <summary>The saga of an order. One transaction stores the order, this, and the first command, <see cref="GetDetails"/>.</summary>
    public static OrderSaga Begin(Order order) => new()
    {
        CorrelationId = order.Id,
        CurrentState = nameof(OrderStateMachine.GettingDetails),
        Client = order.Client,
        CustomerNumber = order.CustomerNumber,
        CouponCode = order.CouponCode,
        InvoiceDelivery = order.InvoiceDelivery,
        SubmittedAt = order.SubmittedAt,
        Lines = order.Lines,
        Version = OrderStateMachine.Version,
        StepAttempts = 1,
        StepSince = order.SubmittedAt,
        IsWatched = true,
        Timeline = [new(nameof(OrderStateMachine.GettingDetails), order.SubmittedAt) { TraceId = OrderTransition.CurrentTrace, SpanId = OrderTransition.CurrentSpan }],
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
        Delivery = InvoiceDelivery,
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

    public RecallHandOver Recall() => new() { OrderId = CorrelationId };

    public CreditInvoice Credit() => new() { OrderId = CorrelationId, Reason = Known(CancelledBecause) };

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

/// <summary>An order entered a state, or asked for its step once more.</summary>
public sealed record OrderTransition(string State, DateTimeOffset At)
{
    /// <summary>The order is stored; it is what the client hears first.</summary>
    public const string Submitted = "Submitted";

    /// <summary>The message that brought it there; the request, where there is none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? On { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? MessageId { get; init; }

    /// <summary>W3C Trace Context: where it can be looked at, with all that belonged to it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TraceId { get; init; }

    /// <summary>W3C Trace Context: of the request that placed it, to which other traces of the order are linked; null of what came after.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? SpanId { get; init; }

    /// <summary>Why, where somebody said so: for people, never personal data.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>The client that asked for it; null for what the machine does by itself, and for what the version before was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? By { get; init; }

    /// <summary>Null where nobody traces.</summary>
    internal static string? CurrentTrace => Activity.Current?.TraceId.ToHexString();

    internal static string? CurrentSpan => Activity.Current?.SpanId.ToHexString();

    /// <summary>Links the current span with the request that placed the order, if it is in another trace: the order was resumed, cancelled, or asked for again.</summary>
    /// <param name="timeline">The order's.</param>
    internal static void LinkToFirst(IReadOnlyList<OrderTransition> timeline)
    {
        if (timeline is [{ TraceId: { } trace, SpanId: { } span }, ..] && Activity.Current is { } current && current.TraceId.ToHexString() != trace)
            current.AddLink(new(new(ActivityTraceId.CreateFromString(trace), ActivitySpanId.CreateFromString(span), ActivityTraceFlags.Recorded, isRemote: true)));
    }
}
