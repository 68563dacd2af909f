using System.Text.Json;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Commands;

/// <summary><c>status</c>: what runs where, and how it is.</summary>
internal static class StatusCommand
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static async Task<int> RunAsync(DataDirectory data, bool json, CancellationToken stop)
    {
        var state = MeshState.Running(data);
        using var http = Health.NewClient();
        var parts = await Task.WhenAll(state.Parts.Select(async part => (Part: part, Health: await HealthOf(http, part, stop))));
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(Describe(state, Secrets.LoadOrCreate(data.Secrets), File.Exists(data.ApiKey) ? Intake.Key(data) : null, parts), Format));
        else
        {
            foreach (var (part, health) in parts)
                Console.WriteLine($"{part.Name,-14} {health,-10} pid {part.Process?.Pid,-8} {(part.Restarts > 0 ? $"restarted {part.Restarts} times  " : "")}{part.Url}");
        }

        return parts.All(part => part.Health == Health.Healthy) ? 0 : 1;
    }

    private static async Task<string> HealthOf(HttpClient http, PartState part, CancellationToken stop) =>
        part.Process?.IsRunning != true ? Health.Down : part.Url is null ? Health.Healthy : await Health.OfAsync(http, part.Url, stop);

    private static object Describe(MeshState state, Secrets secrets, string? apiKey, (PartState Part, string Health)[] parts) => new
    {
        api = state.Url(MeshService.Ordering),
        apiKey,
        management = new
        {
            url = $"http://127.0.0.1:{state.Broker.Management}",
            user = BrokerUsers.Administrator,
            password = secrets.Broker,
            @operator = new { user = BrokerUsers.Operator, password = secrets.BrokerOperator },
        },
        brokerMetrics = $"http://127.0.0.1:{state.Broker.Metrics}/metrics",
        amqp = MeshState.AmqpUri(state.Broker.Amqp, BrokerUsers.Administrator, secrets.Broker),
        postgres = new
        {
            host = PrivatePostgres.Host,
            port = state.PostgresPort,
            user = PrivatePostgres.User,
            password = secrets.Postgres,
            databases = MeshService.All.Select(service => service.Database),
        },
        printer = state.Url(MeshService.Printer),
        carrier = state.Url(MeshService.Carrier),
        services = parts.Select(part => new { name = part.Part.Name, url = part.Part.Url, pid = part.Part.Process?.Pid, health = part.Health }),
    };
}
