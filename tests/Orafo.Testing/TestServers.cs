using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Servers;

namespace Orafo.Testing;

/// <summary>The one PostgreSQL and RabbitMQ of a test run; each fixture has a database and a virtual host of its own.</summary>
/// <remarks>
/// <c>./orafo test</c> starts them once for all test projects and passes them in a variable; a project that runs alone (in an IDE)
/// starts its own. Either way the watchdog stops them, however the run ends.
/// </remarks>
public static class TestServers
{
    private static readonly Lazy<Task<ServerSet>> Shared = new(Find);
    private static Watchdog? _watchdog;

    /// <summary>Stops servers that tests start for themselves, should the test process be killed.</summary>
    public static Watchdog Watchdog => LazyInitializer.EnsureInitialized(ref _watchdog, Watchdog.Start);

    /// <summary>A fresh database, as its superuser.</summary>
    public static async Task<string> CreateDatabaseAsync(string name) => await CreateDatabaseAsync(await Shared.Value, name);

    /// <summary>A fresh virtual host, as its administrator.</summary>
    public static async Task<TestVirtualHost> CreateVirtualHostAsync(string name) => await CreateVirtualHostAsync(await Shared.Value, name);

    internal static async Task<string> CreateDatabaseAsync(ServerSet servers, string name)
    {
        var database = $"{name}_{Guid.CreateVersion7():n}";
        await using var connection = new NpgsqlConnection(servers.Postgres + ";Pooling=false");
        await connection.OpenAsync();
        await using var create = new NpgsqlCommand($"create database \"{database}\"", connection);
        await create.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(servers.Postgres) { Database = database, MaxPoolSize = 30 }.ConnectionString;
    }

    internal static async Task<TestVirtualHost> CreateVirtualHostAsync(ServerSet servers, string name)
    {
        var virtualHost = $"{name}-{Guid.CreateVersion7():n}";
        var management = servers.Management();
        var broker = new TestVirtualHost(virtualHost, servers.Broker + virtualHost, management);
        await broker.CreateAsync();
        return broker;
    }

    private static async Task<ServerSet> Find()
    {
        if (Environment.GetEnvironmentVariable(ServerSet.Variable) is { Length: > 0 } json)
            return JsonSerializer.Deserialize<ServerSet>(json)!;
        var directory = Directory.CreateTempSubdirectory("orafo-test-").FullName;
        Watchdog.RemoveAtEnd(directory);
        return await ServerSet.StartAsync(directory, Watchdog, CancellationToken.None);
    }
}

/// <summary>A virtual host of one fixture.</summary>
public sealed class TestVirtualHost(string name, string uri, HttpClient management) : IAsyncDisposable
{
    public string Name => name;

    /// <summary>amqp://…</summary>
    public string Uri => uri;

    /// <summary>How many messages each queue holds.</summary>
    public async Task<IReadOnlyDictionary<string, int>> QueuesAsync()
    {
        var queues = await management.GetFromJsonAsync<JsonElement>(new Uri($"queues/{name}", UriKind.Relative));
        return queues.EnumerateArray().ToDictionary(
            queue => queue.GetProperty("name").GetString()!,
            queue => queue.TryGetProperty("messages", out var messages) ? messages.GetInt32() : 0,
            StringComparer.Ordinal);
    }

    /// <param name="policy">Its name.</param>
    /// <param name="queues">A pattern of their names.</param>
    /// <param name="definition">JSON. A queue has one policy only: this one goes before the one that all have.</param>
    public async Task PutPolicyAsync(string policy, string queues, string definition)
    {
        using var put = await management.PutAsJsonAsync(
            new Uri($"policies/{name}/{policy}", UriKind.Relative), new { pattern = queues, priority = 1, definition = JsonDocument.Parse(definition).RootElement });
        put.EnsureSuccessStatusCode();
    }

    public async Task DeletePolicyAsync(string policy)
    {
        using var deleted = await management.DeleteAsync(new Uri($"policies/{name}/{policy}", UriKind.Relative));
        deleted.EnsureSuccessStatusCode();
    }

    /// <summary>Publishes whatever it is, past every client library.</summary>
    public async Task PublishAsync(string exchange, string payload, string contentType)
    {
        using var published = await management.PostAsJsonAsync(
            new Uri($"exchanges/{name}/{exchange}/publish", UriKind.Relative),
            new { properties = new { content_type = contentType }, routing_key = "", payload, payload_encoding = "string" });
        published.EnsureSuccessStatusCode();
    }

    /// <summary>Creates it, empty; again, if it was deleted.</summary>
    public async Task CreateAsync()
    {
        using (var created = await management.PutAsync(new Uri($"vhosts/{name}", UriKind.Relative), null))
            created.EnsureSuccessStatusCode();
        using (var permitted = await management.PutAsJsonAsync(
            new Uri($"permissions/{name}/{ServerSet.BrokerAdmin}", UriKind.Relative), new { configure = ".*", write = ".*", read = ".*" }))
            permitted.EnsureSuccessStatusCode();
        using (var limited = await management.PutAsJsonAsync(new Uri($"policies/{name}/{QueuePolicy.Name}", UriKind.Relative), QueuePolicy.Body))
            limited.EnsureSuccessStatusCode();
    }

    /// <summary>Deletes it and what is in it: to its clients, a broker that is away.</summary>
    public async Task DeleteAsync()
    {
        using var deleted = await management.DeleteAsync(new Uri($"vhosts/{name}", UriKind.Relative));
    }

    public async ValueTask DisposeAsync()
    {
        await DeleteAsync();
        management.Dispose();
    }
}
