using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Comparing;

/// <summary>The PostgreSQL and the RabbitMQ of the small programs; each run has a database and a virtual host there.</summary>
internal sealed class CompareServers : IAsyncDisposable
{
    private readonly string _brokerDirectory;

    private CompareServers(Watchdog watchdog, PrivatePostgres postgres, PrivateRabbitMq broker, string brokerDirectory, BrokerUser user) =>
        (Watchdog, Postgres, Broker, _brokerDirectory, BrokerUser) = (watchdog, postgres, broker, brokerDirectory, user);

    public Watchdog Watchdog { get; }
    public PrivatePostgres Postgres { get; }
    public PrivateRabbitMq Broker { get; }
    public BrokerUser BrokerUser { get; }

    /// <param name="directory">Theirs; removed at the end.</param>
    public static async Task<CompareServers> Start(string directory, Watchdog watchdog, CancellationToken stop)
    {
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var user = new BrokerUser(ServerSet.BrokerAdmin, password, "administrator", ".*", ".*", ".*");
        var postgres = PrivatePostgres.StartAsync(Path.Combine(directory, "postgres"), Ports.Free(), password, watchdog, stop);
        var brokerDirectory = Path.Combine(directory, "rabbitmq");
        var broker = PrivateRabbitMq.StartAsync(brokerDirectory, BrokerPorts.Free, "/", [user], watchdog, stop);
        await Task.WhenAll(postgres, broker);
        return new(watchdog, await postgres, await broker, brokerDirectory, user);
    }

    /// <summary>What they are.</summary>
    public async Task<string> Versions(CancellationToken stop)
    {
        var overview = await Broker.Management.GetFromJsonAsync<JsonElement>(new Uri("overview", UriKind.Relative), stop);
        await using var connection = new NpgsqlConnection(Postgres.ConnectionString() + ";Pooling=false");
        await connection.OpenAsync(stop);
        return $"PostgreSQL {connection.PostgreSqlVersion}, RabbitMQ {overview.GetProperty("rabbitmq_version").GetString()}";
    }

    public async Task CreateDatabase(string name, CancellationToken stop)
    {
        await using var connection = new NpgsqlConnection(Postgres.ConnectionString() + ";Pooling=false");
        await connection.OpenAsync(stop);
        await using var create = new NpgsqlCommand($"create database \"{name}\"", connection);
        await create.ExecuteNonQueryAsync(stop);
    }

    public async Task CreateVirtualHost(string name, CancellationToken stop)
    {
        await Put($"vhosts/{name}", new { });
        await Put($"permissions/{name}/{BrokerUser.Name}", new { configure = ".*", write = ".*", read = ".*" });

        async Task Put(string path, object body)
        {
            using var answer = await Broker.Management.PutAsJsonAsync(new Uri(path, UriKind.Relative), body, stop);
            answer.EnsureSuccessStatusCode();
        }
    }

    /// <summary>From now on the broker waits no longer than that for an acknowledgement, on channels that are opened from now on.</summary>
    public Task ShortenPatience(TimeSpan timeout) => AcknowledgementTrap.ShortenPatienceAsync(_brokerDirectory, Broker.Ports, Watchdog, timeout);

    /// <summary>How many messages of that virtual host are with a consumer, as of the last statistics (five seconds at most).</summary>
    public async Task<long> Unacknowledged(string virtualHost) =>
        (await Broker.Management.GetFromJsonAsync<JsonElement>(new Uri($"vhosts/{virtualHost}", UriKind.Relative))).TryGetProperty("messages_unacknowledged", out var messages) ? messages.GetInt64() : 0;

    /// <summary>The broker closes every connection to that virtual host.</summary>
    public Task Disconnect(string virtualHost) => Disconnect(_brokerDirectory, Broker.Ports, Watchdog, virtualHost);

    /// <inheritdoc cref="Disconnect(string)"/>
    public static Task Disconnect(string brokerDirectory, BrokerPorts ports, Watchdog watchdog, string virtualHost) =>
        PrivateRabbitMq.ControlAsync(brokerDirectory, ports, watchdog, "close_all_connections", "--vhost", virtualHost, "The network is gone.");

    public async ValueTask DisposeAsync()
    {
        await Broker.DisposeAsync();
        await Postgres.DisposeAsync();
    }
}
