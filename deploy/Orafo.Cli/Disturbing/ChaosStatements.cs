namespace Orafo.Cli.Disturbing;

/// <summary>What chaos asks PostgreSQL, in orafo_ordering.</summary>
internal static class ChaosStatements
{
    /// <summary>How many orders have come to their end.</summary>
    public const string Finished = "select count(*) from order_saga where current_state in ('Completed', 'Rejected', 'Cancelled')";

    /// <summary>Some of the orders that wait for an operator.</summary>
    public const string Suspended = "select correlation_id from order_saga where current_state = 'Suspended' order by 1 limit 100";

    /// <summary>Some of the orders that have not come to their end, and where they are.</summary>
    public const string Unfinished =
        """
        select correlation_id, current_state
        from order_saga
        where current_state not in ('Completed', 'Rejected', 'Cancelled')
        order by 1
        limit 20
        """;

    /// <summary>Every order with its key, its state, and whether it says that a cancellation came too late.</summary>
    public const string Orders =
        """
        select o.id, k.key, s.current_state, s.cancellation_refused_because is not null
        from orders o
        left join idempotency_keys k on k.order_id = o.id
        left join order_saga s on s.correlation_id = o.id
        order by 1
        """;
}
