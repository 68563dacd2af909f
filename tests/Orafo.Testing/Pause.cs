using Orafo.Cli.Servers;

namespace Orafo.Testing;

/// <summary>SIGSTOP to a process until disposed: it is there, and answers nothing.</summary>
public sealed class Pause : IDisposable
{
    private readonly int _pid;

    public Pause(int pid)
    {
        _pid = pid;
        ChildProcess.Signal(pid, ChildProcess.Stop);
    }

    public void Dispose() => ChildProcess.Signal(_pid, ChildProcess.Continue);
}
