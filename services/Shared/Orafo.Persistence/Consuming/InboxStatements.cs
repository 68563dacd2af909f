namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The inbox's SQL.</summary>
internal static class InboxStatements
{
    /// <summary>Says that this consumer handles this message. No row inserted: it did so already, the delivery is a duplicate.</summary>
    /// <remarks>While another transaction holds the same key uncommitted, this waits for its end, so two deliveries never both go on.</remarks>
    public const string Enter =
        """
        insert into inbox_state (message_id, consumer_id)
        values ($1, $2)
        on conflict do nothing
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
}
