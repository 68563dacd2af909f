namespace Orafo.Cli.Auditing;

/// <summary>What the audit reads, each statement in the database of one service. $1 … are parameters.</summary>
/// <remarks>All rows come in the order of the order's id, so that the ledgers can be laid side by side without holding any of them.</remarks>
internal static class LedgerStatements
{
    /// <summary>orafo_ordering: every order that was accepted or that a saga carries: the same ones, for one transaction stores both.</summary>
    public const string Orders =
        """
        select coalesce(o.id, s.correlation_id) as order_id,
               o.id is not null as accepted,
               coalesce(o.customer_number, s.customer_number) as customer_number,
               s.current_state,
               s.invoice_number,
               s.currency,
               s.gross
        from orders o
        full join order_saga s on s.correlation_id = o.id
        order by 1
        """;

    /// <summary>orafo_order_details: what was worked out for each order.</summary>
    public const string Details =
        """
        select order_id, customer_number, accepted, currency, gross
        from order_details
        order by order_id
        """;

    /// <summary>orafo_invoicing: invoices with their delivery or the print job that it waits for, and either without an invoice.</summary>
    public const string Invoices =
        """
        select coalesce(i.order_id, d.order_id) as order_id, i.number, i.currency, i.gross, d.invoice_number as delivery_of, d.state
        from invoices i
        full join (
            select invoice_number, order_id, 'delivered' as state from invoice_deliveries
            union all
            select payload ->> 'invoiceNumber', id, state from print_job) d on d.invoice_number = i.number
        order by 1, 2
        """;

    /// <summary>orafo_hand_over: what was handed over.</summary>
    public const string HandOvers =
        """
        select order_id, invoice_number, currency, total
        from hand_overs
        order by order_id
        """;

    /// <summary>orafo_invoicing: series whose numbers are not exactly 1, 2, 3 …</summary>
    public const string BrokenSeries =
        """
        select series, count(*), min(sequence), max(sequence)
        from (select series, sequence from invoices union all select series, sequence from credit_notes) issued
        group by series
        having min(sequence) <> 1 or max(sequence) <> count(*) or count(distinct sequence) <> count(*)
        order by series
        """;

    /// <summary>orafo_ordering: which of $1 were accepted by now.</summary>
    public const string Accepted = "select id from orders where id = any ($1)";

    /// <summary>Any service: messages that the broker has not confirmed yet, by type, with the last error of each.</summary>
    public const string Unsent =
        """
        select split_part(split_part(message_type, ';', 1), ':', 4) as message, count(*), max(last_error)
        from outbox_message
        group by 1
        order by 1
        """;
}
