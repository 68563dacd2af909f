using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>test</c>: every test, on servers of its own.</summary>
internal static class TestCommand
{
    /// <param name="arguments">For <c>dotnet test</c>, such as <c>--filter</c>.</param>
    /// <returns>0 only if every test ran and passed.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken stop)
    {
        var directory = Directory.CreateTempSubdirectory("orafo-test-").FullName;
        using var watchdog = Watchdog.Start();
        watchdog.RemoveAtEnd(directory);
        Console.WriteLine("Building …");
        if (await Dotnet(["build", "Orafo.sln", "-c", "Release", "--nologo", "-v", "quiet", "-nodeReuse:false", "-p:UseSharedCompilation=false"], [], directory, watchdog, stop) != 0)
            return 1;

        Console.WriteLine("Starting PostgreSQL and RabbitMQ …");
        var servers = await ServerSet.StartAsync(directory, watchdog, stop);
        var results = Path.Combine(directory, "results");
        // A test that hangs is named and ends its project's run; the longest takes some minutes.
        // Two projects at a time: they wait more than they work, each for databases, virtual hosts or servers of its own. The solution names the longest first.
        var exitCode = await Dotnet(
            [
                "test", "Orafo.sln", "-c", "Release", "--no-build", "--nologo", "-maxcpucount:2", "-nodeReuse:false",
                "--logger", "trx", "--results-directory", results, "--blame-hang-timeout", "20m", "--blame-hang-dump-type", "none", .. arguments,
            ],
            new()
            {
                [ServerSet.Variable] = JsonSerializer.Serialize(servers),
                ["ORAFO_HOME"] = Repository.Root,
            }, directory, watchdog, stop);

        var (passed, failed, skipped, projects) = Count(results);
        var expected = Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*.Tests.csproj", SearchOption.AllDirectories).Count();
        // A filter may leave projects out; otherwise one without results is one that crashed.
        var isComplete = projects == expected || (arguments.Count > 0 && projects > 0);
        if (!isComplete)
            Console.WriteLine($"{expected - projects} of {expected} test projects have no results.");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{passed} passed, {failed} failed, {skipped} skipped"));
        return exitCode == 0 && failed == 0 && skipped == 0 && passed > 0 && isComplete ? 0 : 1;
    }

    private static async Task<int> Dotnet(
        string[] arguments, Dictionary<string, string?> environment, string directory, Watchdog watchdog, CancellationToken stop)
    {
        environment["MSBUILDDISABLENODEREUSE"] = "1";
        var output = Path.Combine(directory, arguments[0] + ".log");
        await using var process = ChildProcess.Start(
            "dotnet " + arguments[0], [Repository.Dotnet, .. arguments], environment, output, watchdog, workingDirectory: Repository.Root);
        using var log = new LogTail(output, fromEnd: false);
        while (await Task.WhenAny(process.Exited, Task.Delay(200, stop)) != process.Exited)
        {
            stop.ThrowIfCancellationRequested();
            log.CopyNewLinesTo(Console.Out);
        }

        log.CopyNewLinesTo(Console.Out);
        return await process.Exited;
    }

    private static (int Passed, int Failed, int Skipped, int Projects) Count(string results)
    {
        var counters = (Directory.Exists(results) ? Directory.EnumerateFiles(results, "*.trx", SearchOption.AllDirectories) : [])
            .Select(file => XDocument.Load(file).Descendants().Single(element => element.Name.LocalName == "Counters"))
            .ToArray();
        int Sum(string name) => counters.Sum(counter => (int)counter.Attribute(name)!);
        var (total, passed, executed) = (Sum("total"), Sum("passed"), Sum("executed"));
        return (passed, executed - passed, total - executed, counters.Length);
    }
}
