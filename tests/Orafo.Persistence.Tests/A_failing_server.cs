using System.Collections.Concurrent;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Persistence.Tests;

/// <summary>A broker or a database that says no, for a while: what waits is kept, and goes on by itself.</summary>
public sealed class A_failing_server
{
    [Test]
    public async Task Rejects_what_a_full_queue_has_no_room_for_and_gets_it_when_there_is_room()
    {
        await using var service = await LedgerService.Start(consumers: _ => { });
        // The queue, without its consumer.
        var receiver = await service.StartInstance(bus => bus.AddConsumer<NoteConsumer>().Endpoint(endpoint => endpoint.Name = "note"));
        await service.StopInstance(receiver);
        await service.Broker.PutPolicyAsync("full", "^note$", """{"max-length":1,"overflow":"reject-publish"}""");
        // A quorum queue is told after a while that it is full.
        var filling = 0;
        await service.Eventually(
            async db =>
            {
                await service.Publish(new Note("filling", filling++));
                return await db.Set<OutboxMessage>().AnyAsync(message => message.Attempts > 0);
            },
            isFull => isFull);
        const int messages = 20;
        for (var i = 0; i < messages; i++)
            await service.Publish(new Note("full", i));

        var rejected = await service.Eventually(
            db => db.Set<OutboxMessage>().Where(message => message.Attempts > 1 && message.Body.Contains("\"full\"")).ToListAsync(),
            rows => rows.Count > messages / 2);
        Assert.That(rejected.Select(message => message.Failures), Is.All.Zero, "It is not their fault.");

        await service.Broker.DeletePolicyAsync("full");
        await service.StartInstance(bus => bus.AddConsumer<NoteConsumer>().Endpoint(endpoint => endpoint.Name = "note"));
        // Others look for what was refused although they are told of something else all the time.
        using var end = new CancellationTokenSource();
        var published = GoOn(end.Token);
        try
        {
            Assert.That(await service.Effects("full", messages, isQuiet: false), Is.EquivalentTo(Enumerable.Range(0, messages)));
            Assert.That(await service.Effects("filling", filling, isQuiet: false), Is.EquivalentTo(Enumerable.Range(0, filling)));
        }
        finally
        {
            await end.CancelAsync();
        }

        Assert.That(await service.Effects("more", await published), Is.EquivalentTo(Enumerable.Range(0, await published)));

        async Task<int> GoOn(CancellationToken end)
        {
            for (var i = 0; ; i++)
            {
                if (end.IsCancellationRequested)
                    return i;
                await service.Publish(new Note("more", i));
                await Task.Delay(200, CancellationToken.None); // The pace, not a time to wait.
            }
        }
    }

    [Test]
    public async Task Puts_away_a_message_that_nobody_knows_and_goes_on()
    {
        await using var service = await LedgerService.Start();
        await service.Broker.PublishAsync("note", """{"messageType":["urn:message:Somebody:Else"],"message":{}}""", "application/vnd.masstransit+json");
        await service.Broker.PublishAsync("note", "not even JSON", "application/vnd.masstransit+json");
        await service.Publish(new Note("known", 1));

        Assert.That(await service.Effects("known", 1, isQuiet: false), Has.Count.EqualTo(1));
        await service.Eventually(
            async _ => (await service.Broker.QueuesAsync()).Where(queue => queue.Key is "note_skipped" or "note_error").Sum(queue => queue.Value), put => put == 2);
        await service.Eventually(async _ => (await service.Broker.QueuesAsync())["note"], left => left == 0);
    }

    [Test]
    public async Task Puts_away_a_message_without_an_id_and_goes_on()
    {
        await using var service = await LedgerService.Start();
        await service.Broker.PublishAsync(
            "note", $$$"""{"messageType":["urn:message:{{{typeof(Note).Namespace}}}:Note"],"message":{"of":"nameless","value":1}}""", "application/vnd.masstransit+json");
        await service.Publish(new Note("named", 1));

        Assert.That(await service.Effects("named", 1, isQuiet: false), Has.Count.EqualTo(1));
        await service.Eventually(async _ => (await service.Broker.QueuesAsync()).GetValueOrDefault("note_error"), put => put == 1);
        Assert.That(await service.Effects("nameless", 0), Is.Empty);
    }

    /// <remarks>More often than a consumer's own faults are forgiven: a conflict is nobody's attempt.</remarks>
    [TestCase("40001"), TestCase("40P01")]
    public async Task Lets_a_transaction_lose_a_conflict_as_often_as_it_likes(string sqlState)
    {
        await using var service = await LedgerService.Start(consumers: bus => bus.AddConsumer<ConflictConsumer>().Endpoint(endpoint => endpoint.Name = "conflict"));
        ConflictConsumer.Conflicts[sqlState] = 7;
        await service.Publish(new Note(sqlState, 1));
        Assert.That(await service.Effects(sqlState, 1), Has.Count.EqualTo(1));
        Assert.That(ConflictConsumer.Conflicts[sqlState], Is.EqualTo(-1));
        Assert.That((await service.Broker.QueuesAsync()).Keys, Has.None.Contains("_error"));
    }

    public sealed class ConflictConsumer(LedgerDb db) : IConsumer<Note>
    {
        private const string SerializationFailure = "do $$ begin raise exception using errcode = 'serialization_failure'; end $$";
        private const string Deadlock = "do $$ begin raise exception using errcode = 'deadlock_detected'; end $$";

        /// <summary>How many are still to come, by SQLSTATE.</summary>
        public static ConcurrentDictionary<string, int> Conflicts { get; } = [];

        public async Task Consume(ConsumeContext<Note> context)
        {
            db.Effects.Add(new Effect { Of = context.Message.Of, Value = context.Message.Value });
            await db.SaveChangesAsync();
            if (Conflicts.AddOrUpdate(context.Message.Of, _ => -1, (_, left) => left - 1) >= 0)
                await db.Database.ExecuteSqlRawAsync(context.Message.Of == "40001" ? SerializationFailure : Deadlock);
        }
    }
}
