using System.ComponentModel;
using System.Diagnostics;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>up --docker</c>: the mesh in containers.</summary>
internal static class DockerCommand
{
    public static async Task<int> UpAsync(DataDirectory data, double printSeconds, CancellationToken stop)
    {
        if (await Docker(["info"], quiet: true, stop) != 0)
            throw new OrafoException("No Docker engine answers. Start one, or use ./orafo up without --docker.");
        data.Create();
        var environment = Path.Combine(data.Path, "docker.env");
        Account.WritePrivateFile(environment, string.Concat(Variables(data, printSeconds).Select(variable => $"{variable.Key}={variable.Value}\n")), user: null);
        return await Docker(
            ["compose", "--file", Path.Combine(Repository.Root, "docker-compose.yml"), "--env-file", environment, "up", "--build", "--detach", "--wait"], quiet: false, stop);
    }

    /// <summary>What docker-compose.yml reads from its environment.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Variables(DataDirectory data, double printSeconds) =>
    [
        .. Secrets.LoadOrCreate(data.Secrets).Variables(),
        KeyValuePair.Create("ORAFO_OPERATORS_KEY", Operators.EnsureKey(data)),
        KeyValuePair.Create("ORAFO_PRINT_SECONDS", FormattableString.Invariant($"{printSeconds}")),
    ];

    private static async Task<int> Docker(string[] arguments, bool quiet, CancellationToken stop)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("docker", arguments) { RedirectStandardOutput = quiet, RedirectStandardError = quiet })!;
            if (quiet)
                await Task.WhenAll(process.StandardOutput.ReadToEndAsync(stop), process.StandardError.ReadToEndAsync(stop));
            await process.WaitForExitAsync(stop);
            return process.ExitCode;
        }
        catch (Win32Exception)
        {
            throw new OrafoException("docker is not installed. Install it, or use ./orafo up without --docker.");
        }
    }
}
