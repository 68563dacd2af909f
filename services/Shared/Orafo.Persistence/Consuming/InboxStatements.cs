namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The inbox's SQL.</summary>
internal static class InboxStatements
{
    /// <summary>Says that consumer $2 handles the messages $1. Those that do not come back it handled already: they are duplicates.</summary>
    /// <remarks>
    /// While another transaction holds the same key uncommitted, this waits for its end, so two deliveries never both go on.
    /// Sorted, so that two that wait for each other are rare.
    /// </remarks>
    public const string TryEnter =
        """
        insert into inbox_state (message_id, consumer_id)
        select message_id, $2
        from unnest($1::uuid[]) as d (message_id)
        order by message_id
        on conflict do nothing
        returning message_id
        """;

    /// <summary>Says that each consumer of $2 has handled the message of $1 beside it; an error if one of them did so already.</summary>
    /// <remarks>It too waits for another transaction with the same key; sorted, so that two that wait for each other are rare.</remarks>
    public const string Enter =
        """
        insert into inbox_state (message_id, consumer_id)
        select message_id, consumer_id
        from unnest($1::uuid[], $2::uuid[]) as d (message_id, consumer_id)
        order by message_id, consumer_id
        """;

    /// <summary>Forgets what is older than the window, a bounded number at a time: short transactions, no table-wide lock.</summary>
    public const string Forget =
        """
        delete from inbox_state
        where ctid = any (array(
            select ctid from inbox_state
            where consumed < now() - $1::interval
            order by consumed
            limit $2
            for update skip locked))
        """;

    /// <summary>Counts the first attempt of consumer $2 at the message $1, which came again.</summary>
    /// <remarks>Counts nothing, and changes no row, if it was counted before, or if the message is a duplicate: that does no harm.</remarks>
    public const string CountFirstAttempt =
        """
        insert into inbox_attempt (message_id, consumer_id, attempts)
        select $1, $2, 1
        where not exists (select from inbox_state where message_id = $1 and consumer_id = $2)
        on conflict do nothing
        """;

    /// <summary>Counts another attempt of consumer $2 at the message $1 and returns how many there were; none of a duplicate.</summary>
    public const string CountAttempt =
        """
        update inbox_attempt
        set attempts = attempts + 1, begun = now()
        where message_id = $1 and consumer_id = $2
            and not exists (select from inbox_state where message_id = $1 and consumer_id = $2)
        returning attempts
        """;

    /// <summary>Whatever consumer $2 did with the message $1 is over.</summary>
    public const string ForgetAttempts = "delete from inbox_attempt where message_id = $1 and consumer_id = $2";

    /// <summary>Forgets the attempts at what has not come again for the window $1. There are few: they need no index.</summary>
    public const string ForgetOldAttempts = "delete from inbox_attempt where begun < now() - $1::interval";
}
