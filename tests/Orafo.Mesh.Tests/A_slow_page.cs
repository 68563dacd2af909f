using Orafo.Cli.Benchmarking;
using Orafo.Cli.Mesh;
using Orafo.Testing;

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
        await AcknowledgementTrap.ShortenPatienceAsync(BrokerDirectory, broker, TestServers.Watchdog, TimeSpan.FromSeconds(TimeoutSeconds));
        // A channel keeps what it began with.
        foreach (var service in MeshService.All)
            await _mesh.KillAsync(service.Name);
        await Eventually.Holds(async () => (await _mesh.RunAsync("status")).ExitCode == 0, "all are back");
        // The first order after a start is the slowest: on a busy machine even its commands may be acknowledged too late for so impatient a broker.
        await _mesh.FollowAsync((await _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso")))!, "Completed");
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
        var held = await AcknowledgementTrap.HoldAsync(new(status.GetProperty("amqp").GetString()!), Patience, CancellationToken.None);
        Assert.That((held.ReplyCode, held.IsRedelivered), Is.EqualTo((406, true)), held.ReplyText);
        Assert.That(held.Held, Is.GreaterThan(TimeSpan.FromSeconds(TimeoutSeconds - 1)));
        // The log does not say of whom: on a busy machine somebody else may be too slow for so impatient a broker, too.
        await Eventually.Holds(() => TimeOuts() > before, "the broker's log says so: that is where the other test looks for it");
    }

    /// <summary>How often the broker has lost patience.</summary>
    private int TimeOuts() => AcknowledgementTrap.Losses(BrokerDirectory);
}
