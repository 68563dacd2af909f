using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>keys</c>: the intake's own command, on the database of a mesh that runs.</summary>
internal static class KeysCommand
{
    public static async Task<int> RunAsync(DataDirectory data, IEnumerable<string> arguments, CancellationToken stop)
    {
        using var process = Intake.Run(arguments, Secrets.LoadOrCreate(data.Secrets), MeshState.Running(data).PostgresPort, isCaptured: false);
        await process.WaitForExitAsync(stop);
        return process.ExitCode;
    }
}
