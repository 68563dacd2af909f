using System.Globalization;

namespace Orafo.Cli.Benchmarking;

/// <summary>The SQL of the queue's bench.</summary>
internal static class QueueBenchStatements
{
    /// <summary>Transactions of all databases, as far as the statistics know.</summary>
    public const string Commits = "select sum(xact_commit)::bigint from pg_stat_database";

    /// <summary>As many jobs of one tenant as are missing to so many.</summary>
    public static string Fill(string queue, int jobs) => string.Create(CultureInfo.InvariantCulture,
        $$$"""
        insert into {{{queue}}} (payload, metadata)
        select '{"isProbe": false}', '{"tenant": "bulk"}' from generate_series(1, {{{jobs}}} - (select count(*) from {{{queue}}}))
        """);
}
