using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>up</c>: from nothing to a mesh that takes orders.</summary>
internal static class UpCommand
{
    public static async Task<int> RunAsync(DataDirectory data, bool detach, double printSeconds, CancellationToken stop)
    {
        data.Create();
        if (MeshState.Load(data) is { } state && state.Supervisor.IsRunning)
        {
            Console.WriteLine("The mesh is running already.");
            return await WaitUntilUp(data, supervisor: null, stop);
        }

        return detach ? await Detach(data, printSeconds, stop) : await Supervise(data, printSeconds, Console.Out, stop);
    }

    /// <summary>Supervises in this process, until it is told to stop.</summary>
    public static async Task<int> Supervise(DataDirectory data, double printSeconds, TextWriter? screen, CancellationToken stop)
    {
        data.Create();
        using var announcer = new Announcer(data.SupervisorLog, screen);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stop);
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            announcer.Say("Stopping");
            stopping.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        await using var supervisor = new Supervisor(data, printSeconds, announcer, new() { CollectsTraces = true });
        try
        {
            await supervisor.RunAsync(
                () => screen?.WriteLine(Addresses.Table(MeshState.Load(data)!, Secrets.LoadOrCreate(data.Secrets), data) + "\n\nCtrl-C stops it all.\n"),
                stopping.Token);
            return 0;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return 0;
        }
        catch (OrafoException e)
        {
            announcer.Say("orafo: " + e.Message);
            return 1;
        }
    }

    private static async Task<int> Detach(DataDirectory data, double printSeconds, CancellationToken stop)
    {
        var start = new ProcessStartInfo("setsid",
            [
                "sh", "-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", data.SupervisorLog + ".out", Repository.Dotnet,
                Path.Combine(AppContext.BaseDirectory, "Orafo.Cli.dll"), "supervise", "--data", data.Path,
                "--print-seconds", printSeconds.ToString(CultureInfo.InvariantCulture),
            ]);
        start.Environment["ORAFO_HOME"] = Repository.Root;
        using var supervisor = Process.Start(start) ?? throw new OrafoException("The supervisor does not start.");
        return await WaitUntilUp(data, supervisor, stop);
    }

    /// <summary>Shows what the supervisor says until everything is healthy.</summary>
    private static async Task<int> WaitUntilUp(DataDirectory data, Process? supervisor, CancellationToken stop)
    {
        using var log = new LogTail(data.SupervisorLog, fromEnd: true);
        using var http = Health.NewClient();
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            log.CopyNewLinesTo(Console.Out, Announcer.WithoutTime);
            var state = MeshState.Load(data);
            if (state is { IsUp: true } && state.Supervisor.IsRunning && await Health.AreAllAsync(http, state, stop))
            {
                Console.WriteLine(Addresses.Table(state, Secrets.LoadOrCreate(data.Secrets), data));
                return 0;
            }

            if (supervisor is { HasExited: true } || (supervisor is null && state?.Supervisor.IsRunning != true))
            {
                log.CopyNewLinesTo(Console.Error, Announcer.WithoutTime);
                Console.Error.WriteLine($"orafo: the mesh did not start; see {data.SupervisorLog}");
                return 1;
            }

            await Task.Delay(100, stop);
        }
    }
}
