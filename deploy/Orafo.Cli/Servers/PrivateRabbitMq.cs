using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Orafo.Cli.Servers;

/// <summary>A user of the broker and what it may do in the virtual host: patterns over the names of queues and exchanges.</summary>
public sealed record BrokerUser(string Name, string Password, string? Tag, string Configure, string Write, string Read);

/// <summary>What the broker holds every queue to. By policy and not by a queue's arguments: those can never be changed.</summary>
public static class QueuePolicy
{
    public const string Name = "orafo-queues";

    /// <summary>How often a message may come again before the broker drops it: more often than any will.</summary>
    /// <remarks>
    /// A process that is killed makes the broker count a delivery of everything it had, however innocent; so the services count themselves, in
    /// their inbox. RabbitMQ 4 would drop a message after 20 deliveries; -1 for none is not taken by RabbitMQ 3.
    /// </remarks>
    public const int DeliveryLimit = 1_000_000;

    /// <summary>As the management API and the definitions have it.</summary>
    public static Dictionary<string, object> Body => new(StringComparer.Ordinal)
    {
        ["pattern"] = ".*",
        ["apply-to"] = "queues",
        ["definition"] = new Dictionary<string, object>(StringComparer.Ordinal) { ["delivery-limit"] = DeliveryLimit },
        ["priority"] = 0,
    };
}

/// <summary>Where a broker listens; kept, so that it comes back where its clients look for it.</summary>
public sealed record BrokerPorts(int Amqp, int Management, int Distribution, int Epmd, int Metrics)
{
    public static BrokerPorts Usual => new(Ports.FreeOr(5672), Ports.FreeOr(15672), Ports.FreeOr(25672), Ports.Free(), Ports.FreeOr(15692));

    public static BrokerPorts Free => new(Ports.Free(), Ports.Free(), Ports.Free(), Ports.Free(), Ports.Free());
}

/// <summary>A RabbitMQ of our own, on loopback, plug-ins for management and Prometheus included, with its data in a directory of ours and an epmd of its own.</summary>
public sealed class PrivateRabbitMq : IAsyncDisposable
{
    private readonly string _directory;
    private readonly string? _user = Account.For("rabbitmq");
    private readonly Watchdog _watchdog;
    private readonly BrokerUser _admin;

