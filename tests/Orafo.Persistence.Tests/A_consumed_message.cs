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
}
