using Npgsql;

namespace Orafo.Cli.Auditing;

/// <summary>An order as Ordering knows it.</summary>
/// <param name="Accepted">Whether the intake has it; a saga without is an orphan.</param>
/// <param name="CustomerNumber">Who ordered.</param>
/// <param name="State">The saga's; null, and faulty, if there is none.</param>
/// <param name="InvoiceNumber">What the saga was told.</param>
/// <param name="Currency">Of <paramref name="Gross"/>.</param>
/// <param name="Gross">What the saga was told.</param>
internal sealed record OrderRow(
    bool Accepted, string CustomerNumber, string? State, string? InvoiceNumber, string? Currency, decimal? Gross)
{
    public static OrderRow Read(NpgsqlDataReader row) => new(
        row.GetBoolean(1), row.GetString(2), row.Text(3), row.Text(4), row.Text(5), row.Amount(6));
}

/// <summary>What OrderDetails worked out, and what the order holds.</summary>
/// <param name="Accepted">Null: nothing was worked out, for the order was cancelled before.</param>
/// <param name="Currency">Of <paramref name="Gross"/>.</param>
/// <param name="Gross">If it was accepted.</param>
/// <param name="Hold">held, final or released; null, and faulty, if there is none.</param>
/// <param name="IsStockKnown">Not of an order from before stock was kept.</param>
internal sealed record DetailRow(bool? Accepted, string? Currency, decimal? Gross, string? Hold, bool IsStockKnown)
{
    public static DetailRow Read(NpgsqlDataReader row) => new(
        row.IsDBNull(1) ? null : row.GetBoolean(1), row.Text(2), row.Amount(3), row.Text(4), row.GetBoolean(5));
}

/// <summary>An invoice, its delivery or the print job that it waits for, or one without the other: faulty, unless the invoice is credited.</summary>
/// <param name="State"><c>delivered</c>, or the print job's; <c>cancelled</c> if whoever prints it is asked to stop.</param>
internal sealed record InvoiceRow(string? Number, string? Currency, decimal? Gross, string? DeliveryOf, string? State, long CreditNotes)
{
    public static InvoiceRow Read(NpgsqlDataReader row) => new(row.Text(1), row.Text(2), row.Amount(3), row.Text(4), row.Text(5), row.GetInt64(6));
}

/// <summary>What HandOver gave away, is about to, or took back.</summary>
/// <param name="InvoiceNumber">Null, like the others, if it was taken back before it came.</param>
/// <param name="Currency">Of <paramref name="Total"/>.</param>
/// <param name="Total">As invoiced.</param>
/// <param name="State">How far it is.</param>
/// <param name="TrackingNumber">The carrier's; null if it has none, or was handed over before there was a carrier.</param>
internal sealed record HandOverRow(string? InvoiceNumber, string? Currency, decimal? Total, string State, string? TrackingNumber)
{
    public const string HandedOver = "handed-over";
    public const string Recalled = "recalled";

    public static HandOverRow Read(NpgsqlDataReader row) => new(row.Text(1), row.Text(2), row.Amount(3), row.GetString(4), row.Text(5));
}

/// <summary>What the carrier's own books say of an order's parcel.</summary>
internal sealed record ParcelRow(string Key, string? TrackingNumber, DateTimeOffset? RecalledAt, int Bookings);

/// <summary>Columns that may be null.</summary>
internal static class NullableColumns
{
    public static string? Text(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static decimal? Amount(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetDecimal(column);
}
