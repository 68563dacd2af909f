using Orafo.Contracts;

namespace Orafo.Invoicing;

/// <summary>How an invoice got out. There is one for an invoice that waits for nothing any more.</summary>
public sealed class InvoiceDelivery
{
    public required string InvoiceNumber { get; init; }
    public required Guid OrderId { get; init; }

    /// <summary>One of <see cref="InvoiceMedium"/>.</summary>
    public required string Medium { get; init; }

    /// <summary>Where the paper came out.</summary>
    public string? Printer { get; init; }

    public required DateTimeOffset DeliveredAt { get; init; }
}
