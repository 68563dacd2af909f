using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>logs</c>: what the parts wrote, the newest at the bottom.</summary>
internal static class LogsCommand
{
    private const int LastLines = 100;

    public static async Task<int> RunAsync(DataDirectory data, string? part, bool follow, CancellationToken stop)
    {
        string[] known = ["supervisor", .. MeshService.All.Select(service => service.Name), MeshService.Printer, MeshService.Carrier];
        if (part is not null && !known.Contains(part))
            throw new OrafoException($"There is no '{part}'. There are: {string.Join(", ", known)}.");
        var logs = (part is null ? known : [part]).Where(name => File.Exists(data.Log(name))).ToArray();
        foreach (var name in logs)
        {
            foreach (var line in LastLinesOf(data.Log(name)))
                Console.WriteLine(part is null ? $"{name,-14} {line}" : line);
        }

        var tails = logs.Select(name => (Name: name, Tail: new LogTail(data.Log(name), fromEnd: true))).ToArray();
        try
        {
            while (follow)
            {
                foreach (var (name, tail) in tails)
                    tail.CopyNewLinesTo(Console.Out, line => part is null ? $"{name,-14} {line}" : line);
                await Task.Delay(200, stop);
            }

            return 0;
        }
        finally
        {
            foreach (var (_, tail) in tails)
                tail.Dispose();
        }
    }

    private static Queue<string> LastLinesOf(string path)
    {
        var last = new Queue<string>();
        foreach (var line in File.ReadLines(path))
        {
            last.Enqueue(line);
            if (last.Count > LastLines)
                last.Dequeue();
        }

        return last;
    }
}
