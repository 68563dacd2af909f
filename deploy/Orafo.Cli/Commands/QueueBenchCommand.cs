using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>bench pgq</c>: measures Orafo.Pgq on a PostgreSQL of its own.</summary>
internal static class QueueBenchCommand
{
    public const int MostWaiting = 10_000_000;
    public const int MostWorkers = 64;
    public const int MostSeconds = 600;
    private static readonly JsonSerializerOptions Format = new(JsonSerializerOptions.Web) { WriteIndented = true };

    public static async Task<int> RunAsync(IReadOnlyList<int> waiting, IReadOnlyList<int> workers, TimeSpan span, string? json, CancellationToken stop)
    {
        await Installation.EnsureAsync(Console.Error.WriteLine, stop);
        var directory = Directory.CreateTempSubdirectory("orafo-bench-pgq-").FullName;
        File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        using var watchdog = Watchdog.Start();
        watchdog.RemoveAtEnd(directory);
        await using var postgres = await PrivatePostgres.StartAsync(
            Path.Combine(directory, "postgres"), Ports.Free(), RandomNumberGenerator.GetHexString(32, lowercase: true), watchdog, stop);
        await using var bench = new QueueBench(postgres, span, Console.Out);
        List<QueueReport> reports = [];
        foreach (var jobs in waiting)
            reports.AddRange(await bench.Run(jobs, workers, stop));
        var idle = await bench.Idle(workers.Max(), stop);

        Console.Write(QueueReport.Table(reports));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Idle, {idle.Workers} workers: {idle.CommitsPerSecond:0.0} transactions/s, {idle.DatabaseCpuPercent:0.0} % of one processor in PostgreSQL"));
        if (json is not null)
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(new { queues = reports, idle }, Format) + "\n", stop);
        return 0;
    }
}
