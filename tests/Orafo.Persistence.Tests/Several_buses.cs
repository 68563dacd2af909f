using MassTransit;
using MassTransit.DependencyInjection;
using Microsoft.EntityFrameworkCore;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>A process may have several DbContexts, and several buses: each outbox is sent by the bus that it belongs to.</summary>
public sealed class Several_buses
{
    [TestCase(true)]
    [TestCase(false)]
    public async Task Send_what_their_own_DbContext_saved_to_their_own_broker(bool isRelayed)
    {
        await using var both = await TwoBuses.Start();
        await using (var scope = both.Instance.Services.CreateAsyncScope())
        {
            var first = scope.ServiceProvider.GetRequiredService<LedgerDb>();
            var second = scope.ServiceProvider.GetRequiredService<SecondDb>();
            await using var firstTransaction = isRelayed ? await first.Database.BeginTransactionAsync() : null;
            await using var secondTransaction = isRelayed ? await second.Database.BeginTransactionAsync() : null;
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Note("first", 1));
            await scope.ServiceProvider.GetRequiredService<Bind<ISecondBus, IPublishEndpoint>>().Value.Publish(new Note("second", 2));
            await first.SaveChangesAsync();
            if (firstTransaction is not null)
                await firstTransaction.CommitAsync();
            Assert.That(await both.Service.Effects("first", 1), Is.EqualTo([1]));
            Assert.That(await both.SecondEffects(), Is.Empty, "the second bus's message is not saved yet");
            await second.SaveChangesAsync();
            if (secondTransaction is not null)
                await secondTransaction.CommitAsync();
        }

        await both.Service.Eventually(async _ => string.Join(' ', await both.SecondEffects()), seen => seen == "second");
        await both.Service.Quiet();
        await using var db = both.Service.OpenDb();
        Assert.That(await db.Effects.Select(effect => effect.Of).ToListAsync(), Is.EqualTo(["first"]));
    }

    [Test]
    public async Task Hand_on_what_a_consumer_of_one_publishes_on_the_other_only_if_it_is_saved()
    {
        await using var both = await TwoBuses.Start();
        var conversation = Guid.CreateVersion7();
        var bus = both.Instance.Services.GetRequiredService<ISecondBus>();
        await bus.Publish(new HandOn("unsaved", Saves: false), context => context.ConversationId = conversation);
        await bus.Publish(new HandOn("saved", Saves: true), context => context.ConversationId = conversation);

        Assert.That(await both.Service.Effects($"saved in {conversation}", 1), Is.EqualTo([1]));
        await both.Service.Eventually(async _ => string.Join(' ', (await both.SecondEffects()).Order(StringComparer.Ordinal)), seen => seen == "handed on saved handed on unsaved");
        await both.Service.Quiet();
        await using var db = both.Service.OpenDb();
        Assert.That(await db.Effects.CountAsync(), Is.EqualTo(1));
    }

    /// <remarks>MassTransit keeps the correlation of a message for the whole process, in a list without a lock.</remarks>
    [Test]
    public async Task Are_built_at_the_same_time()
    {
        var instances = Enumerable.Range(0, 32)
            .Select(_ => LedgerService.BuildInstance("Host=127.0.0.1;Port=1", "amqp://nobody:none@127.0.0.1:1/", LedgerService.Everybody)).ToArray();
        Assert.That(() => Parallel.ForEach(instances, instance => instance.Services.GetRequiredService<IBusControl>()), Throws.Nothing);
        foreach (var instance in instances)
            await instance.DisposeAsync();
    }

    [Test]
    public async Task Schedule_in_their_own_outbox()
    {
        await using var both = await TwoBuses.Start();
        await using (var scope = both.Instance.Services.CreateAsyncScope())
        {
            var scheduler = scope.ServiceProvider.GetRequiredService<Bind<ISecondBus, IMessageScheduler>>().Value;
            await scheduler.SchedulePublish(DateTime.UtcNow.AddSeconds(1), new Note("scheduled", 1));
            await scheduler.SchedulePublish(DateTime.UtcNow.AddMinutes(10), new ScheduleOnSecond("later"));
            await scope.ServiceProvider.GetRequiredService<SecondDb>().SaveChangesAsync();
        }

        await both.Service.Eventually(async _ => string.Join(' ', await both.SecondEffects()), seen => seen == "scheduled");
    }

    [Test]
    public async Task May_be_one_that_has_an_outbox_in_each_of_several_DbContexts()
    {
        await using var service = await LedgerService.Start(instances: 0);
        var secondDatabase = await TwoBuses.CreateSecondDb();
        await service.StartOther(builder =>
        {
            service.AddLedgerDb(builder.Services);
            builder.Services.AddDbContextPool<SecondDb>(options => options.UseNpgsql(secondDatabase));
            builder.Services.AddMassTransit(bus =>
            {
                bus.DisableUsageTelemetry();
                bus.AddEntityFrameworkOutbox<LedgerDb>(outbox => outbox.UsePostgres().UseBusOutbox());
                bus.AddEntityFrameworkOutbox<SecondDb>(outbox => outbox.UsePostgres());
                bus.AddConsumer<NoteConsumer>().Endpoint(endpoint => endpoint.Name = "note");
                bus.AddConsumer<SecondAnswerConsumer>().Endpoint(endpoint => endpoint.Name = "second-answer");
                bus.AddConfigureEndpointsCallback((context, name, endpoint) =>
                {
                    if (name == "note")
                        endpoint.UseEntityFrameworkOutbox<LedgerDb>(context);
                    else
                        endpoint.UseEntityFrameworkOutbox<SecondDb>(context);
                });
                bus.UsingRabbitMq((context, rabbit) =>
                {
                    rabbit.Host(new Uri(service.Broker.Uri));
                    rabbit.ConfigureEndpoints(context);
                });
            });
        });
        const int messages = 20;
        await service.Publish([.. Enumerable.Range(0, messages).Select(number => new NoteAndAnswer($"{number}", 1))]);

        await using var second = TwoBuses.OpenSecondDb(secondDatabase);
        await service.Eventually(_ => second.Effects.CountAsync(), effects => effects == messages);
        for (var number = 0; number < messages; number++)
            Assert.That(await service.Effects($"answer to {number}", 1, isQuiet: false), Is.EqualTo([0]));
        await service.Eventually(_ => second.Set<MassTransit.EntityFrameworkCoreIntegration.OutboxMessage>().CountAsync(), waiting => waiting == 0);
        Assert.That(await second.Set<MassTransit.EntityFrameworkCoreIntegration.InboxState>().CountAsync(), Is.EqualTo(messages));
    }

    [Test]
    public void Do_not_share_an_outbox() => Assert.That(
        () => new ServiceCollection()
            .AddMassTransit<ISecondBus>(bus => bus.AddEntityFrameworkOutbox<SecondDb>())
            .AddMassTransit(bus => bus.AddEntityFrameworkOutbox<SecondDb>()),
        Throws.InstanceOf<ConfigurationException>().With.Message.Contains(nameof(SecondDb)));

    /// <summary>A process with two buses, each with a broker, a database and an outbox.</summary>
    private sealed class TwoBuses(LedgerService service, TestVirtualHost broker, string database, WebApplication instance) : IAsyncDisposable
    {
        public LedgerService Service => service;
        public WebApplication Instance => instance;

        public static async Task<TwoBuses> Start()
        {
            var service = await LedgerService.Start(instances: 0);
            var broker = await TestServers.CreateVirtualHostAsync("second");
            var database = await CreateSecondDb();
            var instance = await service.StartOther(builder =>
            {
                service.AddLedgerDb(builder.Services);
                builder.Services.AddDbContextPool<SecondDb>(options => options.UseNpgsql(database));
                service.AddBus(builder.Services, bus => bus.AddConsumer<ConversationConsumer>().Endpoint(endpoint => endpoint.Name = "note"));
                builder.Services.AddMassTransit<ISecondBus>(bus =>
                {
                    bus.DisableUsageTelemetry();
                    bus.AddEntityFrameworkOutbox<SecondDb>(outbox => outbox.UsePostgres().UseBusOutbox());
                    bus.AddPostgresMessageScheduler<SecondDb>();
                    bus.AddConfigureEndpointsCallback((context, _, endpoint) => endpoint.UseEntityFrameworkOutbox<SecondDb>(context));
                    bus.AddConsumer<SecondNoteConsumer>().Endpoint(endpoint => endpoint.Name = "note");
                    bus.AddConsumer<HandOnConsumer>().Endpoint(endpoint => endpoint.Name = "hand-on");
                    bus.UsingRabbitMq((context, rabbit) =>
                    {
                        rabbit.Host(new Uri(broker.Uri));
                        rabbit.UsePostgresMessageScheduler<SecondDb>(context);
                        rabbit.ConfigureEndpoints(context);
                    });
                });
            });
            return new TwoBuses(service, broker, database, instance);
        }

        public static async Task<string> CreateSecondDb()
        {
            var database = await TestServers.CreateDatabaseAsync("second");
            await using var db = OpenSecondDb(database);
            await db.Database.EnsureCreatedAsync();
            return database;
        }

        public static SecondDb OpenSecondDb(string database) => new(new DbContextOptionsBuilder<SecondDb>().UseNpgsql(database + ";Pooling=false").Options);

        public async Task<IReadOnlyList<string>> SecondEffects()
        {
            await using var db = OpenSecondDb(database);
            return await db.Effects.Select(effect => effect.Of).ToListAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await service.DisposeAsync();
            await broker.DisposeAsync();
        }
    }
}

