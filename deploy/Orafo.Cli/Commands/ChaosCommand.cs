using Npgsql;
using Orafo.Cli.Auditing;
using Orafo.Cli.Disturbing;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>chaos</c>: does at random what clients do, while parts of a mesh of its own are killed and devices fail, and audits what came of it.</summary>
internal static class ChaosCommand
{
    public const int MostOperations = 1_000_000;

    private static readonly TimeSpan PatienceWithMessages = TimeSpan.FromMinutes(3);
    private static readonly string[] Servers = ["postgresql", "rabbitmq"];

    /// <summary>Whom to kill unless told otherwise.</summary>
    public static IReadOnlyList<string> Services { get; } = [.. MeshService.All.Select(service => service.Name), MeshService.Printer, MeshService.Carrier];

    /// <summary>Whom it knows how to kill.</summary>
    public static IReadOnlyList<string> Everybody { get; } = [.. Services, .. Servers];

    /// <summary>Few attempts and short pauses, so that a device that fails for seconds suspends some orders, and does not keep the others for minutes.</summary>
    private static readonly MeshSettings Settings = new()
    {
        Services = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["Printing__Attempts"] = "2",
            ["Printing__Timeout"] = "00:00:05",
            ["Printing__FirstPause"] = "00:00:00.2",
            ["Printing__LongestPause"] = "00:00:01",
            ["Shipping__Attempts"] = "2",
            ["Shipping__Timeout"] = "00:00:03",
            ["Shipping__FirstPause"] = "00:00:00.2",
            ["Shipping__LongestPause"] = "00:00:01",
            // A recall that was given up has no answer: the step is asked for again, and suspended then.
            ["Steps__Recalling"] = "00:00:05",
            ["Steps__MostAttempts"] = "2",
        },
    };

    /// <returns>0 only if each order was done once and completely, and became what it should.</returns>
    public static Task<int> RunAsync(ChaosPlan plan, CancellationToken stop) => OwnMesh.Run("chaos", data => Run(data, plan, stop), stop, Settings);

    private static async Task<int> Run(DataDirectory data, ChaosPlan plan, CancellationToken stop)
    {
        Console.WriteLine($"{plan.Operations} operations; a kill and a device's trouble every {plan.SecondsBetweenKills} s or so: {string.Join(", ", plan.Parts)}; seed {plan.Seed} …");
        var started = TimeProvider.System.GetTimestamp();
        using var chaos = new Chaos(data, plan, await SampleOrder.Load(stop), Console.Out);
        await chaos.Run(stop);
        var report = await AuditWhenQuiet(data, stop);
        report.Faults.AddRange(await chaos.Judge(stop));
        Console.WriteLine($"{chaos.Operations.Values.Sum()} operations in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0} s, seed {plan.Seed}");
        Show(chaos.Operations);
        Console.WriteLine($"{chaos.Disturbances.Values.Sum()} disturbances");
        Show(chaos.Disturbances);
        Console.WriteLine("Of the requests");
        Show(chaos.Answers);
        return AuditCommand.Show(report);
    }

    private static void Show<T>(SortedDictionary<T, int> counts) where T : notnull
    {
        foreach (var (what, count) in counts)
            Console.WriteLine($"  {count,8} {what}");
    }

    /// <summary>Late duplicates are still under way when the last order is done: they must not have effects either. And what was killed last may not be back.</summary>
    private static async Task<AuditReport> AuditWhenQuiet(DataDirectory data, CancellationToken stop)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var isLast = TimeProvider.System.GetElapsedTime(started) > PatienceWithMessages;
            try
            {
                var report = await AuditCommand.Audit(data, stop);
                if (report.Remarks.Count == 0)
                    return report;
                if (isLast)
                {
                    report.Faults.Add($"After {PatienceWithMessages.TotalMinutes} minutes there are still messages under way.");
                    return report;
                }
            }
            catch (OrafoException e) when (!isLast && e.InnerException is (NpgsqlException or HttpRequestException))
            {
            }

            await Task.Delay(TimeSpan.FromSeconds(1), stop);
        }
    }
}
