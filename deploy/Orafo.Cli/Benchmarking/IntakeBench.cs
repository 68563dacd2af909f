using System.Diagnostics;
using System.Globalization;
using System.Text;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Benchmarking;

/// <summary>What <see cref="IntakeBench"/> measured. Times in milliseconds, CPU in seconds, memory in MiB.</summary>
internal sealed record IntakeReport
{
    public required int Orders { get; init; }
    public required int Clients { get; init; }

    /// <summary>From the first POST to the last 202.</summary>
    public required double AcceptedPerSecond { get; init; }

    public required double P50Ms { get; init; }
    public required double P99Ms { get; init; }

    /// <summary>Of the service, PostgreSQL, RabbitMQ and the clients, which share the processors with them.</summary>
    public required IReadOnlyDictionary<string, double> CpuSecondsPer1000OrdersOf { get; init; }

    public required double CommitsPerOrder { get; init; }

    /// <summary>Of the service: before the orders, after half of them, and after all.</summary>
    public required IReadOnlyList<double> MemoryMiB { get; init; }

    public string Table()
    {
        var table = new StringBuilder();
        void Row(string what, FormattableString value) => table.AppendLine(CultureInfo.InvariantCulture, $"  {what,-36} {value.ToString(CultureInfo.InvariantCulture)}");
        Row($"orders, {Clients} clients", $"{Orders}");
        Row("accepted", $"{AcceptedPerSecond:0} /s");
        Row("p50 / p99", $"{P50Ms:0.0} / {P99Ms:0.0} ms");
        Row("CPU per 1000 orders", $"{CpuSecondsPer1000OrdersOf.Values.Sum():0.00} s");
        foreach (var (part, seconds) in CpuSecondsPer1000OrdersOf)
            Row("  " + part, $"{seconds:0.00} s");
        Row("commits per order", $"{CommitsPerOrder:0.00}");
        Row("memory of the service", $"{MemoryMiB[0]:0}, {MemoryMiB[1]:0}, {MemoryMiB[2]:0} MiB");
        return table.ToString();
    }
}

/// <summary>The intake by itself: orders are accepted, stored and sent on to RabbitMQ, and wait there, for the other services are stopped.</summary>
/// <param name="state">The mesh.</param>
/// <param name="api">Speaks to the intake.</param>
/// <param name="postgres">The superuser's connection string to the intake's database.</param>
/// <param name="order">What is placed.</param>
/// <param name="orders">How many.</param>
/// <param name="clients">How many place them, each one at a time.</param>
/// <param name="screen">Hears how far it is.</param>
internal sealed class IntakeBench(MeshState state, HttpClient api, string postgres, string order, int orders, int clients, TextWriter screen)
{
    /// <summary>Until the code is compiled for what it does.</summary>
    private const int WarmUpOrders = 50_000;

    private const string Load = "clients";
    private static readonly string[] Busy = [MeshService.Ordering, "postgresql", "rabbitmq", Load];

    public async Task<IntakeReport> Run(CancellationToken stop)
    {
        await using var ordering = NpgsqlDataSource.Create(postgres);
        var load = new OrderLoad(api, order, clients);
        string[] others = [MeshService.OrderDetails, MeshService.Invoicing, MeshService.HandOver];
        foreach (var other in others)
            state.Part(other).Process!.Signal(ChildProcess.Stop);
        try
        {
            var warmUp = Math.Min(orders, WarmUpOrders);
            screen.WriteLine($"Warming up with {warmUp} orders …");
            await load.PlaceAll(warmUp, stop);
            screen.WriteLine($"{orders} orders from {clients} clients …");
            var (before, memory) = (await Look(ordering, stop), Memory());
            var started = Stopwatch.GetTimestamp();
            var first = await load.PlaceAll(orders / 2, stop);
            var halfway = Memory();
            var second = await load.PlaceAll(orders - orders / 2, stop);
            var elapsed = Stopwatch.GetElapsedTime(started);
            var after = await Look(ordering, stop);

            double[] milliseconds = [.. first.Concat(second).Order()];
            return new IntakeReport
            {
                Orders = orders,
                Clients = clients,
                AcceptedPerSecond = orders / elapsed.TotalSeconds,
                P50Ms = OrderLoad.Percentile(milliseconds, 50),
                P99Ms = OrderLoad.Percentile(milliseconds, 99),
                CpuSecondsPer1000OrdersOf = Busy.ToDictionary(part => part, part => (after.CpuSeconds[part] - before.CpuSeconds[part]) * 1000 / orders, StringComparer.Ordinal),
                CommitsPerOrder = (double)(after.Commits - before.Commits) / orders,
                MemoryMiB = [memory, halfway, Memory()],
            };
        }
        finally
        {
            foreach (var other in others)
                state.Part(other).Process!.Signal(ChildProcess.Continue);
        }
    }

    private double Memory() => Usage.Memory(state)[MeshService.Ordering];

    private async Task<Usage> Look(NpgsqlDataSource ordering, CancellationToken stop)
    {
        var usage = await Usage.Of(state, ordering, stop);
        return usage with { CpuSeconds = new Dictionary<string, double>(usage.CpuSeconds, StringComparer.Ordinal) { [Load] = Environment.CpuUsage.TotalTime.TotalSeconds } };
    }
}
