using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Orafo.Cli.Servers;

/// <summary>A process that we started and will stop: leader of its own session, output in a file, known to the watchdog.</summary>
public sealed partial class ChildProcess : IAsyncDisposable
{
    public const int Interrupt = 2;
    public const int Terminate = 15;
    public const int Kill = 9;
    public const int Continue = 18;
    public const int Stop = 19;

    private readonly Process _process;
    private readonly Watchdog _watchdog;

    private ChildProcess(string name, Process process, long startTime, Watchdog watchdog)
    {
        (Name, Pid, StartTime, _process, _watchdog) = (name, process.Id, startTime, process, watchdog);
        Exited = WaitForExit();
    }

    public string Name { get; }
    public int Pid { get; }

    /// <summary>See <see cref="Proc.StartTime"/>.</summary>
    public long StartTime { get; }

    /// <summary>Completes with the exit code when the process is gone.</summary>
    public Task<int> Exited { get; }

    /// <param name="name">For messages.</param>
    /// <param name="command">Executable and arguments.</param>
    /// <param name="environment">Added to ours; null removes a variable.</param>
    /// <param name="log">Takes standard output and error, appended.</param>
    /// <param name="watchdog">Stops the process should we be killed.</param>
    /// <param name="user">Whom to run it as; null for ourselves.</param>
    /// <param name="group">The control group that it belongs to: its directory; null for ours.</param>
    public static ChildProcess Start(
        string name, IReadOnlyList<string> command, IReadOnlyDictionary<string, string?> environment, string log, Watchdog watchdog,
        string? user = null, string? workingDirectory = null, string? group = null)
    {
        // Each of these replaces itself by the next, so the pid is the command's own.
        List<string> arguments = group is null ? [] : ["sh", "-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"", group];
        arguments.AddRange(["sh", "-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", log]);
        arguments.AddRange([.. Account.As(user), .. command]);

        var start = new ProcessStartInfo("setsid", arguments) { WorkingDirectory = workingDirectory ?? "" };
        foreach (var (variable, value) in environment)
            start.Environment[variable] = value;
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{name} does not start.");
        // A process that is gone already has no start time; any will do, it cannot be hit any more.
        var startTime = Proc.StartTime(process.Id) ?? 0;
        watchdog.Register(process.Id, startTime);
        return new ChildProcess(name, process, startTime, watchdog);
    }

    /// <summary>Asks the process to end, waits, and kills what is left of its session.</summary>
    public async Task StopAsync(TimeSpan patience, int signal = Terminate)
    {
        if (!Exited.IsCompleted)
        {
            Signal(Pid, signal);
            await Task.WhenAny(Exited, Task.Delay(patience));
        }

        await KillAsync();
    }

    /// <summary>SIGKILL to the process, if it still runs, and to everything else of its session; returns when it is gone.</summary>
    public async Task KillAsync()
    {
        foreach (var pid in Proc.Session(Pid).ToArray())
            Signal(pid, Kill);
        await Exited;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.FromSeconds(10));
        _process.Dispose();
    }

    /// <summary>Sends a signal; a process that is gone already is none to send it to.</summary>
    public static void Signal(int pid, int signal)
    {
        const int noSuchProcess = 3;
        if (kill(pid, signal) != 0 && Marshal.GetLastPInvokeError() is var error and not noSuchProcess)
            throw new Win32Exception(error);
    }

    private async Task<int> WaitForExit()
    {
        await _process.WaitForExitAsync();
        _watchdog.Forget(Pid);
        return _process.ExitCode;
    }

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int kill(int pid, int signal);
}
