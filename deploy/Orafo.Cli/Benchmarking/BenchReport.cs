using System.Globalization;
using System.Text;

namespace Orafo.Cli.Benchmarking;

/// <summary>What a run of <c>bench</c> measured. Times in milliseconds, CPU in seconds, memory in MiB.</summary>
internal sealed record BenchReport
{
    public required int Orders { get; init; }
    public required int Clients { get; init; }

    /// <summary>From the first POST to the last Completed.</summary>
    public required double OrdersPerSecond { get; init; }

    /// <summary>Of services, devices, PostgreSQL and RabbitMQ together; the load generator is left out.</summary>
    public required double CpuSecondsPer1000Orders { get; init; }

    public required IReadOnlyDictionary<string, double> CpuSecondsPer1000OrdersOf { get; init; }

    /// <summary>One order at a time, five a second: from its 202 to the GET that says Completed.</summary>
    public required double LoneOrderP50Ms { get; init; }

    public required double LoneOrderP99Ms { get; init; }

    /// <summary>While everything else works on the same processors.</summary>
    public required double IntakePerSecond { get; init; }

    public required double IntakeP50Ms { get; init; }
    public required double IntakeP99Ms { get; init; }

    /// <summary>TCP segments with data that PostgreSQL received: what a client sends before it waits. Null without <c>ss</c>.</summary>
    public required double? SqlRoundTripsPerOrder { get; init; }

    /// <summary>Of pg_stat_database, in all four databases; what only read commits too.</summary>
    public required double CommitsPerOrder { get; init; }

    /// <summary>The most that each service and RabbitMQ have had in memory.</summary>
    public required IReadOnlyDictionary<string, double> PeakMemoryMiB { get; init; }

    /// <summary>How a service that was away catches up.</summary>
    public required IReadOnlyList<BacklogReport> Backlogs { get; init; }

    public string Table()
    {
        var table = new StringBuilder();
        void Row(string what, FormattableString value) => table.AppendLine(CultureInfo.InvariantCulture, $"  {what,-36} {value.ToString(CultureInfo.InvariantCulture)}");
        Row($"orders, {Clients} clients", $"{Orders}");
        Row("end to end", $"{OrdersPerSecond:0} orders/s");
        Row("CPU per 1000 orders", $"{CpuSecondsPer1000Orders:0.0} s");
        foreach (var (part, seconds) in CpuSecondsPer1000OrdersOf)
            Row("  " + part, $"{seconds:0.00} s");
        Row("a lone order, p50 / p99", $"{LoneOrderP50Ms:0} / {LoneOrderP99Ms:0} ms");
        Row("intake", $"{IntakePerSecond:0} /s, p50 {IntakeP50Ms:0.0}, p99 {IntakeP99Ms:0.0} ms");
        Row("SQL round trips per order", $"{SqlRoundTripsPerOrder:0.0}");
        Row("commits per order", $"{CommitsPerOrder:0.0}");
        foreach (var (part, mebibytes) in PeakMemoryMiB)
            Row($"peak memory, {part}", $"{mebibytes:0} MiB");
        foreach (var backlog in Backlogs)
            Row($"a backlog of {backlog.Orders}", $"{backlog.OrdersPerSecond:0} orders/s, {string.Join(", ", backlog.PeakMemoryMiB.Select(part => FormattableString.Invariant($"{part.Key} {part.Value:0} MiB")))}");
        return table.ToString();
    }
}

/// <summary>What became of orders that had to wait.</summary>
/// <param name="Orders">How many waited.</param>
/// <param name="OrdersPerSecond">From the moment at which the service could go on to the last Completed.</param>
/// <param name="PeakMemoryMiB">Up to then.</param>
internal sealed record BacklogReport(int Orders, double OrdersPerSecond, IReadOnlyDictionary<string, double> PeakMemoryMiB);
