namespace Orafo.Cli.Benchmarking;

/// <summary>What is asked of orafo_invoicing while print jobs gather.</summary>
internal static class BacklogStatements
{
    /// <summary>How many invoices were issued.</summary>
    public const string Issued = "select coalesce(sum(last), 0) from invoice_series";

    /// <summary>How many wait for their paper.</summary>
    public const string Waiting = "select count(*) from print_job";

    /// <summary>How many are on paper.</summary>
    public const string Printed = "select count(*) from invoice_deliveries";

    /// <summary>For each invoice on paper, how long that took.</summary>
    public const string PaperSeconds =
        "select extract(epoch from d.delivered_at - i.issued_at)::float8 from invoice_deliveries d join invoices i on i.number = d.invoice_number order by i.sequence";

    /// <summary>Of those that came out at the first attempt: how many, and by how many places at most one came out before or after its place in line.</summary>
    /// <remarks>Those that were tried before wait for their next attempt, behind those that were not.</remarks>
    public const string Order =
        """
        select count(*), coalesce(max(abs(line - outside)), 0)
        from (
            select row_number() over (order by i.sequence) as line, row_number() over (order by d.delivered_at, i.sequence) as outside
            from invoice_deliveries d
            join invoices i on i.number = d.invoice_number
            join print_job_history h on h.id = d.order_id and h.attempts = 1) places
        """;
}
