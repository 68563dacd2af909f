namespace Orafo.Invoicing.Printing;

/// <summary>The SQL of printing beside the queue's own; {0} … are parameters.</summary>
internal static class PrintStatements
{
    /// <summary>The states of the print jobs of the orders {0} that are not over.</summary>
    public const string StatesOf = "select id, state from print_job where id = any ({0})";

    /// <summary>How many jobs of the printer {0} a worker has.</summary>
    public const string PrintingOn = "select count(*)::int as \"Value\" from print_job where state = 'running' and group_key = {0}";
}