    private PrivateRabbitMq(string directory, BrokerPorts ports, BrokerUser admin, Watchdog watchdog)
    {
        (_directory, Ports, _admin, _watchdog, Process) = (directory, ports, admin, watchdog, null!);
        Management = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports.Management}/api/"), Timeout = TimeSpan.FromSeconds(10) };
        Management.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{admin.Name}:{admin.Password}")));
    }

    public BrokerPorts Ports { get; }
    public ChildProcess Process { get; private set; }
    public ChildProcess? Epmd { get; private set; }

    /// <summary>The management API, as the administrator.</summary>
    public HttpClient Management { get; }

    /// <summary>Starts the node and returns when it takes connections.</summary>
    /// <param name="directory">Holds the node's data, its configuration and its log.</param>
    /// <param name="virtualHost">Created if it is not there.</param>
    /// <param name="users">The first one is the administrator; no other account, guest above all, is created.</param>
    /// <param name="settings">Of the application <c>rabbit</c>, as Erlang terms: some have no name in <c>rabbitmq.conf</c>.</param>
    public static async Task<PrivateRabbitMq> StartAsync(
        string directory, BrokerPorts ports, string virtualHost, IReadOnlyList<BrokerUser> users, Watchdog watchdog, CancellationToken cancellationToken,
        IReadOnlyList<string>? settings = null)
    {
        var broker = new PrivateRabbitMq(directory, ports, users[0], watchdog);
        Account.CreatePrivateDirectory(directory, broker._user);
        if (!Account.CanEnter(directory, broker._user))
            throw new OrafoException($"The user '{broker._user}' cannot enter {directory}. Choose a directory it can reach with --data DIR.");
        Account.WritePrivateFile(broker.In("definitions.json"), Definitions(virtualHost, users), broker._user);
        Account.WritePrivateFile(broker.In("enabled_plugins"), "[rabbitmq_management,rabbitmq_prometheus].\n", broker._user);
        Account.WritePrivateFile(broker.In("rabbitmq.conf"),
            $"""
             listeners.tcp.1 = 127.0.0.1:{ports.Amqp}
             management.tcp.ip = 127.0.0.1
             management.tcp.port = {ports.Management}
             prometheus.tcp.ip = 127.0.0.1
             prometheus.tcp.port = {ports.Metrics}
             load_definitions = {broker.In("definitions.json")}

             """, broker._user);
        Account.WritePrivateFile(broker.In("advanced.config"), $"[{{rabbit, [{string.Join(", ", settings ?? [])}]}}].\n", broker._user);
        await broker.Run(cancellationToken);
        return broker;
    }

    /// <summary>An AMQP URI for <paramref name="user"/>.</summary>
    public string Uri(BrokerUser user, string virtualHost) =>
        $"amqp://{System.Uri.EscapeDataString(user.Name)}:{System.Uri.EscapeDataString(user.Password)}@127.0.0.1:{Ports.Amqp}/{System.Uri.EscapeDataString(virtualHost)}";

    /// <summary>Starts it again after it died, on the same ports and data.</summary>
    public Task RestartAsync(CancellationToken cancellationToken) => Run(cancellationToken);

    /// <summary>Runs <c>rabbitmqctl</c> on it.</summary>
    public Task ControlAsync(params string[] arguments) => ControlAsync(_directory, Ports, _watchdog, arguments);

    /// <summary>Runs <c>rabbitmqctl</c> on the node of that directory, whoever started it.</summary>
    public static async Task ControlAsync(string directory, BrokerPorts ports, Watchdog watchdog, params string[] arguments)
    {
        var command = Path.Combine(Path.GetDirectoryName(Installation.RabbitMqServer) ?? throw new OrafoException("RabbitMQ is not installed."), "rabbitmqctl");
        var log = Path.Combine(directory, "rabbitmqctl.log");
        await using var control = ChildProcess.Start(
            "rabbitmqctl", [command, .. arguments], Surroundings(directory, ports), log, watchdog, Account.For("rabbitmq"), directory);
        if (await control.Exited is var exitCode and not 0)
            throw new OrafoException($"rabbitmqctl failed with exit code {exitCode}; see {log}.");
    }

    public async Task StopAsync()
    {
        await Process.StopAsync(TimeSpan.FromSeconds(30));
        if (Epmd is not null)
            await Epmd.KillAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Process.DisposeAsync();
        Management.Dispose();
    }

    private async Task Run(CancellationToken cancellationToken)
    {
        var server = Installation.RabbitMqServer ?? throw new OrafoException("RabbitMQ is not installed.");
        if (Epmd is null || Epmd.Exited.IsCompleted)
        {
            // Started by us and in the foreground: Erlang would otherwise leave a daemon behind that belongs to nobody.
            Epmd = ChildProcess.Start("epmd",
                ["epmd", "-port", Ports.Epmd.ToString(CultureInfo.InvariantCulture), "-address", "127.0.0.1"],
                Surroundings(_directory, Ports), In("epmd.log"), _watchdog, _user, _directory);
            // A node that finds no epmd would start one of its own.
            await Until.True(_ => Task.FromResult(!Servers.Ports.IsFree(Ports.Epmd)), Epmd, In("epmd.log"), TimeSpan.FromSeconds(30), cancellationToken);
        }

        var log = In("rabbitmq.log");
        Process = ChildProcess.Start("RabbitMQ", [server], Surroundings(_directory, Ports), log, _watchdog, _user, _directory);
        await Until.True(Answers, Process, log, TimeSpan.FromMinutes(2), cancellationToken);
    }

    private async Task<bool> Answers(CancellationToken cancellationToken)
    {
        // While the node starts, a question may be taken and never answered: the next one is.
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        soon.CancelAfter(TimeSpan.FromSeconds(1));
        try
        {
            // Says whether there are listeners on the AMQP port, which come up last.
            using var answer = await Management.GetAsync(new Uri($"health/checks/port-listener/{Ports.Amqp}", UriKind.Relative), soon.Token);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private string In(string name) => Path.Combine(_directory, name);

    private static Dictionary<string, string?> Surroundings(string directory, BrokerPorts ports) => new()
    {
        ["HOME"] = directory,
        ["ERL_EPMD_PORT"] = ports.Epmd.ToString(CultureInfo.InvariantCulture),
        ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        // Fixed: the name is part of the data, and a private epmd keeps it apart from others of that name.
        ["RABBITMQ_NODENAME"] = "orafo@localhost",
        ["RABBITMQ_DIST_PORT"] = ports.Distribution.ToString(CultureInfo.InvariantCulture),
        ["RABBITMQ_BASE"] = directory,
        ["RABBITMQ_MNESIA_BASE"] = Path.Combine(directory, "mnesia"),
        ["RABBITMQ_LOG_BASE"] = Path.Combine(directory, "log"),
        ["RABBITMQ_CONFIG_FILE"] = Path.Combine(directory, "rabbitmq.conf"),
        ["RABBITMQ_ADVANCED_CONFIG_FILE"] = Path.Combine(directory, "advanced.config"),
        ["RABBITMQ_CONF_ENV_FILE"] = Path.Combine(directory, "rabbitmq-env.conf"),
        ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(directory, "enabled_plugins"),
        ["RABBITMQ_FEATURE_FLAGS_FILE"] = Path.Combine(directory, "feature_flags"),
        ["RABBITMQ_GENERATED_CONFIG_DIR"] = Path.Combine(directory, "generated"),
        ["RABBITMQ_PID_FILE"] = Path.Combine(directory, "rabbitmq.pid"),
        // The script then replaces itself by the node instead of waiting for it: our child is the node, and dies with it.
        ["RUNNING_UNDER_SYSTEMD"] = "true",
        // The log of the quorum queues is opened with O_SYNC: as durable as a write and a sync after it, in one call of another thread instead of two.
        ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] =
            "-kernel inet_dist_use_interface {127,0,0,1} -ra wal_write_strategy o_sync +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
    };

    private static string Definitions(string virtualHost, IReadOnlyList<BrokerUser> users) => JsonSerializer.Serialize(new
    {
        users = users.Select(user => new
        {
            name = user.Name,
            password_hash = Hash(user.Password),
            hashing_algorithm = "rabbit_password_hashing_sha256",
            tags = user.Tag ?? "",
        }),
        vhosts = new[] { new { name = virtualHost } },
        policies = new[] { new Dictionary<string, object>(QueuePolicy.Body, StringComparer.Ordinal) { ["vhost"] = virtualHost, ["name"] = QueuePolicy.Name } },
        permissions = users.Select(user => new { user = user.Name, vhost = virtualHost, configure = user.Configure, write = user.Write, read = user.Read }),
    });

    /// <summary>Salted SHA-256 (RabbitMQ documentation, "Credentials and Passwords": a 32-bit salt before the password, and before the hash).</summary>
    private static string Hash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(4);
        return Convert.ToBase64String([.. salt, .. SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(password)])]);
    }
}
