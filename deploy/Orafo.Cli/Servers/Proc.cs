using System.Globalization;

namespace Orafo.Cli.Servers;

/// <summary>What /proc says of processes (proc(5)).</summary>
public static class Proc
{
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
