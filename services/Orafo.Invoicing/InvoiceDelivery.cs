namespace Orafo.Invoicing;

/// <summary>How an invoice got out. There is one for an invoice that waits for nothing any more.</summary>
public sealed class InvoiceDelivery
{
    public const string Paper = "paper";

    /// <summary>Whoever wants it reads it here; nothing is printed.</summary>
    public const string Electronic = "electronic";

    public required string InvoiceNumber { get; init; }
    public required Guid OrderId { get; init; }

    /// <summary><see cref="Paper"/> or <see cref="Electronic"/>.</summary>
    public required string Medium { get; init; }

    /// <summary>Where the paper came out.</summary>
    public string? Printer { get; init; }

    public required DateTimeOffset DeliveredAt { get; init; }
}
