namespace Orafo.Cli.Soaking;

/// <summary>What the soak asks PostgreSQL.</summary>
internal static class SoakStatements
{
    public const string CountStatements = "create extension pg_stat_statements";

    /// <summary>orafo_ordering: whether any order or message is under way.</summary>
    public const string IsUnderWay =
        """
        select exists (select from outbox_message)
            or exists (select from order_saga where current_state not in ('Completed', 'Rejected', 'Cancelled'))
        """;

    /// <summary>orafo_ordering: the orders that are completed.</summary>
    public const string Completed = "select count(*) from order_saga where current_state = 'Completed'";

    /// <summary>Each table of a service: its size and that of its indexes in bytes, and how many rows were read by going through all of it.</summary>
    public const string Tables =
        """
        select relname, pg_table_size(relid), pg_indexes_size(relid), coalesce(seq_tup_read, 0)
        from pg_stat_user_tables
        where relname <> '__EFMigrationsHistory'
        order by relname
        """;

    /// <summary>How many messages a service remembers, and for how many seconds the first of them.</summary>
    public const string Inbox = "select count(*), coalesce(extract(epoch from clock_timestamp() - min(consumed))::float8, 0) from inbox_state";

    /// <summary>The statements that cost the services most: database, calls, milliseconds in all, rows, and pages that were looked at.</summary>
    public const string Expensive =
        """
        select d.datname, s.calls, s.total_exec_time, s.rows, s.shared_blks_hit + s.shared_blks_read, regexp_replace(s.query, '\s+', ' ', 'g')
        from pg_stat_statements s
        join pg_database d on d.oid = s.dbid
        where d.datname like 'orafo%'
        order by s.total_exec_time desc
        limit 10
        """;
}
