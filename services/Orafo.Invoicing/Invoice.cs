using Orafo.Contracts;

namespace Orafo.Invoicing;

/// <summary>An invoice as issued. It is never changed or deleted; the database refuses.</summary>
public sealed class Invoice
{
    /// <summary>BT-1: the series and the number within it.</summary>
    public required string Number { get; init; }

    public required string Series { get; init; }

    /// <summary>Within the series, from 1, without gaps.</summary>
    public required int Sequence { get; init; }

    public required Guid OrderId { get; init; }

    /// <summary>BT-2, in the seller's time zone.</summary>
    public required DateOnly IssueDate { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }
    public required string CustomerNumber { get; init; }

    [PersonalData]
    public required Party Buyer { get; init; }

    /// <summary>As on the day of issue. Invoices from before it was kept have none.</summary>
    public Seller? Seller { get; init; }

    public required IReadOnlyList<PricedLine> Lines { get; init; }
    public required OrderTotals Totals { get; init; }
    public required string Currency { get; init; }

    /// <summary>BT-112.</summary>
    public required decimal Gross { get; init; }
}

/// <summary>The last number taken of a series. Its row is the lock: a number is taken by the transaction that issues the invoice, or not at all.</summary>
public sealed class InvoiceSeries
{
    public required string Name { get; init; }
    public required int Last { get; set; }

    /// <summary>The next number. The row must be locked; it is written with the invoice.</summary>
    public int TakeNumber() => ++Last;
}
