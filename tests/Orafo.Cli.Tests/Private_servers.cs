using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;
using Orafo.Testing;
using RabbitMQ.Client;

namespace Orafo.Cli.Tests;

/// <summary>Servers that are started, killed and started again on the same data.</summary>
public sealed class Private_servers
{
    private readonly string _directory = Directory.CreateTempSubdirectory("orafo-servers-").FullName;

    [OneTimeSetUp]
    public async Task Install()
    {
        await Installation.EnsureAsync(TestContext.Progress.WriteLine, CancellationToken.None);
        File.SetUnixFileMode(_directory, File.GetUnixFileMode(_directory) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    [OneTimeTearDown]
    public void Remove() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Keep_a_committed_row_when_PostgreSQL_is_killed()
    {
        await using var postgres = await PrivatePostgres.StartAsync(
            Path.Combine(_directory, "postgres"), Ports.Free(), "secret", TestServers.Watchdog, CancellationToken.None);
        await Execute(postgres, "create table kept (value int); insert into kept values (42)");
        await postgres.Process.KillAsync();
        await postgres.RestartAsync(CancellationToken.None);
        Assert.That(await Execute(postgres, "select value from kept"), Is.EqualTo(42));
    }

    /// <remarks>By the script that is for any server.</remarks>
    [Test]
    public async Task End_a_services_session_that_idles_in_a_transaction_and_nobody_elses()
    {
        await using var postgres = await PrivatePostgres.StartAsync(
            Path.Combine(_directory, "roles"), Ports.Free(), "secret", TestServers.Watchdog, CancellationToken.None);
        var data = new DataDirectory(Path.Combine(_directory, "mesh"));
        Directory.CreateDirectory(data.Path);
        var databases = new Databases(data, Secrets.LoadOrCreate(data.Secrets), postgres, TestServers.Watchdog);
        for (var time = 1; time <= 2; time++)
            await databases.CreateAsync(CancellationToken.None);
        Assert.That(
            await Execute(postgres, "select string_agg(rolname || ' ' || array_to_string(rolconfig, ' '), ', ' order by rolname) from pg_roles where rolconfig is not null"),
            Is.EqualTo(string.Join(", ", MeshService.All.Select(service => $"{service.Database} idle_in_transaction_session_timeout=60s").Order(StringComparer.Ordinal))));
    }

    [Test]
    public async Task Keep_a_confirmed_message_when_RabbitMQ_is_killed_and_leave_no_epmd_behind()
    {
        var admin = new BrokerUser("admin", "secret", "administrator", ".*", ".*", ".*");
        await using var rabbit = await PrivateRabbitMq.StartAsync(
            Path.Combine(_directory, "rabbitmq"), BrokerPorts.Free, "orafo", [admin], TestServers.Watchdog, CancellationToken.None);
        await using (var connection = await Connect(rabbit, admin))
        await using (var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true)))
        {
            await channel.QueueDeclareAsync("kept", durable: true, exclusive: false, autoDelete: false);
            await DeclarationIsOnDisk("kept");
            await channel.BasicPublishAsync("", "kept", mandatory: true, new BasicProperties { Persistent = true }, Encoding.UTF8.GetBytes("42"));
        }

        await rabbit.Process.KillAsync();
        await rabbit.RestartAsync(CancellationToken.None);
        await using (var connection = await Connect(rabbit, admin))
        await using (var channel = await connection.CreateChannelAsync())
        {
            var kept = await channel.BasicGetAsync("kept", autoAck: true);
            Assert.That(Encoding.UTF8.GetString(kept!.Body.Span), Is.EqualTo("42"));
        }

        await rabbit.StopAsync();
        Assert.That((Ports.IsFree(rabbit.Ports.Amqp), Ports.IsFree(rabbit.Ports.Epmd)), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task Hold_quorum_queues_to_their_limits_by_a_policy_that_can_be_changed()
    {
        var admin = new BrokerUser("admin", "secret", "administrator", ".*", ".*", ".*");
        await using var rabbit = await PrivateRabbitMq.StartAsync(
            Path.Combine(_directory, "limited"), BrokerPorts.Free, "orafo", [admin], TestServers.Watchdog, CancellationToken.None);
        await using (var connection = await Connect(rabbit, admin))
        await using (var channel = await connection.CreateChannelAsync())
        {
            await channel.QueueDeclareAsync("limited", durable: true, exclusive: false, autoDelete: false,
                new Dictionary<string, object?>(StringComparer.Ordinal) { ["x-queue-type"] = "quorum" });
        }

        var queue = await Described(rabbit, "queues/orafo/limited");
        Assert.That(queue.GetProperty("policy").GetString(), Is.EqualTo(QueuePolicy.Name));
        Assert.That(queue.GetProperty("effective_policy_definition").GetProperty("delivery-limit").GetInt32(), Is.EqualTo(QueuePolicy.DeliveryLimit));
        Assert.That(queue.GetProperty("arguments").EnumerateObject().Select(argument => argument.Name), Is.EqualTo(new[] { "x-queue-type" }));
    }

    /// <summary>The management plug-in says what a queue is like a moment after it knows that there is one.</summary>
    private static async Task<JsonElement> Described(PrivateRabbitMq rabbit, string queue)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (true)
        {
            var described = await rabbit.Management.GetFromJsonAsync<JsonElement>(new Uri(queue, UriKind.Relative), patience.Token);
            if (described.TryGetProperty("effective_policy_definition", out _))
                return described;
            await Task.Delay(100, patience.Token); // The interval of looking, not the time to wait.
        }
    }

    /// <summary>RabbitMQ answers a declaration before Mnesia has written it to its log; killed in between, it forgets the queue.</summary>
    private async Task DeclarationIsOnDisk(string queue)
    {
        var log = Path.Combine(_directory, "rabbitmq", "mnesia");
        var name = Encoding.ASCII.GetBytes(queue);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!Directory.EnumerateFiles(log, "*.*", SearchOption.AllDirectories).Any(file => IsMnesia(file) && Contains(file, name)))
            await Task.Delay(25, patience.Token); // The interval of looking, not the time to wait.
    }

    private static bool IsMnesia(string file) => Path.GetExtension(file) is ".LOG" or ".DCD" or ".DCL";

    private static bool Contains(string file, byte[] name)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            return bytes.ToArray().AsSpan().IndexOf(name) >= 0;
        }
        // Mnesia has renamed it, or is done with it.
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    [Test]
    public void Get_another_port_when_theirs_is_taken()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port;
        Assert.That(Ports.FreeOr(port), Is.Not.EqualTo(port));
        taken.Stop();
        Assert.That(Ports.FreeOr(port), Is.EqualTo(port));
    }

    [Test]
    public void Are_told_from_others_that_took_their_port()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        using var other = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("sleep", ["1000"]))!;
        try
        {
            Assert.That((Proc.Listens(Environment.ProcessId, port), Proc.Listens(other.Id, port)), Is.EqualTo((true, false)));
        }
        finally
        {
            other.Kill();
        }
    }

    private static Task<IConnection> Connect(PrivateRabbitMq rabbit, BrokerUser user) =>
        new ConnectionFactory { Uri = new Uri(rabbit.Uri(user, "orafo")) }.CreateConnectionAsync();

    private static async Task<object?> Execute(PrivatePostgres postgres, string sql)
    {
        await using var connection = new NpgsqlConnection(postgres.ConnectionString() + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
