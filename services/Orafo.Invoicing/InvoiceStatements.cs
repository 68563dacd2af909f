namespace Orafo.Invoicing;

/// <summary>The SQL of numbering.</summary>
internal static class InvoiceStatements
{
    /// <summary>Takes the next number of a series and holds the series until the transaction ends.</summary>
    /// <remarks>Why no SEQUENCE: it does not give a number back that a rolled-back transaction took, and leaves a gap.</remarks>
    public const string TakeNumber =
        """
        insert into invoice_series as series (name, last)
        values ({0}, 1)
        on conflict (name) do update set last = series.last + 1
        returning last as "Value"
        """;
}
