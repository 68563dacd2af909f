using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;
using Orafo.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Orafo.Mesh.Tests;

/// <summary>RabbitMQ takes a delivery back that is not acknowledged in time (consumer_timeout), and a page takes longer than that.</summary>
public sealed class A_slow_page
{
    private const int TimeoutSeconds = 5;
    private const int PageSeconds = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private Testing.Mesh _mesh = null!;

    private string BrokerDirectory => Path.Combine(_mesh.Directory, "rabbitmq");

    [OneTimeSetUp]
    public async Task Up()
    {
        _mesh = await Testing.Mesh.StartAsync(printSeconds: PageSeconds);
        var broker = MeshState.Running(new(_mesh.Directory)).Broker;
        await PrivateRabbitMq.ControlAsync(BrokerDirectory, broker, TestServers.Watchdog,
            "eval", $"application:set_env(rabbit, consumer_timeout, {TimeoutSeconds * 1000}), application:set_env(rabbit, channel_tick_interval, 1000).");
        // A channel keeps what it began with.
        foreach (var service in MeshService.All)
            await _mesh.KillAsync(service.Name);
        await Eventually.Holds(async () => (await _mesh.RunAsync("status")).ExitCode == 0, "all are back");
    }

    [OneTimeTearDown]
    public Task Down() => _mesh.DisposeAsync().AsTask();

    /// <remarks>The command is acknowledged when the print job is written, and the page is nobody's delivery.</remarks>
    [Test]
    public async Task Holds_no_delivery()
    {
        var before = TimeOuts();
        var orders = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso"))));
        foreach (var order in orders)
        {
            var timeline = (await _mesh.FollowAsync(order!, "Completed")).GetProperty("timeline").EnumerateArray().ToList();
            DateTimeOffset Entered(string state) => timeline.Single(step => step.GetProperty("state").GetString() == state).GetProperty("at").GetDateTimeOffset();
            Assert.That(Entered("HandingOver") - Entered("Invoicing"), Is.GreaterThan(TimeSpan.FromSeconds(PageSeconds - 1)), "the page took longer than the broker's patience");
        }

        Assert.That(TimeOuts(), Is.EqualTo(before));
        var (exitCode, output) = await _mesh.RunAsync("audit");
        Assert.That(exitCode, Is.Zero, output);
    }

    /// <summary>What the mesh does not do: print within the delivery.</summary>
    [Test]
    public async Task Would_cost_a_consumer_its_channel_that_held_its_delivery_for_it()
    {
        var before = TimeOuts();
        var status = await _mesh.StatusAsync();
        await using var connection = await new ConnectionFactory { Uri = new Uri(status.GetProperty("amqp").GetString()!), AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        const string Queue = "the-trap";
        await using (var publisher = await connection.CreateChannelAsync(new CreateChannelOptions(true, true)))
        {
            await publisher.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
            await publisher.BasicPublishAsync("", Queue, "a page"u8.ToArray());
        }

        await using var holder = await connection.CreateChannelAsync();
        var (closed, delivered) = (new TaskCompletionSource<ShutdownEventArgs>(), new TaskCompletionSource());
        holder.ChannelShutdownAsync += (_, reason) =>
        {
            closed.TrySetResult(reason);
            return Task.CompletedTask;
        };
        var consumer = new AsyncEventingBasicConsumer(holder);
        consumer.ReceivedAsync += (_, _) =>
        {
            delivered.TrySetResult();
            return Task.CompletedTask;
        };
        await holder.BasicConsumeAsync(Queue, autoAck: false, consumer);
        await delivered.Task.WaitAsync(Patience);
        var reason = await closed.Task.WaitAsync(Patience);

        await using var next = await connection.CreateChannelAsync();
        BasicGetResult? again = null;
        await Eventually.Holds(async () => (again = await next.BasicGetAsync(Queue, autoAck: true)) is not null, "it is delivered again");
        await next.QueueDeleteAsync(Queue);
        Assert.That((reason.ReplyCode, again!.Redelivered), Is.EqualTo((406, true)), reason.ToString());
        await Eventually.Holds(() => TimeOuts() == before + 1, "the broker's log says so: that is where the other test looks for it");
    }

    /// <summary>How often the broker has lost patience.</summary>
    private int TimeOuts() => Directory.EnumerateFiles(Path.Combine(BrokerDirectory, "log"), "*.log")
        .SelectMany(File.ReadLines).Count(line => line.Contains("has timed out waiting for delivery acknowledgement", StringComparison.Ordinal));
}
