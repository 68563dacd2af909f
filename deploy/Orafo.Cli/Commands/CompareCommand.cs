using System.Globalization;
using System.Text.Json;
using Orafo.Cli.Comparing;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>compare</c>: the road from one HTTP handler to the mesh (services/Evolution), step by step on the same orders.</summary>
internal static class CompareCommand
{
    public const int MostOrders = 10_000;

    /// <summary>And the experiments of their own.</summary>
    public static readonly IReadOnlyList<string> EveryFault = [.. Fault.All.Select(fault => fault.Name), .. Pitfall.Names];

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
        IReadOnlyList<Pitfall> pitfalls = [.. Pitfall.All(orders, timeScale).Where(pitfall => faults.Contains(pitfall.Name))];
        var outcomes = await new Comparison(servers, directory, orders, timeScale, Console.Error).Run(
            [.. Step.All.Where(step => steps.Count == 0 || steps.Contains(step.Name))], [.. Fault.All.Where(fault => faults.Contains(fault.Name))], pitfalls, stop);

        Console.Write(Outcome.Table(outcomes));
        if (json is null && html is null)
            return 0;
        var facts = await ComparisonFacts.Here(Command(orders, timeScale, steps, faults), orders, timeScale, servers, stop);
        if (json is not null)
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(new { facts, outcomes }, Format) + "\n", stop);
        if (html is not null)
            await File.WriteAllTextAsync(html, new ComparisonPage(outcomes, pitfalls, facts).ToString(), stop);
        return 0;
    }

    /// <summary>What measures the same again.</summary>
    internal static string Command(int orders, double timeScale, IReadOnlyList<string> steps, IReadOnlyList<string> faults)
    {
        var command = string.Create(CultureInfo.InvariantCulture, $"./orafo compare --orders {orders} --time-scale {timeScale}");
        if (steps.Count > 0)
            command += " --only " + string.Join(' ', steps);
        if (EveryFault.Any(fault => !faults.Contains(fault)))
            command += " --fault " + string.Join(' ', faults);
        return command;
    }
}
