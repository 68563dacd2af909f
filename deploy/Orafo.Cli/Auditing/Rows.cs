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

/// <summary>What OrderDetails worked out.</summary>
internal sealed record DetailRow(string CustomerNumber, bool Accepted, string? Currency, decimal? Gross)
{
    public static DetailRow Read(NpgsqlDataReader row) => new(row.GetString(1), row.GetBoolean(2), row.Text(3), row.Amount(4));
}

/// <summary>An invoice, its delivery or the print job that it waits for, or (faulty) one without the other.</summary>
internal sealed record InvoiceRow(string? Number, string? Currency, decimal? Gross, string? DeliveryOf, string? State)
{
    public static InvoiceRow Read(NpgsqlDataReader row) => new(row.Text(1), row.Text(2), row.Amount(3), row.Text(4), row.Text(5));
}

/// <summary>What HandOver gave away.</summary>
internal sealed record HandOverRow(string InvoiceNumber, string Currency, decimal Total)
{
    public static HandOverRow Read(NpgsqlDataReader row) => new(row.GetString(1), row.GetString(2), row.GetDecimal(3));
}

/// <summary>Columns that may be null.</summary>
internal static class NullableColumns
{
    public static string? Text(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static decimal? Amount(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetDecimal(column);
}
