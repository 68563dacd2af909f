namespace Orafo.Cli.Benchmarking;

/// <summary>What the bench asks PostgreSQL.</summary>
internal static class BenchStatements
{
    /// <summary>orafo_ordering: the orders that have come to their end; nothing while a message is on its way out, so that asking costs little.</summary>
    public const string Completed =
        """
        select case
            when exists (select from outbox_message) then 0
            else (select count(*) from order_saga where current_state = 'Completed')
        end
        """;

    /// <summary>orafo_ordering: the orders whose details are asked for; nothing while the questions are not all in the queue.</summary>
    public const string GettingDetails =
        """
        select case
            when exists (select from outbox_message) then 0
            else (select count(*) from order_saga where current_state = 'GettingDetails')
        end
        """;

    /// <summary>The transactions committed so far in the databases of all services.</summary>
    public const string Commits = "select sum(xact_commit)::bigint from pg_stat_database where datname like 'orafo%'";
}
