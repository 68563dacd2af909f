using System.Diagnostics;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>Servers that are away, or as good as: nothing is lost, nothing is done twice, and all goes on by itself (G10).</summary>
public sealed class An_outage
{
    private OwnServers _servers = null!;

    [OneTimeSetUp]
    public async Task Start() => _servers = await OwnServers.GetAsync();

    [TestCase("database"), TestCase("broker"), TestCase("both")]
    public async Task Is_waited_for_quietly_at_no_cost_and_ends_by_itself(string away)
    {
        await using var service = await LedgerService.Start(servers: _servers, logs: true);
        const int messages = 300;
        // Some of them are on their way when it happens.
        for (var i = 0; i < messages / 3; i++)
            await service.Publish(new NoteAndAnswer(away, 1));
        await Task.WhenAll(
            away == "broker" ? Task.CompletedTask : _servers.Postgres.StopAsync(),
            away == "database" ? Task.CompletedTask : _servers.Broker.StopAsync());
        // Whatever can still be said: more than an endpoint takes at a time.
        var published = messages / 3;
        for (; away == "broker" && published < messages; published++)
            await service.Publish(new NoteAndAnswer(away, 1));
        for (; away == "database" && published < messages; published++)
            await service.PublishPast(new NoteAndAnswer(away, 1), Guid.CreateVersion7());

        // What it did until it knew is no cost of waiting. With both away it is the database that it runs into.
        await service.Eventually(_ => Task.FromResult(Causes(service.Log!)), causes => causes.Contains(away == "broker" ? "broker" : "database"));
        var idle = await ProcessorTime(TimeSpan.FromSeconds(15));
        Report(service.Log!, away, idle);

        await Task.WhenAll(
            away == "broker" ? Task.CompletedTask : _servers.Postgres.RestartAsync(CancellationToken.None),
            away == "database" ? Task.CompletedTask : _servers.Broker.RestartAsync(CancellationToken.None));
        Assert.That(await service.Effects(away, published), Has.Count.EqualTo(published));
        Assert.That(await service.Effects("answer to " + away, published), Has.Count.EqualTo(published));
        Assert.Multiple(() =>
        {
            Assert.That(idle, Is.LessThan(0.2), "cores that were busy with waiting");
            var warnings = service.Log!.Lines.Where(line => line.Level >= LogLevel.Warning).ToLookup(line => line.IsOurs);
            Assert.That(SaidAgain(warnings[true], What), Is.Empty, "what we say, by its cause");
            Assert.That(SaidAgain(warnings[false], What), Is.Empty, "what MassTransit says");
            Assert.That(warnings.SelectMany(lines => lines).Select(What).Distinct(StringComparer.Ordinal).Count(), Is.InRange(1, 10));
            // MassTransit would wait for longer and longer, each endpoint by itself, and the broker be back long before.
            Assert.That(service.Log.Lines.Where(line => line.Template.StartsWith("Retrying", StringComparison.Ordinal)).Select(line => line.Text), Is.Empty);
        });
        Assert.That((await service.Broker.QueuesAsync()).Keys, Has.None.Contains("_error"));

        static string What(LogLine line) => line.IsOurs ? line.Text.Split(':')[0] : line.Template;
    }

    /// <remarks>With a memory alarm RabbitMQ reads no more from whoever publishes.</remarks>
    [Test]
    public async Task In_which_the_broker_blocks_who_publishes_keeps_their_messages_until_it_takes_them()
    {
        await using var service = await LedgerService.Start(servers: _servers, logs: true);
        await IsSettled(service);
        const int messages = 50;
        await _servers.Broker.ControlAsync("set_vm_memory_high_watermark", "0.000001");
        try
        {
            for (var i = 0; i < messages; i++)
                await service.Publish(new Note("blocked", i));
            await service.Eventually(_ => Task.FromResult(Causes(service.Log!)), causes => causes.Contains("broker"));
            await AllWait(service, messages);
        }
        finally
        {
            await _servers.Broker.ControlAsync("set_vm_memory_high_watermark", "0.4");
        }

        Assert.That(await service.Effects("blocked", messages), Is.EquivalentTo(Enumerable.Range(0, messages)));
    }

    [Test]
    public async Task In_which_confirms_are_late_counts_no_attempt_of_a_message()
    {
        await using var service = await LedgerService.Start(servers: _servers, logs: true);
        await IsSettled(service);
        const int messages = 50;
        using (new Pause(_servers.Broker.Process.Pid))
        {
            for (var i = 0; i < messages; i++)
                await service.Publish(new Note("late", i));
            await service.Eventually(_ => Task.FromResult(Causes(service.Log!)), causes => causes.Contains("broker"));
            await AllWait(service, messages);
        }

        Assert.That(await service.Effects("late", messages), Is.EquivalentTo(Enumerable.Range(0, messages)));
    }

