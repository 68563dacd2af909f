using Orafo.Contracts;

namespace Orafo.HandOver;

/// <summary>An order on its way to the carrier, and perhaps back; at most one an order.</summary>
/// <remarks>
/// <code>
/// In            On                       Do                             Then
/// (new)         HandOverOrder            book                           booking
/// (new)         RecallHandOver           HandOverRecalled               recalled      the tombstone of an order that never came here
/// booking       booked                   OrderHandedOver, tell the shop handed-over
/// booking       refused, or given up     HandOverFailed                 booking       until HandOverOrder comes again
/// booking       RecallHandOver           recall                         recalling
/// handed-over   RecallHandOver           recall                         recalling
/// recalling     recalled                 HandOverRecalled               recalled
/// recalling     picked up                HandOverRecallRefused          handed-over
/// handed-over   HandOverOrder            OrderHandedOver                handed-over
/// recalled      RecallHandOver           HandOverRecalled               recalled
/// recalling, recalled   HandOverOrder    -                              (same)
/// </code>
/// Whoever changes the state says from which: two who do it at the same time do it one after the other.
/// </remarks>
public sealed class Shipment
{
    /// <summary>The carrier is asked to take it, until it does.</summary>
    public const string Booking = "booking";

    /// <summary>The carrier has it.</summary>
    public const string HandedOver = "handed-over";

    /// <summary>The carrier is asked to let go of it, until it does or says that it is too late.</summary>
    public const string Recalling = "recalling";

    /// <summary>The carrier has not got it, and never will.</summary>
    public const string Recalled = "recalled";

    public required Guid OrderId { get; init; }

    /// <summary>One of the above.</summary>
    public required string State { get; set; }

    /// <summary>Like all that the order says: null if it was recalled before it came here.</summary>
    public string? CustomerNumber { get; init; }

    public string? InvoiceNumber { get; init; }

    /// <summary>Forgotten when it is recalled.</summary>
    [PersonalData]
    public Party? DeliverTo { get; set; }

    public IReadOnlyList<OrderLine>? Lines { get; init; }
    public string? Currency { get; init; }

    /// <summary>With VAT, as invoiced.</summary>
    public decimal? Total { get; init; }

    /// <summary>When the first command came.</summary>
    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>The carrier's. Orders that were handed over before there was one have none.</summary>
    public string? TrackingNumber { get; set; }

    /// <summary>Stays when it is recalled: others were told.</summary>
    public DateTimeOffset? HandedOverAt { get; set; }

    public DateTimeOffset? RecalledAt { get; set; }

    public OrderHandedOver ToHandedOver() => new()
    {
        OrderId = OrderId,
        HandedOverAt = HandedOverAt ?? throw new InvalidOperationException($"Order {OrderId} is {State}."),
        TrackingNumber = TrackingNumber,
    };

    /// <summary>To be changed in a transaction that may be run twice: what was read stays as it is.</summary>
    public Shipment Copy() => (Shipment)MemberwiseClone();
}
