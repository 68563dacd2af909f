using Orafo.Cli.Servers;

namespace Orafo.Cli.Mesh;

/// <summary>Something that the supervisor starts, keeps alive and stops.</summary>
internal abstract class Part(string name, string title)
{
    /// <summary>On the command line and in the state.</summary>
    public string Name => name;

    /// <summary>On the screen.</summary>
    public string Title => title;

    public int Restarts { get; set; }
    public virtual string? Url => null;
    public abstract ChildProcess? Process { get; }

    /// <summary>Other processes that belong to it.</summary>
    public virtual IEnumerable<PartState> Companions => [];

    public PartState State => new(Name, Url, Identify(Process), Restarts);

    /// <summary>Starts it and returns when it answers; called again after it died, it comes back on the same port and data.</summary>
    /// <exception cref="OrafoException">It does not answer.</exception>
    public abstract Task StartAsync(CancellationToken cancellationToken);

    public abstract Task StopAsync();

    protected static ProcessId? Identify(ChildProcess? process) =>
        process is null || process.Exited.IsCompleted ? null : new ProcessId(process.Pid, process.StartTime);

    /// <summary>Starts something on a port, or on another one when somebody else was quicker to take it.</summary>
    protected static async Task<T> OnAFreePort<TPorts, T>(Func<TPorts> choose, Func<TPorts, Task<T>> start, Func<TPorts, bool> areFree)
    {
        for (var attempt = 1; ; attempt++)
        {
            var ports = choose();
            try
            {
                return await start(ports);
            }
            catch (OrafoException) when (attempt < 3 && !areFree(ports))
            {
            }
        }
    }
}

/// <summary>The mesh's PostgreSQL.</summary>
internal sealed class PostgresPart(DataDirectory data, Secrets secrets, Watchdog watchdog, IReadOnlyList<string> settings) : Part("postgresql", "PostgreSQL")
{
    public PrivatePostgres? Server { get; private set; }
    public override ChildProcess? Process => Server?.Process;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (Server is not null)
        {
            await Server.RestartAsync(cancellationToken);
            return;
        }

        Server = await OnAFreePort(
            () => Ports.FreeOr(PrivatePostgres.UsualPort),
            port => PrivatePostgres.StartAsync(data.Postgres, port, secrets.Postgres, watchdog, cancellationToken, settings),
            Ports.IsFree);
    }

    public override Task StopAsync() => Server?.StopAsync() ?? Task.CompletedTask;
}

/// <summary>The mesh's RabbitMQ.</summary>
internal sealed class BrokerPart(DataDirectory data, Secrets secrets, Watchdog watchdog, IReadOnlyList<string> settings) : Part("rabbitmq", "RabbitMQ")
{
    public PrivateRabbitMq? Server { get; private set; }

    /// <summary>Where it will listen; zeros before it is told to start.</summary>
    public BrokerPorts Ports { get; private set; } = new(0, 0, 0, 0, 0);

    public override ChildProcess? Process => Server?.Process;
    public override IEnumerable<PartState> Companions => Server?.Epmd is { } epmd ? [new PartState("epmd", null, Identify(epmd), 0)] : [];

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (Server is not null)
        {
            await Server.RestartAsync(cancellationToken);
            return;
        }

        Server = await OnAFreePort(
            () => Ports = BrokerPorts.Usual,
            ports => PrivateRabbitMq.StartAsync(data.RabbitMq, ports, MeshService.VirtualHost, BrokerUsers.For(secrets), watchdog, cancellationToken, settings),
            ports => new[] { ports.Amqp, ports.Management, ports.Distribution, ports.Epmd, ports.Metrics }.All(Servers.Ports.IsFree));
    }

    public override Task StopAsync() => Server?.StopAsync() ?? Task.CompletedTask;
}

/// <summary>A service of the mesh, or a device: a program of this solution that speaks HTTP.</summary>
/// <param name="name">See <see cref="Part.Name"/>.</param>
/// <param name="project">The program.</param>
/// <param name="usualPort">Where it listens unless somebody else does.</param>
/// <param name="settings">Its environment variables.</param>
/// <param name="data">Takes its log.</param>
/// <param name="watchdog">Stops it should the supervisor be killed.</param>
/// <param name="health">Asks it how it is.</param>
/// <param name="patience">How long it may take until it answers; a minute, and three the first time.</param>
/// <param name="group">The control group that it is in, if not in ours.</param>
internal sealed class ServicePart(
    string name, string project, int usualPort, IReadOnlyDictionary<string, string?> settings, DataDirectory data, Watchdog watchdog, HttpClient health,
    TimeSpan? patience = null, string? group = null)
    : Part(name, name)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    // The first time it is healthy only when RabbitMQ is there, which has two minutes.
    private static readonly TimeSpan FirstPatience = TimeSpan.FromMinutes(3);

    // Longer than the services' own time to shut down.
    private static readonly TimeSpan TimeToStop = TimeSpan.FromSeconds(25);
    private ChildProcess? _process;
    private int? _port;

    public override ChildProcess? Process => _process;
    public override string Url => $"http://127.0.0.1:{_port ?? usualPort}";

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Once it has answered, others know the port; and a broker that is away does not keep it from coming back.
        var isFirst = _port is null;
        _port = await OnAFreePort(
            () => _port ?? Ports.FreeOr(usualPort),
            async port =>
            {
                await StartOn(port, isFirst, cancellationToken);
                return port;
            },
            Ports.IsFree);
    }

    public override Task StopAsync() => _process?.StopAsync(TimeToStop) ?? Task.CompletedTask;

    private async Task StartOn(int port, bool isFirst, CancellationToken cancellationToken)
    {
        var atLeast = isFirst ? Health.Healthy : Health.Degraded;
        var url = $"http://127.0.0.1:{port}";
        var log = data.Log(Name);
        var environment = new Dictionary<string, string?>(settings, StringComparer.Ordinal)
        {
            ["ASPNETCORE_URLS"] = url,
            // appsettings.json names the usual address and comes after the ASPNETCORE_ variables.
            ["URLS"] = url,
        };
        // For people, unless whoever starts the mesh wants something else.
        if (Environment.GetEnvironmentVariable("Logging__Console__FormatterName") is null)
        {
            environment["Logging__Console__FormatterName"] = "simple";
            environment["Logging__Console__FormatterOptions__TimestampFormat"] = "yyyy-MM-dd HH:mm:ss.fff'Z '";
            environment["Logging__Console__FormatterOptions__UseUtcTimestamp"] = "true";
            environment["Logging__Console__FormatterOptions__SingleLine"] = "true";
        }

        var program = Repository.Image(project);
        _process = ChildProcess.Start(Name, [Repository.Dotnet, program], environment, log, watchdog, workingDirectory: Path.GetDirectoryName(program), group: group);
        try
        {
            await Until.True(
                async stop => Proc.Listens(_process.Pid, port) && await Answers(url, atLeast, stop),
                _process, log, patience ?? (isFirst ? FirstPatience : Patience), cancellationToken);
        }
        catch (OrafoException)
        {
            // It has the port, and nobody would know of it any more once another is started.
            await _process.KillAsync();
            throw;
        }
    }

    private async Task<bool> Answers(string url, string atLeast, CancellationToken cancellationToken)
    {
        var status = await Health.OfAsync(health, url, cancellationToken);
        return status == Health.Healthy || status == atLeast;
    }
}
