namespace Orafo.Cli.Auditing;

/// <summary>What the proof of the invoices reads in orafo_invoicing. $1 is a series.</summary>
/// <remarks>Fields come as the text that README.md of Orafo.Invoicing chains; $1's documents in the order of the index on it.</remarks>
internal static class ProofStatements
{
    /// <summary>Every series, with what it says of itself: null if there are documents of it and it is not there.</summary>
    public const string Series =
        """
        select coalesce(s.name, d.series) as name, coalesce(d.is_credit, s.name like 'C%') as is_credit, s.last, s.head
        from invoice_series s
        full join (select distinct series, false as is_credit from invoices union all select distinct series, true from credit_notes) d on d.series = s.name
        order by 1, 2
        """;

    /// <summary>Its invoices.</summary>
    public const string Invoices =
        """
        select sequence, number, to_char(issue_date, 'YYYY-MM-DD') as issue_date, to_char(issued_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as issued_at,
               chain,
               array_remove(array[case when vat_rounding is null then 'orafo-invoice/1' else 'orafo-invoice/2' end, number, series, sequence::text, order_id::text, to_char(issue_date, 'YYYY-MM-DD'),
                     to_char(issued_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), customer_number,
                     buyer::text, coalesce(seller::text, ''), lines::text, totals::text, currency, gross::text, vat_rounding], null) as fields,
               true as fits
        from invoices
        where series = $1
        order by sequence
        """;

    /// <summary>Its credit notes, and whether each is over the whole amount of its order's invoice.</summary>
    public const string CreditNotes =
        """
        select c.sequence, c.number, to_char(c.issue_date, 'YYYY-MM-DD') as issue_date,
               to_char(c.issued_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as issued_at, c.chain,
               array['orafo-credit-note/1', c.number, c.series, c.sequence::text, c.order_id::text, c.invoice_number, c.reason, to_char(c.issue_date, 'YYYY-MM-DD'),
                     to_char(c.issued_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), c.currency, c.gross::text] as fields,
               coalesce((i.order_id, i.currency, i.gross) = (c.order_id, c.currency, c.gross) and c.issued_at >= i.issued_at, false) as fits
        from credit_notes c
        left join invoices i on i.number = c.invoice_number
        where c.series = $1
        order by c.sequence
        """;
}
