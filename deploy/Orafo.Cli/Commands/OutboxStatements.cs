namespace Orafo.Cli.Commands;

/// <summary>What <c>outbox</c> reads and changes, in the database of one service.</summary>
internal static class OutboxStatements
{
    /// <summary>The first message of up to 100 transactions that the broker refused, the longest waiting first, and how many there are.</summary>
    public const string Refused =
        """
        select outbox_id, split_part(split_part(message_type, ';', 1), ':', 4) as message, attempts, failures >= 3 as parked, due, last_error, count(*) over ()
        from outbox_message
        where is_first and attempts > 0
        order by sent_time
        limit 100
        """;

    /// <summary>Has them sent again now. Those that fail must fail three times more before they are parked.</summary>
    public const string Retry = "update outbox_message set due = now(), failures = 0 where is_first and attempts > 0";
}
