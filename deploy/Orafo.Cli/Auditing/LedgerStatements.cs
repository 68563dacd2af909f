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

    /// <summary>orafo_order_details: what was worked out for each order, and what it holds; either without the other, too.</summary>
    public const string Details =
        """
        select coalesce(d.order_id, h.order_id) as order_id, d.accepted, d.currency, d.gross, h.state, h.taken is not null as is_stock_known
        from order_details d
        full join order_holds h on h.order_id = d.order_id
        order by 1
        """;

    /// <summary>orafo_order_details: which of the orders $1 hold what they hold for good.</summary>
    public const string Final = "select order_id from order_holds where order_id = any ($1) and state = 'final'";

    /// <summary>orafo_order_details: which of the orders $1 are known to hold nothing.</summary>
    public const string Released = "select order_id from order_holds where order_id = any ($1) and state = 'released'";

    /// <summary>orafo_order_details: articles of which other pieces are taken than orders hold. One snapshot: true at any time.</summary>
    public const string BrokenStock =
        """
        select coalesce(a.sku, h.sku) as name, coalesce(a.taken, 0)::bigint as counted, coalesce(h.pieces, 0)::bigint as held
        from articles a
        full join (
            select piece.key as sku, sum(piece.value::bigint) as pieces
            from order_holds, json_each_text(taken) piece
            where state <> 'released'
            group by piece.key) h on h.sku = a.sku
        where coalesce(a.taken, 0) <> coalesce(h.pieces, 0) or a.taken > a.stock
        order by 1
        """;

    /// <summary>orafo_order_details: coupons that are used more or less often than orders hold a use, or than they may be.</summary>
    public const string BrokenCoupons =
        """
        select c.code as name, c.uses::bigint as counted, count(h.order_id) as held
        from coupons c
        left join order_holds h on h.coupon_code = c.code and h.state <> 'released'
        group by c.code, c.uses, c.most_uses
        having c.uses <> count(h.order_id) or c.uses > c.most_uses
        order by 1
        """;

    /// <summary>orafo_ordering: how many orders' ends have not been told yet.</summary>
    public const string UnsentEnds =
        """
        select count(*)
        from outbox_message
        where split_part(split_part(message_type, ';', 1), ':', 4) in ('OrderCompleted', 'OrderRejected', 'OrderCancelled')
        """;

    /// <summary>orafo_invoicing: invoices with their delivery or the print job that it waits for, either without an invoice, and how many credit notes there are.</summary>
    public const string Invoices =
        """
        select coalesce(i.order_id, d.order_id) as order_id, i.number, i.currency, i.gross, d.invoice_number as delivery_of, d.state,
               (select count(*) from credit_notes c where c.invoice_number = i.number and c.order_id = i.order_id) as credit_notes
        from invoices i
        full join (
            select invoice_number, order_id, 'delivered' as state from invoice_deliveries
            union all
            select payload ->> 'invoiceNumber', id, case when cancel_requested then 'cancelled' else state end from print_job) d on d.invoice_number = i.number
        order by 1, 2
        """;

    /// <summary>orafo_hand_over: what was, is to be, or is not any more to be handed over.</summary>
    public const string HandOvers =
        """
        select order_id, invoice_number, currency, total, state, tracking_number
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

    /// <summary>orafo_ordering: which of $1 are being cancelled by now, or stopped on the way.</summary>
    public const string Cancelled = "select correlation_id from order_saga where correlation_id = any ($1) and current_state in ('Recalling', 'Crediting', 'Cancelled', 'Suspended')";

    /// <summary>Any service: messages that the broker has not confirmed yet, by type, with the last error of each.</summary>
    public const string Unsent =
        """
        select split_part(split_part(message_type, ';', 1), ':', 4) as message, count(*), max(last_error)
        from outbox_message
        group by 1
        order by 1
        """;
}
