using System.Text.Json;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>bench</c>: measures a mesh of its own, on this machine, with a printer that takes no time.</summary>
internal static class BenchCommand
{
    public const int MostOrders = 1_000_000;
    private static readonly JsonSerializerOptions Format = new(JsonSerializerOptions.Web) { WriteIndented = true };

    /// <param name="orders">How many.</param>
    /// <param name="backlogs">How many more wait before a service that is away, one after another.</param>
    /// <param name="json">Where the figures go as JSON, besides the screen.</param>
    public static async Task<int> RunAsync(int orders, IReadOnlyList<int> backlogs, string? json, CancellationToken stop)
    {
        var report = await OwnMesh.Run("bench", data => Measure(data, orders, backlogs, stop), stop);
        Console.Write(report.Table());
        if (json is not null)
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, Format) + "\n", stop);
        return 0;
    }

    private static async Task<BenchReport> Measure(DataDirectory data, int orders, IReadOnlyList<int> backlogs, CancellationToken stop)
    {
        var state = MeshState.Load(data)!;
        var postgres = Databases.ConnectionString(
            state.PostgresPort, MeshService.Named(MeshService.Ordering).Database, PrivatePostgres.User, Secrets.LoadOrCreate(data.Secrets).Postgres, connections: 2);
        var sample = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "samples", "orders", "good-espresso.json"), stop);
        using var bench = new Bench(state, postgres, sample, orders, backlogs, Console.Out);
        return await bench.Run(stop);
    }
}
