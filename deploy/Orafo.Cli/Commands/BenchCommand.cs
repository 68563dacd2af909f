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
    /// <param name="json">Where the figures go as JSON, besides the screen.</param>
    public static async Task<int> RunAsync(int orders, string? json, CancellationToken stop)
    {
        var data = new DataDirectory(Directory.CreateTempSubdirectory("orafo-bench-").FullName);
        data.Create();
        var report = await Measure(data, orders, stop);
        Console.Write(report.Table());
        if (json is not null)
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, Format) + "\n", stop);
        return 0;
    }

    private static async Task<BenchReport> Measure(DataDirectory data, int orders, CancellationToken stop)
    {
        using var announcer = new Announcer(data.SupervisorLog, Console.Out);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await using var supervisor = new Supervisor(data, printSeconds: 0, announcer);
        supervisor.RemoveDataAtEnd();
        var isUp = new TaskCompletionSource();
        var running = supervisor.RunAsync(isUp.SetResult, stopping.Token);
        try
        {
            await await Task.WhenAny(isUp.Task, running);
            var state = MeshState.Load(data)!;
            var postgres = Databases.ConnectionString(
                state.PostgresPort, MeshService.Named(MeshService.Ordering).Database, PrivatePostgres.User, Secrets.LoadOrCreate(data.Secrets).Postgres, connections: 2);
            var sample = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "samples", "orders", "good-espresso.json"), stop);
            using var bench = new Bench(state, postgres, sample, orders, Console.Out);
            return await bench.Run(stop);
        }
        finally
        {
            await stopping.CancelAsync();
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
