using Orafo.Contracts;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Intake;

/// <summary>The answer to an accepted order. Its status is Submitted (it is stored), or, of a request that waited or resumed an order, where the order is.</summary>
public sealed record OrderAccepted(Guid Id, string Status, OrderLinks Links);

/// <summary>Where to look next.</summary>
public sealed record OrderLinks(string Self);

/// <summary>How far an order has come.</summary>
public sealed record OrderStatus
{
    public required Guid Id { get; init; }

    /// <summary>GettingDetails, Invoicing, HandingOver, Completed, Rejected or Suspended.</summary>
    public required string Status { get; init; }

    public required DateTimeOffset SubmittedAt { get; init; }
    public required string CustomerNumber { get; init; }
    public string? CouponCode { get; init; }
    public required IReadOnlyList<OrderLine> Lines { get; init; }

    /// <summary>From the moment the invoice has its number.</summary>
    public string? InvoiceNumber { get; init; }

    /// <summary>With VAT, from the moment the details are known.</summary>
    public Money? Total { get; init; }

    /// <summary>Why it was rejected: all reasons.</summary>
    public IReadOnlyList<RejectionReason>? Reasons { get; init; }

    /// <summary>Why it waits for an operator.</summary>
    public string? SuspendedBecause { get; init; }

    /// <summary>Every state the order was in, and since when.</summary>
    public required IReadOnlyList<OrderTransition> Timeline { get; init; }

    /// <param name="order">What the client placed.</param>
    /// <param name="saga">How far it has come.</param>
    public static OrderStatus Of(Order order, OrderSaga saga) => new()
    {
        Id = order.Id,
        Status = saga.CurrentState,
        SubmittedAt = order.SubmittedAt,
        CustomerNumber = order.CustomerNumber,
        CouponCode = order.CouponCode,
        Lines = order.Lines,
        InvoiceNumber = saga.InvoiceNumber,
        Total = saga.Total,
        Reasons = saga.Reasons,
        SuspendedBecause = saga.SuspendedBecause,
        Timeline = [new OrderTransition(OrderTransition.Submitted, order.SubmittedAt), .. saga.Timeline],
    };
}
