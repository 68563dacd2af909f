using System.Data;
using System.Net;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Orafo.Persistence.Tests;

/// <summary>IPublishEndpoint and ISendEndpointProvider are the DbContext's outbox wherever a scope is (G1, G3).</summary>
public sealed class A_scope
{
    [Test]
    public async Task Of_a_web_request_says_what_the_request_saved_and_nothing_else()
    {
        await using var service = await LedgerService.Start(instances: 0);
        var instance = await service.StartOther(
            builder =>
            {
                service.AddLedgerDb(builder.Services);
                service.AddBus(builder.Services, Notes);
            },
            app => app.MapPost("/{of}", async (string of, bool saves, LedgerDb db, IPublishEndpoint publish, ISendEndpointProvider send) =>
            {
                await publish.Publish(new Note(of, 1));
                await (await send.GetSendEndpoint(new Uri("exchange:note"))).Send(new Note(of, 2));
                if (saves)
                    await db.SaveChangesAsync();
            }));
        using var client = new HttpClient { BaseAddress = new Uri(instance.Urls.Single()) };

        foreach (var path in new[] { "unsaved?saves=false", "saved?saves=true" })
        {
            using var response = await client.PostAsync(new Uri(path, UriKind.Relative), null);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        Assert.That(await service.Effects("saved", 2), Is.EquivalentTo([1, 2]));
        Assert.That(await service.Effects("unsaved", 0), Is.Empty);
    }

    [Test]
    public async Task Of_a_background_service_may_publish_and_save_again_and_again_and_end_at_once()
    {
        await using var service = await LedgerService.Start(instances: 0);
        await service.StartOther(builder =>
        {
            service.AddLedgerDb(builder.Services);
            // Before the bus: it begins before the bus has started.
            builder.Services.AddHostedService<Noter>();
            service.AddBus(builder.Services, Notes);
        });

        Assert.That(
            await service.Effects("noted", Noter.Scopes * Noter.Saves), Is.EquivalentTo(Enumerable.Range(0, Noter.Scopes * Noter.Saves)));
    }

    /// <summary>One that held it for the rest of its scope would, among as many as there are connections, wait for another one for ever.</summary>
    [Test]
    public async Task Holds_no_connection_after_a_query_whoever_had_its_DbContext_before()
    {
        await using var service = await LedgerService.Start();
        // Relay, hand-off and all who look now and then have had DbContexts of the pool.
        for (var i = 0; i < 20; i++)
            await LedgerService.Publish(service.Instances[0], isLeftToRelay: i % 2 == 0, new Note("noted", i));
        await service.Effects("noted", 20);
        await service.Quiet();

        List<AsyncServiceScope> scopes = [];
        for (var i = 0; i < 20; i++)
        {
            scopes.Add(service.Instances[0].Services.CreateAsyncScope());
            var db = scopes[i].ServiceProvider.GetRequiredService<LedgerDb>();
            await db.Set<OutboxMessage>().AnyAsync();
            Assert.That(db.Database.GetDbConnection().State, Is.EqualTo(ConnectionState.Closed), $"the {i + 1}. DbContext");
        }

        foreach (var scope in scopes)
            await scope.DisposeAsync();
    }

    [Test]
    public async Task Stores_what_it_publishes_before_the_bus_has_started_and_it_leaves_when_it_does()
    {
        await using var service = await LedgerService.Start(instances: 0);
        var instance = await service.StartOther(
            builder =>
            {
                service.AddLedgerDb(builder.Services);
                service.AddBus(builder.Services, Notes);
            },
            isStarted: false);
        await service.Publish(new Note("early", 1), new Note("early", 2));
        await using (var db = service.OpenDb())
            Assert.That(await db.Set<OutboxMessage>().CountAsync(), Is.EqualTo(2));

        await instance.StartAsync();
        Assert.That(await service.Effects("early", 2), Is.EquivalentTo([1, 2]));
    }

    /// <param name="publishesBefore">Otherwise the interceptor is the first of the scope that asks for something to publish with.</param>
    /// <param name="saves">SaveChanges of the scope.</param>
    [TestCase(true, 1)]
    [TestCase(false, 1)]
    [TestCase(true, 2)]
    [TestCase(false, 2)]
    public async Task Stores_what_an_interceptor_of_SaveChanges_publishes_with_the_same_SaveChanges(bool publishesBefore, int saves)
    {
        await using var service = await LedgerService.Start(instances: 0);
        // Nobody sends here: what is stored can be looked at.
        var instance = await service.StartOther(
            builder =>
            {
                service.AddLedgerDb(builder.Services, (scope, options) => options.AddInterceptors(new PublishingInterceptor(scope)));
                service.AddBus(builder.Services, bus => { });
            },
            isStarted: false);
        await using (var scope = instance.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<LedgerDb>();
            for (var save = 0; save < saves; save++)
            {
                if (publishesBefore)
                    await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Note("before", save));
                db.Effects.Add(new Effect { Of = "an effect", Value = save });
                await db.SaveChangesAsync();
            }
        }

        await using var look = service.OpenDb();
        var stored = await look.Set<OutboxMessage>().OrderBy(message => message.SequenceNumber).ToListAsync();
        string[] perSave = publishesBefore ? ["before", "intercepted", "intercepted too"] : ["intercepted", "intercepted too"];
        Assert.That(stored.Select(OfNote), Is.EqualTo(Enumerable.Repeat(perSave, saves).SelectMany(of => of)));
        Assert.That(stored.Select(message => message.IsFirst), Is.EqualTo(Enumerable.Range(0, stored.Count).Select(place => place % perSave.Length == 0)));
        Assert.That(stored.Select(message => message.OutboxId).Distinct().Count(), Is.EqualTo(saves));
    }

