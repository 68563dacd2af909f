using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Benchmarking;

/// <summary>What the parts of a mesh have used up to a moment.</summary>
internal sealed partial record Usage(IReadOnlyDictionary<string, double> CpuSeconds, long Commits, long? RoundTrips)
{
    public static async Task<Usage> Of(MeshState state, NpgsqlDataSource database, CancellationToken stop)
    {
        await using var commits = database.CreateCommand(BenchStatements.Commits);
        return new Usage(
            Roots(state).ToDictionary(part => part.Name, part => Proc.CpuSeconds(part.Pid), StringComparer.Ordinal),
            (long)(await commits.ExecuteScalarAsync(stop))!,
            await SegmentsReceived(state.PostgresPort, stop));
    }

    /// <summary>The most memory that each service and RabbitMQ have had. PostgreSQL is many processes that share theirs, and is left out.</summary>
    public static Dictionary<string, double> PeakMemory(MeshState state) =>
        Roots(state).Where(part => part.Name is not ("postgresql" or "epmd")).ToDictionary(part => part.Name, part => Proc.PeakMemoryMiB(part.Pid), StringComparer.Ordinal);

    /// <summary>What they have now.</summary>
    public static Dictionary<string, double> Memory(MeshState state) =>
        Roots(state).Where(part => part.Name is not ("postgresql" or "epmd")).ToDictionary(part => part.Name, part => Proc.MemoryMiB(part.Pid), StringComparer.Ordinal);

    /// <summary>What each part needs of one processor while nothing happens, in percent.</summary>
    public static async Task<Dictionary<string, double>> Idle(MeshState state, TimeSpan span, CancellationToken stop)
    {
        Dictionary<string, double> Cpu() => Roots(state).ToDictionary(part => part.Name, part => Proc.CpuSeconds(part.Pid), StringComparer.Ordinal);
        var started = Stopwatch.GetTimestamp();
        var before = Cpu();
        await Task.Delay(span, stop);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return Cpu().ToDictionary(part => part.Key, part => (part.Value - before[part.Key]) * 100 / seconds, StringComparer.Ordinal);
    }

    private static IEnumerable<(string Name, int Pid)> Roots(MeshState state) =>
        from part in state.Parts let process = part.Process where process is not null select (part.Name, process.Pid);

    /// <summary>By the kernel's count for each connection that is open.</summary>
    private static async Task<long?> SegmentsReceived(int port, CancellationToken stop)
    {
        try
        {
            using var ss = Process.Start(new ProcessStartInfo("ss", ["-tinH", "state", "established", $"sport = :{port.ToString(CultureInfo.InvariantCulture)}"])
            {
                RedirectStandardOutput = true,
            })!;
            var output = await ss.StandardOutput.ReadToEndAsync(stop);
            await ss.WaitForExitAsync(stop);
            return DataSegmentsIn().Matches(output).Sum(match => long.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    [GeneratedRegex(@"\bdata_segs_in:(?<count>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DataSegmentsIn();
}
