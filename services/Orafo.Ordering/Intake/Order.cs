using Orafo.Contracts;

namespace Orafo.Ordering.Intake;

/// <summary>An order as the client placed it. Never changed: how far it has come is the saga's.</summary>
public sealed class Order
{
    /// <summary>UUID v7: time-ordered.</summary>
    public required Guid Id { get; init; }

    /// <summary>Who placed it, and sees it. Empty for what was accepted before there were clients: only an administrator sees that.</summary>
    public required string Client { get; init; }

    public required string CustomerNumber { get; init; }
    public string? CouponCode { get; init; }

    /// <summary>One of <see cref="InvoiceMedium"/>; null: paper.</summary>
    public string? InvoiceDelivery { get; init; }

    public required IReadOnlyList<OrderLine> Lines { get; init; }
    public required DateTimeOffset SubmittedAt { get; init; }
}

/// <summary>A client's promise that a request with this key is the same request (IETF draft-ietf-httpapi-idempotency-key-header).</summary>
/// <remarks>Two clients may have the same key and know nothing of each other.</remarks>
public sealed class IdempotencyKey
{
    /// <summary>In characters, all of them visible ASCII.</summary>
    public const int Longest = 255;

    public required string Client { get; init; }
    public required string Key { get; init; }

    /// <summary>SHA-256 of the order: the key with another order is the client's mistake.</summary>
    public required byte[] RequestHash { get; init; }

    public required Guid OrderId { get; init; }
    public required DateTimeOffset UsedAt { get; init; }
}