    /// <remarks>RabbitMQ takes back what is not acknowledged for consumer_timeout (30 minutes by default; looked at once a minute).</remarks>
    [Test]
    public async Task Of_the_database_that_outlasts_the_brokers_patience_loses_nothing_and_does_nothing_twice()
    {
        await Patience(milliseconds: 4_000, look: 500);
        try
        {
            await using var service = await LedgerService.Start(servers: _servers);
            var timeOuts = TimeOuts();
            await _servers.Postgres.StopAsync();
            const int messages = 200;
            for (var i = 0; i < messages; i++)
                await service.PublishPast(new NoteAndAnswer("patient", 1), Guid.CreateVersion7());
            // Taken back twice, and delivered again.
            await service.Eventually(_ => Task.FromResult(TimeOuts() - timeOuts), taken => taken >= 2);
            await _servers.Postgres.RestartAsync(CancellationToken.None);

            Assert.That(await service.Effects("patient", messages), Has.Count.EqualTo(messages));
            Assert.That(await service.Effects("answer to patient", messages), Has.Count.EqualTo(messages));
            Assert.That((await service.Broker.QueuesAsync()).Keys, Has.None.Contains("_error"));
        }
        finally
        {
            await Patience(milliseconds: 1_800_000, look: 60_000);
        }
    }

    /// <remarks>RabbitMQ closes the channel over it.</remarks>
    [Test]
    public async Task Is_not_made_of_a_message_that_is_too_large()
    {
        await _servers.Broker.ControlAsync("eval", "application:set_env(rabbit, max_message_size, 65536).");
        try
        {
            await using var service = await LedgerService.Start(servers: _servers);
            await service.Publish(new Note(new string('x', 100_000), 1));
            var sent = 0;
            await service.Eventually(
                async db =>
                {
                    await service.Publish(new Note("others", sent++));
                    return await db.Set<OutboxMessage>().Select(message => message.Failures).MaxAsync(failures => (int?)failures);
                },
                failures => failures >= 3);
            await service.Eventually(db => db.Effects.CountAsync(effect => effect.Of == "others"), seen => seen == sent);
            var left = await service.Eventually(db => db.Set<OutboxMessage>().ToListAsync(), messages => messages.Count == 1);
            Assert.That(left[0].LastError, Is.Not.Empty);
        }
        finally
        {
            await _servers.Broker.ControlAsync("eval", "application:set_env(rabbit, max_message_size, 134217728).");
        }
    }

    /// <summary>Within a minute; a busy machine makes an outage last longer than one.</summary>
    private static IEnumerable<string> SaidAgain(IEnumerable<LogLine> lines, Func<LogLine, string> what) =>
        from same in lines.GroupBy(what, StringComparer.Ordinal)
        where same.Zip(same.Skip(1)).Any(two => Stopwatch.GetElapsedTime(two.First.At, two.Second.At) < TimeSpan.FromSeconds(59))
        select same.Key;

    /// <summary>Waits until an instance has rehearsed and sends what it stores, and nothing of that is in the outbox any longer.</summary>
    private static async Task IsSettled(LedgerService service)
    {
        await LedgerService.IsReady(service.Instances[0]);
        await LedgerService.HandsOff(service.Instances[0]);
        await service.Eventually(db => db.Set<OutboxMessage>().CountAsync(), rows => rows == 0);
    }

    /// <summary>None has left, and none is blamed.</summary>
    private static async Task AllWait(LedgerService service, int messages)
    {
        await using var db = service.OpenDb();
        Assert.That(await db.Set<OutboxMessage>().Select(message => message.Attempts).ToListAsync(), Has.Count.EqualTo(messages).And.All.Zero);
        Assert.That(await db.Effects.CountAsync(), Is.Zero);
    }

    private Task Patience(int milliseconds, int look) => _servers.Broker.ControlAsync(
        "eval", $"application:set_env(rabbit, consumer_timeout, {milliseconds}), application:set_env(rabbit, channel_tick_interval, {look}).");

    /// <summary>How often the broker has lost patience.</summary>
    private int TimeOuts() => Directory.EnumerateFiles(Path.Combine(_servers.Directory, "rabbitmq", "log"), "*.log")
        .SelectMany(File.ReadLines).Count(line => line.Contains("has timed out waiting for delivery acknowledgement", StringComparison.Ordinal));

    private static HashSet<string> Causes(CapturedLog log) =>
        [.. log.Lines.Where(line => line is { IsOurs: true, Level: >= LogLevel.Warning }).SelectMany(line => line.Text.Split(' ', ',', ':'))];

    /// <summary>Of this process, in cores.</summary>
    private static async Task<double> ProcessorTime(TimeSpan during)
    {
        using var process = Process.GetCurrentProcess();
        var (before, started) = (process.TotalProcessorTime, Stopwatch.GetTimestamp());
        await Task.Delay(during); // What is measured is this time.
        process.Refresh();
        return (process.TotalProcessorTime - before) / Stopwatch.GetElapsedTime(started);
    }

    private static void Report(CapturedLog log, string away, double idle)
    {
        TestContext.Out.WriteLine($"{away}: {idle:0.000} cores");
        foreach (var lines in log.Lines.Where(line => line.Level >= LogLevel.Warning).GroupBy(line => (line.Category, line.Level, line.Template)))
            TestContext.Out.WriteLine($"  {lines.Count(),5} {lines.Key.Level} {lines.Key.Category}: {lines.Key.Template} | {lines.First().Text.ReplaceLineEndings(" ")[..Math.Min(160, lines.First().Text.Length)]}");
    }
}
