namespace Orafo.OrderDetails.Details;

/// <summary>What an order holds of the stock and of its coupon: one row for each order, so that it is taken once and given back once.</summary>
/// <remarks>
/// An order that is accepted holds it; one that is rejected begins as released. A cancellation that comes before the order leaves a released
/// row, too: with it the order's key is gone, and it can take nothing any longer.
/// </remarks>
public sealed class OrderHold
{
    public required Guid OrderId { get; init; }

    /// <summary>One of <see cref="HoldStates"/>.</summary>
    public required string State { get; set; }

    /// <summary>Pieces by SKU, of the articles that are counted. Null: nothing is known of it (an order from before stock was kept, or one that never came).</summary>
    public IReadOnlyDictionary<string, int>? Taken { get; init; }

    public string? CouponCode { get; init; }

    /// <summary>Who uses the coupon; null without one.</summary>
    public string? CustomerNumber { get; init; }
}

/// <summary>held ─► final | released.</summary>
public static class HoldStates
{
    /// <summary>Reserved: the order is under way.</summary>
    public const string Held = "held";

    /// <summary>The order is completed: sold, and the coupon is redeemed.</summary>
    public const string Final = "final";

    /// <summary>Nothing is held.</summary>
    public const string Released = "released";
}
