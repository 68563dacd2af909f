using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Orafo.Cli.Comparing;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>compare</c>: the road from one HTTP handler to the mesh (services/Evolution), step by step on the same orders.</summary>
internal static class CompareCommand
{
    public const int MostOrders = 10_000;
    private static readonly JsonSerializerOptions Format = new(JsonSerializerOptions.Web) { WriteIndented = true };

    /// <param name="steps">Which; all without any.</param>
    /// <param name="faults">What goes wrong, one after another, besides nothing.</param>
    /// <param name="json">Where the figures go as JSON, besides the screen.</param>
    /// <param name="html">Where they go as a page with charts.</param>
    public static async Task<int> RunAsync(
        int orders, double timeScale, IReadOnlyList<string> steps, IReadOnlyList<string> faults, string? json, string? html, CancellationToken stop)
    {
        await Installation.EnsureAsync(Console.Error.WriteLine, stop);
        var directory = Directory.CreateTempSubdirectory("orafo-compare-").FullName;
        File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        using var watchdog = Watchdog.Start();
        watchdog.RemoveAtEnd(directory);
        await using var servers = await CompareServers.Start(directory, watchdog, stop);
        var outcomes = await new Comparison(servers, directory, orders, timeScale, Console.Error).Run(
            [.. Step.All.Where(step => steps.Count == 0 || steps.Contains(step.Name))],
            [.. Fault.All.Where(fault => faults.Contains(fault.Name))], [.. Pitfall.All.Where(pitfall => faults.Contains(pitfall.Name))], stop);

        Console.Write(Outcome.Table(outcomes));
        if (json is not null)
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(new { orders, timeScale, outcomes }, Format) + "\n", stop);
        if (html is not null)
        {
            var versions = await servers.Versions(stop);
            var facts = string.Create(CultureInfo.InvariantCulture,
                $"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}, {orders} orders in each run, times × {timeScale}, everything on one machine: {Environment.ProcessorCount} processors ({Proc.Processor()}), {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1 << 30)} GiB, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, {versions}. ./orafo compare --orders {orders} --time-scale {timeScale} --html FILE");
            await File.WriteAllTextAsync(html, new ComparisonPage(outcomes, facts, await MemoryGroup.KindHere()).ToString(), stop);
        }

        return 0;
    }
}
