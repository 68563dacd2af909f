namespace Orafo.Contracts;

/// <summary>Command. Give the invoiced order to those who pack and ship it.</summary>
/// <remarks>
/// From: the order saga. To: HandOver. Answer: <see cref="OrderHandedOver"/> or <see cref="HandOverFailed"/>. Sent again, it has a failed hand-over tried again.
/// No answer if the order was recalled before.
/// </remarks>
public sealed record HandOverOrder
{
    public required Guid OrderId { get; init; }
    public required string CustomerNumber { get; init; }
    public required string InvoiceNumber { get; init; }

    [PersonalData]
    public required Party DeliverTo { get; init; }

    public required IReadOnlyList<OrderLine> Lines { get; init; }

    /// <summary>With VAT, as invoiced.</summary>
    public required Money Total { get; init; }
}

/// <summary>Event. The order is with those who ship it.</summary>
/// <remarks>From: HandOver. To: the order saga.</remarks>
public sealed record OrderHandedOver
{
    public required Guid OrderId { get; init; }
    public required DateTimeOffset HandedOverAt { get; init; }

    /// <summary>The carrier's number of the parcel. Since 1.1; orders handed over before it carry none.</summary>
    public string? TrackingNumber { get; init; }
}

/// <summary>Event. The order could not be handed over; an operator decides.</summary>
/// <remarks>From: HandOver. To: the order saga.</remarks>
public sealed record HandOverFailed
{
    public required Guid OrderId { get; init; }

    /// <summary>For people; never personal data.</summary>
    public required string Reason { get; init; }
}

/// <summary>Command. Get the order back before it leaves the house.</summary>
/// <remarks>
/// From: the order saga. To: HandOver. Answer: <see cref="HandOverRecalled"/> or <see cref="HandOverRecallRefused"/>. While the carrier is away there is none:
/// sent again, it has a recall that nobody tries any longer tried again.
/// </remarks>
public sealed record RecallHandOver
{
    public required Guid OrderId { get; init; }
}

/// <summary>Event. The order is back, or never left.</summary>
/// <remarks>From: HandOver. To: the order saga.</remarks>
public sealed record HandOverRecalled
{
    public required Guid OrderId { get; init; }
}

/// <summary>Event. Too late: the order has left the house.</summary>
/// <remarks>From: HandOver. To: the order saga. It is handed over then: <see cref="HandOverOrder"/>, sent again, is answered with <see cref="OrderHandedOver"/>.</remarks>
public sealed record HandOverRecallRefused
{
    public required Guid OrderId { get; init; }
    public required string Reason { get; init; }
}
