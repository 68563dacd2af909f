using System.Globalization;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;
using Orafo.Cli.Soaking;

namespace Orafo.Cli.Commands;

/// <summary><c>soak</c>: keeps a mesh of its own under load for long, and looks for what grows.</summary>
internal static class SoakCommand
{
    public const int MostOrders = 10_000_000;
    private static readonly JsonSerializerOptions Format = new(JsonSerializerOptions.Web) { WriteIndented = true };

    /// <param name="plan">How long.</param>
    /// <param name="json">Where the figures go as JSON, besides the screen.</param>
    /// <returns>0 only if nothing grew that should not.</returns>
    public static async Task<int> RunAsync(SoakPlan plan, string? json, CancellationToken stop)
    {
        var settings = new MeshSettings
        {
            Postgres = ["shared_preload_libraries=pg_stat_statements"],
            Services = new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["Inbox__DuplicateDetectionWindow"] = Soak.Window.ToString("c", CultureInfo.InvariantCulture),
            },
        };
        var report = await OwnMesh.Run("soak", data => Run(data, plan, stop), stop, settings);
        Console.Write(report.Table());
        if (json is not null)
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, Format) + "\n", stop);
        return report.Faults.Count == 0 ? 0 : 1;
    }

    private static async Task<SoakReport> Run(DataDirectory data, SoakPlan plan, CancellationToken stop)
    {
        var state = MeshState.Load(data)!;
        var password = Secrets.LoadOrCreate(data.Secrets).Postgres;
        // What it asks must not be taken for what the services ask.
        string ConnectionTo(string database) =>
            new NpgsqlConnectionStringBuilder(Databases.ConnectionString(state.PostgresPort, database, PrivatePostgres.User, password, connections: 2))
            {
                Options = "-c enable_seqscan=off -c enable_bitmapscan=off -c pg_stat_statements.track=none",
            }.ConnectionString;
        var sample = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "samples", "orders", "good-espresso.json"), stop);
        using var soak = new Soak(state, Intake.Connect(data), plan, ConnectionTo, sample, Console.Out);
        return await soak.Run(stop);
    }
}