    [Test]
    public async Task Hands_what_an_interceptor_published_to_the_relay_even_where_a_consumer_saves()
    {
        await using var service = await LedgerService.Start(instances: 0);
        await service.StartOther(builder =>
        {
            service.AddLedgerDb(builder.Services, (scope, options) => options.AddInterceptors(new PublishingInterceptor(scope)));
            service.AddBus(builder.Services, bus =>
            {
                Notes(bus);
                bus.AddConsumer<EffectConsumer>().Endpoint(endpoint => endpoint.Name = "effect");
            });
        });
        await service.Publish(new HaveEffect(1), new HaveEffect(2));

        Assert.That(await service.Effects("intercepted", 2), Is.EquivalentTo([1, 2]));
        Assert.That(await service.Effects("intercepted too", 2), Is.EquivalentTo([1, 2]));
        Assert.That(await service.Effects("an effect", 2), Is.EquivalentTo([1, 2]));
    }

    private static void Notes(IBusRegistrationConfigurator bus) => bus.AddConsumer<NoteConsumer>().Endpoint(endpoint => endpoint.Name = "note");

    private static string OfNote(OutboxMessage message) => message.Body.Split("\"of\":")[1].Split('"')[1];
}

/// <summary>Publishes and saves in scopes that end at once.</summary>
internal sealed class Noter(IServiceScopeFactory scopes) : BackgroundService
{
    public const int Scopes = 20;
    public const int Saves = 3;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var number = 0; number < Scopes * Saves; number += Saves)
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<LedgerDb>();
            var publish = scope.ServiceProvider.GetRequiredService<IPublishEndpoint>();
            for (var save = 0; save < Saves; save++)
            {
                await publish.Publish(new Note("noted", number + save), stoppingToken);
                await db.SaveChangesAsync(stoppingToken);
            }
        }
    }
}

/// <summary>Says what effects a SaveChanges adds, as events of a domain are often published.</summary>
internal sealed class PublishingInterceptor(IServiceProvider scope) : SaveChangesInterceptor
{
    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        var effects = eventData.Context!.ChangeTracker.Entries<Effect>()
            .Where(entry => entry is { State: EntityState.Added, Entity.Of: "an effect" }).Select(entry => entry.Entity.Value).ToList();
        foreach (var value in effects)
        {
            var publish = scope.GetRequiredService<IPublishEndpoint>();
            await publish.Publish(new Note("intercepted", value), cancellationToken);
            await publish.Publish(new Note("intercepted too", value), cancellationToken);
        }

        return result;
    }
}

public sealed record HaveEffect(int Value);

public sealed class EffectConsumer(LedgerDb db) : IConsumer<HaveEffect>
{
    public Task Consume(ConsumeContext<HaveEffect> context)
    {
        db.Effects.Add(new Effect { Of = "an effect", Value = context.Message.Value });
        return Task.CompletedTask;
    }
}
