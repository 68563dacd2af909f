using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>down</c>: stops the mesh and waits until no process of it is left.</summary>
internal static class DownCommand
{
    public static async Task<int> RunAsync(DataDirectory data, CancellationToken stop)
    {
        if (MeshState.Load(data) is not { } state || !(state.Supervisor.IsRunning || state.Processes().Any(process => process.IsRunning)))
        {
            Console.WriteLine("The mesh is not running.");
            return 0;
        }

        ProcessId[] processes = [state.Supervisor, .. state.Processes()];
        state.Supervisor.Signal(ChildProcess.Terminate);
        var started = TimeProvider.System.GetTimestamp();
        while (processes.Any(process => process.IsRunning))
        {
            var waited = TimeProvider.System.GetElapsedTime(started);
            if (!state.Supervisor.IsRunning && waited > TimeSpan.FromSeconds(15))
            {
                foreach (var process in processes)
                    process.Signal(ChildProcess.Kill);
            }

            if (waited > TimeSpan.FromMinutes(2))
                throw new OrafoException($"Some processes do not stop: {string.Join(", ", processes.Where(process => process.IsRunning).Select(process => process.Pid))}");
            await Task.Delay(100, stop);
        }

        Console.WriteLine("The mesh is stopped.");
        return 0;
    }
}
