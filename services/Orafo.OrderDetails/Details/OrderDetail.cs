using Orafo.Contracts;

namespace Orafo.OrderDetails.Details;

/// <summary>What was found out about an order, once: a repeated question gets the same answer.</summary>
public sealed class OrderDetail
{
    public required Guid OrderId { get; init; }
    public required string CustomerNumber { get; init; }
    public required bool Accepted { get; init; }
    public string? CouponCode { get; init; }

    [PersonalData]
    public Party? Customer { get; init; }

    public required IReadOnlyList<PricedLine> Lines { get; init; }
    public OrderTotals? Totals { get; init; }
    public required IReadOnlyList<RejectionReason> Reasons { get; init; }
    public string? Currency { get; init; }
    public decimal? Gross { get; init; }
    public required DateTimeOffset PreparedAt { get; init; }

    public object ToAnswer() => Accepted
        ? new OrderDetailsReady { OrderId = OrderId, Customer = Customer!, Lines = Lines, Totals = Totals! }
        : new OrderDetailsRejected { OrderId = OrderId, Reasons = Reasons };
}
