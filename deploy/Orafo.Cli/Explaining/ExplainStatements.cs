namespace Orafo.Cli.Explaining;

/// <summary>What <c>explain</c> reads of the order $1, each statement in the database of one service.</summary>
internal static class ExplainStatements
{
    public const string Order =
        """
        select current_state, step_since, step_attempts, suspended_in, suspended_because, invoice_number, waits_for_paper, reasons::text, cancelled_because,
            cancellation_refused_because, timeline::text
        from order_saga where correlation_id = $1
        """;

    /// <summary>Its messages that have not left.</summary>
    public const string Unsent =
        """
        select split_part(split_part(message_type, ';', 1), ':', 4) as message, attempts, last_error
        from outbox_message where correlation_id = $1
        order by sequence_number
        """;

    /// <summary>A print job is named by its order.</summary>
    public const string PrintJob = "select state, group_key, attempts, due, last_error from print_job where id = $1";

    /// <summary>What the carrier is to be asked: such a job is named by its order, too.</summary>
    public const string CarrierJobs =
        """
        select 'bookings' as path, state, attempts, due, last_error from booking_job where id = $1
        union all
        select 'recalls', state, attempts, due, last_error from recall_job where id = $1
        """;
}