public interface ISecondBus : IBus;

public sealed class SecondDb(DbContextOptions<SecondDb> options) : DbContext(options)
{
    public DbSet<Effect> Effects => Set<Effect>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.AddTransactionalOutboxEntities();
}

public sealed record HandOn(string Of, bool Saves);

public sealed record ScheduleOnSecond(string Of);

public sealed class ConversationConsumer(LedgerDb db) : IConsumer<Note>
{
    public Task Consume(ConsumeContext<Note> context)
    {
        var of = context.Message.Of == "first" ? "first" : $"{context.Message.Of} in {context.ConversationId}";
        db.Effects.Add(new Effect { Of = of, Value = context.Message.Value });
        return Task.CompletedTask;
    }
}

public sealed class SecondNoteConsumer(SecondDb db) : IConsumer<Note>
{
    public Task Consume(ConsumeContext<Note> context)
    {
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = context.Message.Value });
        return Task.CompletedTask;
    }
}

public sealed class SecondAnswerConsumer(SecondDb db, IPublishEndpoint publish) : IConsumer<NoteAndAnswer>
{
    public Task Consume(ConsumeContext<NoteAndAnswer> context)
    {
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = 1 });
        return publish.Publish(new Answer(context.Message.Of, 0));
    }
}

/// <summary>Of the second bus; publishes on the first.</summary>
public sealed class HandOnConsumer(SecondDb second, LedgerDb first, IPublishEndpoint publish) : IConsumer<HandOn>
{
    public async Task Consume(ConsumeContext<HandOn> context)
    {
        second.Effects.Add(new Effect { Of = "handed on " + context.Message.Of, Value = 1 });
        await publish.Publish(new Note(context.Message.Of, 1));
        if (context.Message.Saves)
            await first.SaveChangesAsync();
    }
}
