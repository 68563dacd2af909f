using System.Globalization;
using System.Runtime.InteropServices;

namespace Orafo.Cli.Servers;

/// <summary>What /proc says of processes (proc(5)).</summary>
public static class Proc
{
    // USER_HZ, the same on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;
    private static readonly string[] TcpTables = ["/proc/net/tcp", "/proc/net/tcp6"];

    /// <summary>When the process started, in clock ticks since boot; null if there is none. With the pid it names a process for good.</summary>
    public static long? StartTime(int pid) => Fields(pid) is { } fields && fields[0] != "Z" ? long.Parse(fields[19], CultureInfo.InvariantCulture) : null;

    /// <summary>Whether this very process still runs, and not another with its pid.</summary>
    public static bool IsRunning(int pid, long startTime) => StartTime(pid) == startTime;

    /// <summary>Every process of a session: a leader and what it started, whatever became of the leader.</summary>
    public static IEnumerable<int> Session(int leader) =>
        from directory in Directory.EnumerateDirectories("/proc")
        let pid = int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0
        where pid > 0 && Fields(pid) is { } fields && fields[3] == leader.ToString(CultureInfo.InvariantCulture) && fields[0] != "Z"
        select pid;

    /// <summary>Whether this very process listens on the port: an answer from it may be somebody else's who was quicker.</summary>
    public static bool Listens(int pid, int port)
    {
        var sockets = TcpTables.Where(File.Exists).SelectMany(File.ReadLines)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length > 9 && fields[3] == "0A" && fields[1].EndsWith(string.Create(CultureInfo.InvariantCulture, $":{port:X4}"), StringComparison.Ordinal))
            .Select(fields => $"socket:[{fields[9]}]")
            .ToHashSet(StringComparer.Ordinal);
        try
        {
            return sockets.Count > 0 && Directory.EnumerateFiles($"/proc/{pid}/fd").Any(descriptor => sockets.Contains(new FileInfo(descriptor).LinkTarget ?? ""));
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>What a process, those below it and its children that have ended have had of the processors, in seconds.</summary>
    public static double CpuSeconds(int root)
    {
        var all = (
            from directory in Directory.EnumerateDirectories("/proc")
            let pid = int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0
            where pid > 0
            let fields = Fields(pid)
            where fields is not null
            select (Pid: pid, Parent: int.Parse(fields[1], CultureInfo.InvariantCulture),
                Own: Ticks(fields, 11) + Ticks(fields, 12), Ended: Ticks(fields, 13) + Ticks(fields, 14))).ToArray();
        var children = all.ToLookup(process => process.Parent);
        long Sum(int pid, long own, long ended) => own + ended + children[pid].Sum(child => Sum(child.Pid, child.Own, child.Ended));
        return all.Where(process => process.Pid == root).Sum(process => Sum(process.Pid, process.Own, process.Ended)) / TicksPerSecond;
    }

    /// <summary>The kind of processor that there is.</summary>
    public static string Processor() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>The most memory that the process has had.</summary>
    public static double PeakMemoryMiB(int pid) => Kibibytes(pid, "VmHWM:") / 1024;

    /// <summary>From now on <see cref="PeakMemoryMiB"/> is of what it has from now on.</summary>
    public static void ForgetPeakMemory(int pid) => File.WriteAllText($"/proc/{pid}/clear_refs", "5");

    /// <summary>The memory that the process has.</summary>
    public static double MemoryMiB(int pid) => Kibibytes(pid, "VmRSS:") / 1024;

    private static double Kibibytes(int pid, string what) =>
        File.ReadLines($"/proc/{pid}/status").Where(line => line.StartsWith(what, StringComparison.Ordinal))
            .Select(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[1], CultureInfo.InvariantCulture))
            .FirstOrDefault();

    private static long Ticks(string[] fields, int index) => long.Parse(fields[index], CultureInfo.InvariantCulture);

    /// <summary>The fields of /proc/PID/stat from the third on; the second is a name that may contain anything.</summary>
    private static string[]? Fields(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }
}
