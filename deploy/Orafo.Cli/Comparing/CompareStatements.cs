namespace Orafo.Cli.Comparing;

/// <summary>What the comparison asks PostgreSQL.</summary>
internal static class CompareStatements
{
    /// <summary>orafo_ordering: orders that are not at their end, nor waiting for an operator's word.</summary>
    public const string UnderWay = "select count(*) from order_saga where current_state not in ('Completed', 'Rejected', 'Cancelled')";
}
