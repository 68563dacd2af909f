using Orafo.Contracts;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Intake;

/// <summary>The answer to a request about an order that will be carried out. Its status is where the order was then.</summary>
public sealed record OrderAccepted(Guid Id, string Status, OrderLinks Links);

/// <summary>Where to go next.</summary>
/// <param name="Self">How far it has come.</param>
/// <param name="Events">The same, as a stream.</param>
/// <param name="Cancellation">To be posted to, while the order has not come to its end.</param>
/// <param name="Invoice">From the moment it has its number.</param>
/// <param name="CreditNote">Of an order that was cancelled after that.</param>
public sealed record OrderLinks(string Self, string Events, string? Cancellation, string? Invoice, string? CreditNote)
{
    public static OrderLinks Of(Guid id, string status, string? invoiceNumber) => new(
        $"/orders/{id}", $"/orders/{id}/events",
        OrderStates.IsFinal(status) ? null : $"/orders/{id}/cancellation",
        invoiceNumber is null ? null : $"/orders/{id}/{OrderDocuments.Invoice}",
        invoiceNumber is null || status != nameof(OrderStateMachine.Cancelled) ? null : $"/orders/{id}/{OrderDocuments.CreditNote}");
}

/// <summary>How far an order has come.</summary>
public sealed record OrderStatus
{
    public required Guid Id { get; init; }

    /// <summary>Submitted (it is stored; only as the answer to that), GettingDetails, Invoicing, HandingOver, Completed, Rejected, Suspended, Recalling or Crediting (it is being cancelled), or Cancelled.</summary>
    public required string Status { get; init; }

    public required DateTimeOffset SubmittedAt { get; init; }
    public required string CustomerNumber { get; init; }
    public string? CouponCode { get; init; }

    /// <summary>paper or electronic; absent: paper.</summary>
    public string? InvoiceDelivery { get; init; }

    public required IReadOnlyList<OrderLine> Lines { get; init; }

    /// <summary>From the moment the invoice has its number.</summary>
    public string? InvoiceNumber { get; init; }

    /// <summary>With VAT and shipping, from the moment the details are known.</summary>
    public Money? Total { get; init; }

    /// <summary>When it will probably be done, from how long orders are in each step at present; while it is under way to that, and if it can be told.</summary>
    public DateTimeOffset? EstimatedCompletionAt { get; init; }

    /// <summary>Why it is not moving; absent while it is.</summary>
    public string? Reason { get; init; }

    /// <summary>Why it was rejected: all reasons.</summary>
    public IReadOnlyList<RejectionReason>? Reasons { get; init; }

    /// <summary>Why it waits for an operator.</summary>
    public string? SuspendedBecause { get; init; }

    /// <summary>Why it is cancelled, or being cancelled.</summary>
    public string? CancelledBecause { get; init; }

    /// <summary>Why it could not be cancelled and went on.</summary>
    public string? CancellationRefusedBecause { get; init; }

    /// <summary>Every state the order was in, since when, and what brought it there.</summary>
    public required IReadOnlyList<OrderTransition> Timeline { get; init; }

    public required OrderLinks Links { get; init; }

    /// <summary>How many transitions a timeline has for those who see it: the saga's own, and that it was stored.</summary>
    public static int TransitionsOf(IReadOnlyList<OrderTransition> timeline) => timeline.Count + 1;

    /// <summary>It is stored. The same for every request with its key.</summary>
    /// <param name="order">What the client placed.</param>
    public static OrderStatus Of(Order order) => new()
    {
        Id = order.Id,
        Status = OrderTransition.Submitted,
        SubmittedAt = order.SubmittedAt,
        CustomerNumber = order.CustomerNumber,
        CouponCode = order.CouponCode,
        InvoiceDelivery = order.InvoiceDelivery,
        Lines = order.Lines,
        Timeline = [new OrderTransition(OrderTransition.Submitted, order.SubmittedAt)],
        Links = OrderLinks.Of(order.Id, OrderTransition.Submitted, invoiceNumber: null),
    };

    /// <param name="order">What the client placed.</param>
    /// <param name="saga">How far it has come.</param>
    public static OrderStatus Of(Order order, OrderSaga saga)
    {
        var stored = Of(order);
        return stored with
        {
            Status = saga.CurrentState,
            InvoiceNumber = saga.InvoiceNumber,
            Total = saga.Total,
            Reasons = saga.Reasons,
            SuspendedBecause = saga.SuspendedBecause,
            CancelledBecause = saga.CancelledBecause,
            CancellationRefusedBecause = saga.CancellationRefusedBecause,
            Timeline = [.. stored.Timeline, .. saga.Timeline],
            Links = OrderLinks.Of(order.Id, saga.CurrentState, saga.InvoiceNumber),
        };
    }
}

/// <summary>An order in a list.</summary>
public sealed record OrderSummary
{
    public required Guid Id { get; init; }
    public required string Status { get; init; }
    public required DateTimeOffset SubmittedAt { get; init; }
    public required string CustomerNumber { get; init; }
    public string? InvoiceNumber { get; init; }
    public Money? Total { get; init; }
    public required OrderLinks Links { get; init; }
}

/// <summary>A page of orders, the oldest first.</summary>
/// <param name="Orders">Fewer than asked for, none even, do not mean that it is the last page.</param>
/// <param name="Links">Where to read on.</param>
public sealed record OrderPage(IReadOnlyList<OrderSummary> Orders, PageLinks Links);

/// <param name="Next">The next page; not there if this is the last one now.</param>
public sealed record PageLinks(string? Next);
