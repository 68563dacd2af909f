using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace Orafo.Cli.Servers;

/// <summary>A PostgreSQL and a RabbitMQ for a test run, as the test projects are told of them.</summary>
/// <param name="Postgres">The superuser's connection string.</param>
/// <param name="Broker">The administrator's AMQP URI, up to the virtual host.</param>
/// <param name="BrokerManagement">The management API.</param>
/// <param name="BrokerPassword">The administrator's.</param>
public sealed record ServerSet(string Postgres, string Broker, string BrokerManagement, string BrokerPassword)
{
    /// <summary>The environment variable that carries a set as JSON.</summary>
    public const string Variable = "ORAFO_TEST_SERVERS";

    public const string BrokerAdmin = "admin";

    /// <summary>The management API's client, as the administrator.</summary>
    public HttpClient Management()
    {
        var client = new HttpClient { BaseAddress = new Uri(BrokerManagement) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{BrokerAdmin}:{BrokerPassword}")));
        return client;
    }

    /// <summary>Starts both on free ports, installing them first where they are missing. The watchdog stops them.</summary>
    public static async Task<ServerSet> StartAsync(string directory, Watchdog watchdog, CancellationToken cancellationToken)
    {
        await Installation.EnsureAsync(Console.Error.WriteLine, cancellationToken);
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        // Others may have to pass through to the servers' own directories below; what is in it is theirs alone.
        File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        var postgres = PrivatePostgres.StartAsync(Path.Combine(directory, "postgres"), Ports.Free(), password, watchdog, cancellationToken);
        var admin = new BrokerUser(BrokerAdmin, password, "administrator", ".*", ".*", ".*");
        var broker = PrivateRabbitMq.StartAsync(Path.Combine(directory, "rabbitmq"), BrokerPorts.Free, "/", [admin], watchdog, cancellationToken);
        await Task.WhenAll(postgres, broker);
        var ports = (await broker).Ports;
        return new ServerSet(
            (await postgres).ConnectionString(), $"amqp://{BrokerAdmin}:{password}@127.0.0.1:{ports.Amqp}/", $"http://127.0.0.1:{ports.Management}/api/", password);
    }
}
