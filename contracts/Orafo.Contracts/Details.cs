namespace Orafo.Contracts;

/// <summary>Command. Look the order's articles and customer up and work its sums out.</summary>
/// <remarks>From: Ordering. To: OrderDetails. Answer: <see cref="OrderDetailsReady"/> or <see cref="OrderDetailsRejected"/>.</remarks>
public sealed record GetOrderDetails
{
    public required Guid OrderId { get; init; }
    public required string CustomerNumber { get; init; }
    public required DateTimeOffset SubmittedAt { get; init; }
    public required IReadOnlyList<OrderLine> Lines { get; init; }
    public string? CouponCode { get; init; }
}

/// <summary>Event. The order can be taken; these are its lines, sums and customer.</summary>
/// <remarks>From: OrderDetails. To: the order saga.</remarks>
public sealed record OrderDetailsReady
{
    public required Guid OrderId { get; init; }

    [PersonalData]
    public required Party Customer { get; init; }

    public required IReadOnlyList<PricedLine> Lines { get; init; }
    public required OrderTotals Totals { get; init; }
}

/// <summary>Event. The order cannot be taken, for every reason given.</summary>
/// <remarks>From: OrderDetails. To: the order saga.</remarks>
public sealed record OrderDetailsRejected
{
    public required Guid OrderId { get; init; }

    /// <summary>Never empty.</summary>
    public required IReadOnlyList<RejectionReason> Reasons { get; init; }
}
