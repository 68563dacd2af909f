using System.Globalization;
using Orafo.Contracts;
using Orafo.ServiceDefaults;

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

    /// <summary>How its VAT was rounded, as <see cref="SoundTotals.VatRounding"/>. Invoices from before it was kept do not say.</summary>
    public string? VatRounding { get; init; }

    /// <summary>SHA-256 over this invoice and the one before it; see README.md.</summary>
    public byte[] Chain { get; private set; } = [];

    /// <summary>Gives it its place in the chain of its series. Nothing of it may change after that.</summary>
    public void ChainTo(InvoiceSeries series) => Chain = series.Extend(
        IssuedAt,
        [
            VatRounding is null ? "orafo-invoice/1" : "orafo-invoice/2", Number, Series, Canonical.Of(Sequence), Canonical.Of(OrderId), Canonical.Of(IssueDate), Canonical.Of(IssuedAt), CustomerNumber,
            JsonColumn.ToJson(Buyer), Seller is null ? "" : JsonColumn.ToJson(Seller), JsonColumn.ToJson(Lines), JsonColumn.ToJson(Totals), Currency, Canonical.Of(Gross),
            .. VatRounding is null ? (ReadOnlySpan<string>)[] : [VatRounding],
        ]);
}

/// <summary>
/// The last number taken of a series, of invoices or of credit notes. Its row is the lock: a number is taken by the transaction that issues the
/// document, or not at all.
/// </summary>
public sealed class InvoiceSeries
{
    public required string Name { get; init; }
    public required int Last { get; set; }

    /// <summary>The chain value of the last document, or what the chain begins with.</summary>
    public required byte[] Head { get; set; }

    /// <summary>When the last document was issued.</summary>
    public DateTimeOffset? LastIssuedAt { get; set; }

    /// <summary>The next number. The row must be locked; it is written with the document.</summary>
    public int TakeNumber() => ++Last;

    /// <summary>BT-1 of the number that was taken last.</summary>
    public string LastNumber() => string.Create(CultureInfo.InvariantCulture, $"{Name}-{Last:d6}");

    /// <summary>Whatever the clocks of the instances say, nothing is dated before the document with the number before.</summary>
    public DateTimeOffset NotBeforeLast(DateTimeOffset now) => LastIssuedAt > now ? LastIssuedAt.Value : now;

    /// <summary>Appends the document with the number that was taken last.</summary>
    /// <returns>Its chain value.</returns>
    public byte[] Extend(DateTimeOffset issuedAt, ReadOnlySpan<string> fields)
    {
        LastIssuedAt = issuedAt;
        return Head = HashChain.Extend(Head, fields);
    }
}

/// <summary>Values as they enter the chain: the text that PostgreSQL, too, makes of the stored ones.</summary>
internal static class Canonical
{
    public static string Of(int value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Of(Guid value) => value.ToString("D");

    /// <summary>With the decimals that it was written with.</summary>
    public static string Of(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>ISO 8601.</summary>
    public static string Of(DateOnly value) => value.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>RFC 3339, in UTC, to the microsecond.</summary>
    public static string Of(DateTimeOffset value) => value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
