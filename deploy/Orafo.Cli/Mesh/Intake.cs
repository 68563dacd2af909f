using System.Diagnostics;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Mesh;

/// <summary>The intake of a mesh, and the key to it.</summary>
internal static class Intake
{
    private const string Header = "X-Api-Key";
    private const string Client = "development";

    /// <summary>Speaks to the intake of a mesh that runs, with its key.</summary>
    /// <exception cref="OrafoException">The mesh does not run, or there is no key.</exception>
    public static HttpClient Connect(DataDirectory data)
    {
        var state = MeshState.Running(data);
        return new HttpClient { BaseAddress = new Uri(state.Url(MeshService.Ordering)), DefaultRequestHeaders = { { Header, Key(data) } } };
    }

    public static string Key(DataDirectory data)
    {
        try
        {
            return File.ReadAllText(data.ApiKey).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OrafoException($"{data.ApiKey} should hold the intake's key and cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Makes a key and writes it down, unless there is one for this database already.</summary>
    public static async Task EnsureKeyAsync(DataDirectory data, Secrets secrets, int postgresPort, CancellationToken cancellationToken)
    {
        // A database that is younger than the key has never heard of it.
        if (File.Exists(data.ApiKey) && File.GetLastWriteTimeUtc(data.ApiKey) >= File.GetLastWriteTimeUtc(Path.Combine(data.Postgres, "data", "PG_VERSION")))
            return;
        using var process = Run(["add", Client, "--scopes", "orders:write,orders:read,orders:admin"], secrets, postgresPort, isCaptured: true);
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
            throw new OrafoException($"The intake's key could not be made (exit code {process.ExitCode}):\n{await errors}");
        Account.WritePrivateFile(data.ApiKey, await output, user: null);
    }

    /// <summary>Starts the intake's own command <c>keys</c>.</summary>
    public static Process Run(IEnumerable<string> arguments, Secrets secrets, int postgresPort, bool isCaptured)
    {
        var service = MeshService.Named(MeshService.Ordering);
        var program = Repository.Image(service.Project);
        var start = new ProcessStartInfo(Repository.Dotnet, [program, "keys", .. arguments])
        {
            WorkingDirectory = Path.GetDirectoryName(program),
            RedirectStandardOutput = isCaptured,
            RedirectStandardError = isCaptured,
        };
        start.Environment["ConnectionStrings__Database"] =
            Databases.ConnectionString(postgresPort, service.Database, service.Database, secrets.Services[service.Name], connections: 1);
        start.Environment["ConnectionStrings__Broker"] = "amqp://127.0.0.1/";
        return Process.Start(start) ?? throw new OrafoException("The intake's program does not start.");
    }
}
