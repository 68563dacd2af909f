using Npgsql;
using Orafo.Cli.Auditing;
using Orafo.Cli.Disturbing;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>chaos</c>: kills the parts of a mesh of its own, again and again, under load, and audits what came of the orders.</summary>
internal static class ChaosCommand
{
    public const int MostOrders = 1_000_000;

    private static readonly TimeSpan PatienceWithMessages = TimeSpan.FromMinutes(3);
    private static readonly string[] Servers = ["postgresql", "rabbitmq"];

    /// <summary>Whom to kill unless told otherwise.</summary>
    public static IReadOnlyList<string> Services { get; } = [.. MeshService.All.Select(service => service.Name), MeshService.Printer];

    /// <summary>Whom it knows how to kill.</summary>
    public static IReadOnlyList<string> Everybody { get; } = [.. Services, .. Servers];

    /// <returns>0 only if each order was done once and completely, the good ones completed and the bad ones rejected.</returns>
    public static Task<int> RunAsync(ChaosPlan plan, CancellationToken stop) => OwnMesh.Run("chaos", data => Run(data, plan, stop), stop);

    private static async Task<int> Run(DataDirectory data, ChaosPlan plan, CancellationToken stop)
    {
        Console.WriteLine($"{plan.Orders} orders; kills every {plan.SecondsBetweenKills} s or so: {string.Join(", ", plan.Parts)}; seed {plan.Seed} …");
        var started = TimeProvider.System.GetTimestamp();
        using var chaos = new Chaos(data, plan, await Sample("good-espresso", stop), await Sample("bad-everything", stop), Console.Out);
        await chaos.Run(stop);
        var report = await AuditWhenQuiet(data, stop);
        Console.WriteLine($"{chaos.Kills.Values.Sum()} kills in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0} s");
        foreach (var (part, kills) in chaos.Kills)
            Console.WriteLine($"  {kills,8} {part}");
        Console.WriteLine($"{chaos.RefusedRequests} requests were refused or unanswered, and repeated");

        Expect("Rejected", (plan.Orders + 9) / 10);
        Expect("Completed", plan.Orders - ((plan.Orders + 9) / 10));
        if (chaos.DoubleIds > 0)
            report.Faults.Add($"{chaos.DoubleIds} orders got the id of another one.");
        return AuditCommand.Show(report);

        void Expect(string state, int orders)
        {
            if (report.Orders.GetValueOrDefault(state) != orders)
                report.Faults.Add($"{orders} orders should be {state}.");
        }
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

    private static Task<string> Sample(string name, CancellationToken stop) =>
        File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "samples", "orders", name + ".json"), stop);
}
