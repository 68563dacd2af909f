using System.Threading.Channels;
using MassTransit;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Persistence.Tests;

/// <summary>Inbox, effects and what the consumer publishes are one transaction (G2, G3, G6).</summary>
public sealed class A_consumed_message
{
    [Test]
    public async Task Takes_effect_once_however_often_it_is_delivered()
    {
        await using var service = await LedgerService.Start(instances: 2);
        var id = Guid.CreateVersion7();
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => service.PublishPast(new NoteAndAnswer("twice", 1), id)));

        Assert.That(await service.Effects("twice", 1), Has.Count.EqualTo(1));
        Assert.That(await service.Effects("answer to twice", 1), Has.Count.EqualTo(1));
        await service.PublishPast(new NoteAndAnswer("twice", 1), id);
        Assert.That(await service.Effects("twice", 1), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Says_nothing_and_leaves_nothing_if_its_consumer_fails_and_ends_in_the_error_queue()
    {
        await using var service = await LedgerService.Start();
        await service.Publish(new NoteAndFail("poisoned"));
        await service.Publish(new Note("innocent", 1));

        Assert.That(await service.Effects("innocent", 1), Is.EqualTo(new[] { 1 }));
        await service.Eventually(async _ => (await service.Broker.QueuesAsync()).GetValueOrDefault("note-and-fail_error"), messages => messages == 1);
        await service.Quiet();
        await using var db = service.OpenDb();
        Assert.That(await db.Effects.CountAsync(effect => effect.Of != "innocent"), Is.Zero);
    }

    [Test]
    public async Task Is_reported_by_a_Fault_when_its_attempts_are_used_up()
    {
        await using var service = await LedgerService.Start(consumers: bus =>
        {
            LedgerService.Everybody(bus);
            bus.AddConsumer<FaultConsumer>().Endpoint(endpoint => endpoint.Name = "faults");
        });
        await service.Publish(new NoteAndFail("poisoned"));

        Assert.That(await service.Effects("fault of poisoned", 1), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Waits_for_a_database_that_is_away_and_counts_no_attempt()
    {
        await using var service = await LedgerService.Start();
        const int messages = 300;
        for (var i = 0; i < messages; i++)
        {
            await service.PublishPast(new NoteAndAnswer("cut", 1), Guid.CreateVersion7());
            if (i % 30 == 0)
                await service.CutConnections();
        }

        Assert.That(await service.Effects("cut", messages), Has.Count.EqualTo(messages));
        Assert.That(await service.Effects("answer to cut", messages), Has.Count.EqualTo(messages));
        Assert.That((await service.Broker.QueuesAsync()).Where(queue => queue.Key.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);
    }

    /// <remarks>Many at the same time: those that share a transaction with one that fails are run again.</remarks>
    [Test]
    public async Task Wakes_whom_its_consumer_names_once_it_is_committed_and_nobody_if_it_is_not()
    {
        await using var service = await LedgerService.Start(consumers: bus => bus.AddConsumer<WakingConsumer>().Endpoint(endpoint => endpoint.Name = "waking"));
        const int messages = 40;
        await Task.WhenAll(Enumerable.Range(0, messages).Select(i => service.PublishPast(new Waking($"woken {i}", Fails: i % 8 == 0), Guid.CreateVersion7())));

        List<string> woken = [];
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (woken.Count < messages - messages / 8)
        {
            var of = await WakingConsumer.Woken.Reader.ReadAsync(deadline.Token);
            woken.Add(of);
            await using var db = service.OpenDb();
            Assert.That(await db.Effects.CountAsync(effect => effect.Of == of, deadline.Token), Is.EqualTo(1), "It is committed.");
        }

        await service.Eventually(async _ => (await service.Broker.QueuesAsync()).GetValueOrDefault("waking_error"), failed => failed == messages / 8);
        await service.Quiet();
        Assert.That(WakingConsumer.Woken.Reader.Count, Is.Zero);
        Assert.That(woken, Is.Unique);
    }
}

public sealed record Waking(string Of, bool Fails);

public sealed class WakingConsumer(LedgerDb db) : IConsumer<Waking>
{
    public static Channel<string> Woken { get; } = Channel.CreateUnbounded<string>();

    public Task Consume(ConsumeContext<Waking> context)
    {
        var of = context.Message.Of;
        db.Effects.Add(new Effect { Of = of, Value = 1 });
        context.AfterCommit(() => Woken.Writer.TryWrite(of));
        return context.Message.Fails ? throw new InvalidOperationException("It fails.") : Task.CompletedTask;
    }
}
