using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;

namespace Orafo.Persistence.Tests;

/// <summary>A message leaves if and only if its transaction committed, in order, and not before a queue takes it (G3, G4, G5).</summary>
public sealed class An_outbox
{
    [Test]
    public async Task Sends_nothing_of_a_scope_that_did_not_save()
    {
        await using var service = await LedgerService.Start();
        var instance = await service.StartInstance();
        await using (var scope = instance.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Note("unsaved", 1));
        await using (var scope = instance.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<LedgerDb>();
            await using var transaction = await db.Database.BeginTransactionAsync();
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Note("rolled back", 1));
            await db.SaveChangesAsync();
            await transaction.RollbackAsync();
        }

        await service.Publish(new Note("saved", 1));
        Assert.That(await service.Effects("saved", 1), Has.Count.EqualTo(1));
        await using var ledger = service.OpenDb();
        Assert.That(await ledger.Effects.CountAsync(effect => effect.Of != "saved"), Is.Zero);
    }

    [Test]
    public async Task Sends_what_each_of_several_saves_in_one_scope_published()
    {
        await using var service = await LedgerService.Start();
        var instance = await service.StartInstance();
        await using (var scope = instance.Services.CreateAsyncScope())
        {
            var publish = scope.ServiceProvider.GetRequiredService<IPublishEndpoint>();
            var db = scope.ServiceProvider.GetRequiredService<LedgerDb>();
            for (var i = 0; i < 5; i++)
            {
                await publish.Publish(new Note("several", i));
                await db.SaveChangesAsync();
            }
        }

        Assert.That(await service.Effects("several", 5), Is.EquivalentTo(Enumerable.Range(0, 5)));
    }

    [Test]
    public async Task Keeps_the_order_of_a_transaction_between_several_relays()
    {
        // The receiver takes one message at a time, so that it sees them as they left; three more instances only relay.
        await using var service = await LedgerService.Start(consumers: bus =>
            bus.AddConsumer<NoteConsumer>(consumer => consumer.ConcurrentMessageLimit = 1).Endpoint(endpoint => (endpoint.Name, endpoint.PrefetchCount) = ("note", 1)));
        for (var i = 0; i < 3; i++)
            await service.StartInstance(_ => { });

        const int transactions = 40;
        const int messages = 12;
        await Task.WhenAll(Enumerable.Range(0, transactions).Select(t =>
            service.Publish([.. Enumerable.Range(0, messages).Select(m => new Note($"transaction {t}", m))])));

        for (var t = 0; t < transactions; t++)
            Assert.That(await service.Effects($"transaction {t}", messages), Is.EqualTo(Enumerable.Range(0, messages)));
    }

    [Test]
    public async Task Sends_a_transaction_of_more_messages_than_fit_in_one_batch()
    {
        await using var service = await LedgerService.Start();
        const int messages = 350;
        await service.PublishPast(new NoteAndAnswer("many", messages), Guid.CreateVersion7());
        Assert.That(await service.Effects("answer to many", messages), Is.EquivalentTo(Enumerable.Range(0, messages)));
    }

    [Test]
    public async Task Keeps_what_nobody_can_receive_until_somebody_can_and_holds_up_nobody_else()
    {
        await using var service = await LedgerService.Start();
        await service.Publish(new RecallHandOver { OrderId = Guid.CreateVersion7() });
        await service.Eventually(
            db => Recalls(db).Select(message => message.Attempts).SingleOrDefaultAsync(), attempts => attempts >= 2);
        await service.Publish(new Note("others", 1));
        await service.Eventually(db => db.Effects.CountAsync(effect => effect.Of == "others"), seen => seen == 1);
        await using (var db = service.OpenDb())
            Assert.That((await Recalls(db).SingleAsync()).LastError, Does.Contain("returned"));

        await service.StartInstance(bus => bus.AddConsumer<RecallConsumer>());
        await service.Quiet();
        Assert.That(await service.Effects("recalled", 1), Has.Count.EqualTo(1));

        static IQueryable<OutboxMessage> Recalls(LedgerDb db) =>
            db.Set<OutboxMessage>().Where(message => message.MessageType.Contains(nameof(RecallHandOver)));
    }

    /// <remarks>
    /// RabbitMQ closes the channel if an exchange is said to be of another type than it is, and the connection on headers larger
    /// than a frame; a routing key has 255 bytes at most.
    /// </remarks>
    [TestCase("channel")]
    [TestCase("connection")]
    [TestCase("message")]
    public async Task Parks_what_fails_whenever_it_is_sent_and_holds_up_nobody_else(string broken)
    {
        await using var service = await LedgerService.Start();
        await using (var scope = service.Instances[0].Services.CreateAsyncScope())
        {
            var publish = scope.ServiceProvider.GetRequiredService<IPublishEndpoint>();
            await publish.Publish(new Note("before", 1));
            if (broken == "channel")
            {
                var endpoint = await scope.ServiceProvider.GetRequiredService<ISendEndpointProvider>().GetSendEndpoint(new Uri("exchange:note?type=topic"));
                await endpoint.Send(new Note("poisoned", 1));
            }
            else if (broken == "connection")
                await publish.Publish(new Note("poisoned", 1), context => context.Headers.Set("larger-than-a-frame", new string('x', 200_000)));
            else
                await publish.Publish(new Note("poisoned", 1), context => context.SetRoutingKey(new string('x', 300)));
            await publish.Publish(new Note("after", 1));
            await scope.ServiceProvider.GetRequiredService<LedgerDb>().SaveChangesAsync();
        }

        var sent = 0;
        await service.Eventually(
            async db =>
            {
                await service.Publish(new Note("others", sent++));
                return await db.Set<OutboxMessage>().Select(message => message.Failures).MaxAsync(failures => (int?)failures);
            },
            failures => failures >= 3);
        await service.Eventually(db => db.Effects.CountAsync(effect => effect.Of == "others"), seen => seen == sent);
        var left = await service.Eventually(
            db => db.Set<OutboxMessage>().OrderBy(message => message.SequenceNumber).ToListAsync(), messages => messages.Count == 2);
        Assert.Multiple(() =>
        {
            Assert.That(left[0].LastError, Is.Not.Empty);
            Assert.That(left[0].Due, Is.GreaterThan(DateTime.UtcNow.AddMinutes(20)));
            Assert.That(left[1], Has.Property(nameof(OutboxMessage.IsFirst)).False.And.Property(nameof(OutboxMessage.Failures)).Zero);
        });
        TestContext.Out.WriteLine($"{broken}: {left[0].Attempts} attempts, {left[0].LastError}, {sent} others");
    }

    [Test]
    public async Task Is_relayed_by_whoever_comes_next_if_its_own_relay_is_gone()
    {
        await using var service = await LedgerService.Start();
        var sender = await service.StartInstance(_ => { });
        // Its relay and its bus are gone when the transaction commits, as in a process that dies right then.
        await sender.StopAsync().WaitAsync(Testing.Eventually.Patience);
        await using (var scope = sender.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Note("orphaned", 1));
            await scope.ServiceProvider.GetRequiredService<LedgerDb>().SaveChangesAsync();
        }

        Assert.That(await service.Effects("orphaned", 1), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Gives_back_what_it_cannot_send_itself()
    {
        await using var service = await LedgerService.Start();
        var sender = await service.StartInstance(_ => { });
        // It still stores with a lease and means to send, but its connection to the broker is gone for good.
        await sender.Services.GetRequiredService<IBusControl>().StopAsync().WaitAsync(Testing.Eventually.Patience);
        await using (var scope = sender.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Note("cut off", 1));
            await scope.ServiceProvider.GetRequiredService<LedgerDb>().SaveChangesAsync();
        }

        Assert.That(await service.Effects("cut off", 1), Has.Count.EqualTo(1));
    }

    public sealed class RecallConsumer(LedgerDb db) : IConsumer<RecallHandOver>
    {
        public Task Consume(ConsumeContext<RecallHandOver> context)
        {
            db.Effects.Add(new Effect { Of = "recalled", Value = 1 });
            return Task.CompletedTask;
        }
    }
}
