using System.Text.Json;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>bench backlog</c> and <c>bench acknowledgement</c>: what waits for the printer, by the invoice service alone.</summary>
internal static class InvoicingBenchCommand
{
    public const int MostJobs = 1_000_000;
    public const int LongestTimeout = 1200;
    private static readonly JsonSerializerOptions Format = new(JsonSerializerOptions.Web) { WriteIndented = true };

    public static async Task<int> BacklogAsync(int jobs, string? json, CancellationToken stop)
    {
        var heap = Path.Combine(Path.GetTempPath(), $"orafo-heap-{Guid.CreateVersion7():n}");
        try
        {
            var settings = new MeshSettings
            {
                Services = new Dictionary<string, string?>(StringComparer.Ordinal)
                {
                    ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
                    [StartupHook.File] = heap,
                },
            };
            var report = await OwnMesh.Run("bench-backlog", data => new BacklogBench(data, jobs, heap, Console.Out).Run(stop), stop, settings);
            Console.Write(report.Table());
            await Write(report, json, stop);
            return 0;
        }
        finally
        {
            File.Delete(heap);
        }
    }

    /// <returns>0 only if the consumer that holds its delivery loses it and the invoice service does not.</returns>
    public static async Task<int> AcknowledgementAsync(TimeSpan timeout, string? json, CancellationToken stop)
    {
        var settings = new MeshSettings
        {
            Broker = AcknowledgementTrap.Impatience(timeout),
            Services = new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["Printing__Timeout"] = (AcknowledgementBench.PageTime(timeout) + TimeSpan.FromMinutes(1)).ToString("c"),
            },
        };
        var report = await OwnMesh.Run("bench-acknowledgement", data => new AcknowledgementBench(data, timeout, Console.Out).Run(stop), stop, settings);
        Console.Write(report.Table());
        await Write(report, json, stop);
        return report.IsAsPromised ? 0 : 1;
    }

    private static async Task Write<T>(T report, string? json, CancellationToken stop)
    {
        if (json is not null)
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, Format) + "\n", stop);
    }
}
