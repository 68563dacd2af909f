namespace Orafo.Invoicing;

/// <summary>
/// A credit note (UNTDID 1001 code 381) over the whole amount of an invoice (Directive 2006/112/EC, art. 219). Lines, sums and buyer are the invoice's. It is
/// never changed or deleted; the database refuses.
/// </summary>
public sealed class CreditNote
{
    /// <summary>BT-1: the series and the number within it.</summary>
    public required string Number { get; init; }

    public required string Series { get; init; }

    /// <summary>Within the series, from 1, without gaps.</summary>
    public required int Sequence { get; init; }

    public required Guid OrderId { get; init; }

    /// <summary>BT-25: the invoice that it takes back.</summary>
    public required string InvoiceNumber { get; init; }

    /// <summary>BT-22.</summary>
    public required string Reason { get; init; }

    /// <summary>BT-2, in the seller's time zone.</summary>
    public required DateOnly IssueDate { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }
    public required string Currency { get; init; }

    /// <summary>BT-112, positive: what the invoice asked for.</summary>
    public required decimal Gross { get; init; }

    /// <summary>SHA-256 over this credit note and the one before it; see README.md.</summary>
    public byte[] Chain { get; private set; } = [];

    /// <summary>Gives it its place in the chain of its series. Nothing of it may change after that.</summary>
    public void ChainTo(InvoiceSeries series) => Chain = series.Extend(
        IssuedAt,
        [
            "orafo-credit-note/1", Number, Series, Canonical.Of(Sequence), Canonical.Of(OrderId), InvoiceNumber, Reason, Canonical.Of(IssueDate),
            Canonical.Of(IssuedAt), Currency, Canonical.Of(Gross),
        ]);
}

/// <summary>The tombstone of an order that was credited before it was invoiced: it never gets an invoice.</summary>
public sealed class WithheldInvoice
{
    public required Guid OrderId { get; init; }
    public required string Reason { get; init; }
    public required DateTimeOffset WithheldAt { get; init; }
}
