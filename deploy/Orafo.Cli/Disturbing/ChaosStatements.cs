namespace Orafo.Cli.Disturbing;

/// <summary>What chaos asks PostgreSQL.</summary>
internal static class ChaosStatements
{
    /// <summary>orafo_ordering: how many orders have come to their end.</summary>
    public const string Finished = "select count(*) from order_saga where current_state in ('Completed', 'Rejected')";
}
