using System.Diagnostics;
using System.Globalization;

namespace Orafo.Cli.Servers;

/// <summary>A small process that outlives this one just long enough to stop what this one started, even if it is killed.</summary>
/// <remarks>It waits at the end of a pipe that only this process holds open. (A parent-death signal is bound to a thread, not to the process.)</remarks>
public sealed class Watchdog : IDisposable
{
    private readonly Process _process;
    private readonly Lock _lock = new();

    private Watchdog(Process process) => _process = process;

    public Mesh.ProcessId Id => new(_process.Id, Proc.StartTime(_process.Id) ?? 0);

    public static Watchdog Start()
    {
        var script = Path.Combine(AppContext.BaseDirectory, "Servers", "watchdog.sh");
        // Of its own session, so that a signal to our process group passes it by; its output goes nowhere, so that no pipe of ours stays open.
        var start = new ProcessStartInfo("setsid", ["sh", "-c", "exec sh \"$0\" >/dev/null 2>&1", script]) { RedirectStandardInput = true };
        return new Watchdog(Process.Start(start) ?? throw new InvalidOperationException("The watchdog does not start."));
    }

    public void Register(int pid, long startTime) => Say(string.Create(CultureInfo.InvariantCulture, $"+ {pid} {startTime}"));

    public void Forget(int pid) => Say(string.Create(CultureInfo.InvariantCulture, $"- {pid}"));

    /// <summary>Has a directory (its path without blanks) removed when all is stopped.</summary>
    public void RemoveAtEnd(string directory) => Say("x " + directory);

    /// <summary>Ends the watch: what is still registered is stopped.</summary>
    public void Dispose()
    {
        lock (_lock)
            _process.StandardInput.Dispose();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Say(string line)
    {
        lock (_lock)
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
    }
}
