using System.Security.Cryptography;
using Orafo.Cli.Servers;

namespace Orafo.Testing;

/// <summary>A PostgreSQL and a RabbitMQ that a test may stop, pause and kill: nobody else uses them at that time.</summary>
/// <remarks>Started at first use; the watchdog stops them.</remarks>
public sealed class OwnServers
{
    private static readonly Lazy<Task<OwnServers>> Started = new(Start);
    private readonly ServerSet _set;

    private OwnServers(PrivatePostgres postgres, PrivateRabbitMq broker, string password, string directory)
    {
        (Postgres, Broker, Directory) = (postgres, broker, directory);
        _set = new ServerSet(
            postgres.ConnectionString(), $"amqp://{ServerSet.BrokerAdmin}:{password}@127.0.0.1:{broker.Ports.Amqp}/", $"http://127.0.0.1:{broker.Ports.Management}/api/", password);
    }

    public PrivatePostgres Postgres { get; }
    public PrivateRabbitMq Broker { get; }

    /// <summary>Holds their data and their logs, in <c>postgres</c> and <c>rabbitmq</c>.</summary>
    public string Directory { get; }

    public static Task<OwnServers> GetAsync() => Started.Value;

    public Task<string> CreateDatabaseAsync(string name) => TestServers.CreateDatabaseAsync(_set, name);

    public Task<TestVirtualHost> CreateVirtualHostAsync(string name) => TestServers.CreateVirtualHostAsync(_set, name);

    private static async Task<OwnServers> Start()
    {
        await Installation.EnsureAsync(Console.Error.WriteLine, CancellationToken.None);
        var directory = System.IO.Directory.CreateTempSubdirectory("orafo-own-").FullName;
        TestServers.Watchdog.RemoveAtEnd(directory);
        File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var admin = new BrokerUser(ServerSet.BrokerAdmin, password, "administrator", ".*", ".*", ".*");
        var postgres = PrivatePostgres.StartAsync(Path.Combine(directory, "postgres"), Ports.Free(), password, TestServers.Watchdog, CancellationToken.None);
        var broker = PrivateRabbitMq.StartAsync(Path.Combine(directory, "rabbitmq"), BrokerPorts.Free, "/", [admin], TestServers.Watchdog, CancellationToken.None);
        await Task.WhenAll(postgres, broker);
        return new OwnServers(await postgres, await broker, password, directory);
    }
}
