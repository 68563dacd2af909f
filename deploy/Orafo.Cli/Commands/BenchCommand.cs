using System.Text.Json;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>bench</c>: measures a mesh of its own, on this machine, with a printer that takes no time.</summary>
internal static class BenchCommand
{
    public const int MostOrders = 1_000_000;
    public const int MostClients = 1000;
    private static readonly JsonSerializerOptions Format = new(JsonSerializerOptions.Web) { WriteIndented = true };

    /// <param name="warmUp">How many before it measures.</param>
    /// <param name="orders">How many.</param>
    /// <param name="backlogs">How many more wait before a service that is away, one after another.</param>
    /// <param name="json">Where the figures go as JSON, besides the screen.</param>
    public static async Task<int> RunAsync(int warmUp, int orders, IReadOnlyList<int> backlogs, string? json, CancellationToken stop)
    {
        var report = await OwnMesh.Run("bench", data => Measure(data, warmUp, orders, backlogs, stop), stop);
        Console.Write(report.Table());
        await Write(report, json, stop);
        return 0;
    }

    /// <param name="warmUp">How many before it measures.</param>
    /// <param name="orders">How many.</param>
    /// <param name="json">Where the figures go as JSON, besides the screen.</param>
    /// <returns>0 only if no span was dropped and tracing costs no more than it may.</returns>
    public static async Task<int> TraceAsync(int warmUp, int orders, string? json, CancellationToken stop)
    {
        var report = await new TraceBench(data => Measure(data, warmUp, orders, [], stop), warmUp + Bench.LoneOrders + orders, Console.Out).Run(stop);
        Console.Write(report.Table());
        await Write(report, json, stop);
        return report.IsAsPromised ? 0 : 1;
    }

    /// <param name="orders">How many.</param>
    /// <param name="clients">How many place them.</param>
    /// <param name="json">Where the figures go as JSON, besides the screen.</param>
    public static async Task<int> IntakeAsync(int orders, int clients, string? json, CancellationToken stop)
    {
        var report = await OwnMesh.Run("bench-intake", Measure, stop);
        Console.Write(report.Table());
        await Write(report, json, stop);
        return 0;

        async Task<IntakeReport> Measure(DataDirectory data)
        {
            var state = MeshState.Load(data)!;
            using var api = Intake.Connect(data);
            return await new IntakeBench(state, api, Ordering(state, data), await Sample(stop), orders, clients, Console.Out).Run(stop);
        }
    }

    private static async Task<BenchReport> Measure(DataDirectory data, int warmUp, int orders, IReadOnlyList<int> backlogs, CancellationToken stop)
    {
        var state = MeshState.Load(data)!;
        using var bench = new Bench(state, Intake.Connect(data), Ordering(state, data), await Sample(stop), warmUp, orders, backlogs, Console.Out);
        return await bench.Run(stop);
    }

    private static string Ordering(MeshState state, DataDirectory data) => Databases.ConnectionString(
        state.PostgresPort, MeshService.Named(MeshService.Ordering).Database, PrivatePostgres.User, Secrets.LoadOrCreate(data.Secrets).Postgres, connections: 2);

    private static Task<string> Sample(CancellationToken stop) =>
        File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "samples", "orders", "good-espresso.json"), stop);

    private static async Task Write<T>(T report, string? json, CancellationToken stop)
    {
        if (json is not null)
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, Format) + "\n", stop);
    }
}
