using System.Globalization;
using Npgsql;

namespace Orafo.Cli.Servers;

/// <summary>A PostgreSQL of our own, on loopback, with its data in a directory of ours. Durability settings are PostgreSQL's own.</summary>
public sealed class PrivatePostgres : IAsyncDisposable
{
    public const int UsualPort = 5432;
    private const int MaxConnections = 200;
    private readonly string _directory;
    private readonly string? _user = Account.For("postgres");
    private readonly Watchdog _watchdog;
    private readonly IReadOnlyList<string> _settings;

    private PrivatePostgres(string directory, int port, string password, Watchdog watchdog, IReadOnlyList<string> settings) =>
        (_directory, Port, Password, _watchdog, _settings, Process) = (directory, port, password, watchdog, settings, null!);

    public static string Host => "127.0.0.1";
    public static string User => "postgres";
    public int Port { get; }

    /// <summary>The superuser's.</summary>
    public string Password { get; }

    public ChildProcess Process { get; private set; }

    /// <summary>Starts the server, on first use after creating its cluster, and returns when it answers.</summary>
    /// <param name="directory">Holds the cluster and its log.</param>
    /// <param name="settings">Beyond its own: <c>name=value</c>.</param>
    public static async Task<PrivatePostgres> StartAsync(
        string directory, int port, string password, Watchdog watchdog, CancellationToken cancellationToken, params IReadOnlyList<string> settings)
    {
        var server = new PrivatePostgres(directory, port, password, watchdog, settings);
        Account.CreatePrivateDirectory(directory, server._user);
        if (!Account.CanEnter(directory, server._user))
            throw new OrafoException($"The user '{server._user}' cannot enter {directory}. Choose a directory it can reach with --data DIR.");
        await server.Run(cancellationToken);
        return server;
    }

    /// <summary>As <paramref name="user"/> in <paramref name="database"/>.</summary>
    public string ConnectionString(string database = "postgres", string? user = null, string? password = null) => new NpgsqlConnectionStringBuilder
    {
        Host = Host,
        Port = Port,
        Database = database,
        Username = user ?? User,
        Password = password ?? Password,
    }.ConnectionString;

    /// <summary>Starts it again after it died, on the same port and data.</summary>
    public Task RestartAsync(CancellationToken cancellationToken) => Run(cancellationToken);

    /// <summary>A fast shutdown: open transactions are rolled back, nothing committed is lost.</summary>
    public Task StopAsync() => Process.StopAsync(TimeSpan.FromSeconds(20), ChildProcess.Interrupt);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Process.DisposeAsync();
    }

    private async Task Run(CancellationToken cancellationToken)
    {
        var binaries = Installation.PostgresBinaries ?? throw new OrafoException("PostgreSQL is not installed.");
        var data = Path.Combine(_directory, "data");
        var log = Path.Combine(_directory, "postgres.log");
        if (!File.Exists(Path.Combine(data, "PG_VERSION")))
            await CreateCluster(binaries, data, log, cancellationToken);
        await RemoveStaleLock(data);

        Process = ChildProcess.Start("PostgreSQL",
            [
                Path.Combine(binaries, "postgres"), "-D", data, "-p", Port.ToString(CultureInfo.InvariantCulture),
                "-c", "listen_addresses=" + Host, "-c", "unix_socket_directories=",
                "-c", "max_connections=" + MaxConnections.ToString(CultureInfo.InvariantCulture),
                .. _settings.SelectMany(setting => new[] { "-c", setting }),
            ],
            Surroundings, log, _watchdog, _user, _directory);
        await Until.True(Answers, Process, log, TimeSpan.FromMinutes(1), cancellationToken);
    }

    private async Task CreateCluster(string binaries, string data, string log, CancellationToken cancellationToken)
    {
        // A cluster that was half created when somebody pulled the plug has no PG_VERSION at its end, but may have files.
        if (Directory.Exists(data))
            Directory.Delete(data, recursive: true);
        var passwordFile = Path.Combine(_directory, "password");
        Account.WritePrivateFile(passwordFile, Password, _user);
        var part = data + ".part";
        if (Directory.Exists(part))
            Directory.Delete(part, recursive: true);
        await using (var initdb = ChildProcess.Start("initdb",
            [
                Path.Combine(binaries, "initdb"), "-D", part, "--username=" + User, "--pwfile=" + passwordFile,
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
            ],
            Surroundings, log, _watchdog, _user, _directory))
        {
            if (await initdb.Exited.WaitAsync(cancellationToken) is var exitCode and not 0)
                throw new OrafoException($"initdb failed with exit code {exitCode}; see {log}.");
        }

        Directory.Move(part, data);
        File.Delete(passwordFile);
    }

    /// <summary>Ends a predecessor that nobody stopped; a lock file whose pid belongs to somebody else by now would keep PostgreSQL from starting.</summary>
    private static async Task RemoveStaleLock(string data)
    {
        var path = Path.Combine(data, "postmaster.pid");
        if (!File.Exists(path) || File.ReadLines(path).FirstOrDefault() is not { } line || !int.TryParse(line, CultureInfo.InvariantCulture, out var pid))
            return;
        if (Proc.StartTime(pid) is { } startTime && File.ResolveLinkTarget($"/proc/{pid}/cwd", returnFinalTarget: false)?.FullName == data)
        {
            ChildProcess.Signal(pid, ChildProcess.Interrupt);
            var deadline = TimeProvider.System.GetTimestamp();
            while (Proc.IsRunning(pid, startTime))
            {
                if (TimeProvider.System.GetElapsedTime(deadline) > TimeSpan.FromSeconds(30))
                    throw new OrafoException($"Another PostgreSQL (process {pid}) uses {data} and does not stop.");
                await Task.Delay(50);
            }
        }

        File.Delete(path);
    }

    private async Task<bool> Answers(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString() + ";Pooling=false;Timeout=5");
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        // Not yet there, or somebody else's who was quicker to take the port and does not know our password.
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private static Dictionary<string, string?> Surroundings => new() { ["LC_ALL"] = "C", ["PGDATA"] = null, ["PGPORT"] = null };
}
