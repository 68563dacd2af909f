using System.Globalization;
using System.Threading.Channels;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using MassTransit.RabbitMqTransport;

namespace Orafo.Persistence.Tests;

/// <summary>What arrives from the outbox is what would have arrived without it, whether its writer sends it from memory or a relay from the table.</summary>
public sealed class A_stored_message
{
    private static readonly Guid Id = Guid.CreateVersion7();

    [Test]
    public async Task Arrives_as_if_it_had_been_sent_at_once([Values("envelope", "raw")] string format, [Values("hand-off", "relay")] string way)
    {
        await using var service = await LedgerService.Start(instances: 0);
        var arrived = Channel.CreateUnbounded<Seen>();
        var instance = await service.StartOther(builder =>
        {
            service.AddLedgerDb(builder.Services);
            service.AddBus(builder.Services, bus => { }, (_, rabbit) =>
            {
                if (format == "raw")
                    rabbit.UseRawJsonSerializer();
                rabbit.ReceiveEndpoint("seen", endpoint =>
                {
                    if (format == "raw")
                        endpoint.UseRawJsonDeserializer(RawSerializerOptions.All, isDefault: true);
                    endpoint.Handler<Note>(async context => await arrived.Writer.WriteAsync(Seen.Of(context)));
                });
            });
        });

        await LedgerService.HandsOff(instance);

        await instance.Services.GetRequiredService<IBus>().Publish(new Note("special", 7), Describe);
        var expected = await Next(arrived);
        await Store(instance, way, scope => scope.GetRequiredService<IPublishEndpoint>().Publish(new Note("special", 7), Describe));
        var seen = await Next(arrived);

        Assert.That(expected.RoutingKey, Is.EqualTo("a.special.key"));
        Assert.That(expected.Headers, Does.ContainKey("text").And.ContainKey("transport number"));
        Assert.That(seen.Headers, Is.EquivalentTo(expected.Headers));
        Assert.That(seen with { Headers = expected.Headers }, Is.EqualTo(expected));
        await service.Quiet();

        static void Describe(PublishContext<Note> context)
        {
            context.MessageId = context.ConversationId = context.CorrelationId = context.InitiatorId = context.RequestId = Id;
            context.ResponseAddress = new Uri("exchange:answers");
            context.FaultAddress = new Uri("exchange:faults");
            context.TimeToLive = TimeSpan.FromMinutes(5);
            context.SetRoutingKey("a.special.key");
            context.SetPriority(3);
            context.Durable = false;
            context.Headers.Set("text", "ä \"quoted\"");
            context.Headers.Set("number", 42);
            context.Headers.Set("yes", (bool?)true);
            context.Headers.Set("id", Id);
        }
    }

    [Test]
    public async Task Has_gone_through_the_scoped_filters_of_its_own_scope_once([Values("hand-off", "relay")] string way)
    {
        await using var service = await LedgerService.Start(instances: 0);
        var arrived = Channel.CreateUnbounded<(string Of, string? Publish, string? Send)>();
        var instance = await service.StartOther(builder =>
        {
            service.AddLedgerDb(builder.Services);
            builder.Services.AddScoped<Tenant>();
            builder.Services.AddSingleton<FilterRuns>();
            service.AddBus(
                builder.Services,
                bus => bus.AddConsumer<TenantConsumer>().Endpoint(endpoint => endpoint.Name = "tenant"),
                (context, rabbit) =>
                {
                    rabbit.UsePublishFilter(typeof(TenantPublishFilter<>), context);
                    rabbit.UseSendFilter(typeof(TenantSendFilter<>), context);
                    rabbit.ReceiveEndpoint("seen", endpoint => endpoint.Handler<Note>(async note =>
                        await arrived.Writer.WriteAsync((note.Message.Of, note.Headers.Get<string>("publish-tenant"), note.Headers.Get<string>("send-tenant")))));
                });
        });

        await LedgerService.HandsOff(instance);
        var runs = instance.Services.GetRequiredService<FilterRuns>().Count;
        await Store(instance, way, async scope =>
        {
            scope.GetRequiredService<Tenant>().Name = "first";
            await scope.GetRequiredService<IPublishEndpoint>().Publish(new Note("published", 1));
        });
        Assert.That(await Next(arrived), Is.EqualTo(("published", "first", (string?)null)));
        await Store(instance, way, async scope =>
        {
            scope.GetRequiredService<Tenant>().Name = "second";
            await (await scope.GetRequiredService<ISendEndpointProvider>().GetSendEndpoint(new Uri("exchange:seen"))).Send(new Note("sent", 1));
        });
        Assert.That(await Next(arrived), Is.EqualTo(("sent", (string?)null, "second")));
        await Store(instance, way, async scope =>
        {
            scope.GetRequiredService<Tenant>().Name = "third";
            await scope.GetRequiredService<IPublishEndpoint>().Publish(new SayForTenant("fourth"));
        });
        Assert.That(await Next(arrived), Is.EqualTo(("said by a consumer", "fourth", (string?)null)));
        await service.Quiet();
        Assert.That(instance.Services.GetRequiredService<FilterRuns>().Count - runs, Is.EqualTo(4), "three were published and one was sent");
    }

    /// <summary>Publishes in a scope that saves: at once, or in a transaction of its own, which leaves it to the relay.</summary>
    private static async Task Store(WebApplication instance, string way, Func<IServiceProvider, Task> publish)
    {
        await using var scope = instance.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<LedgerDb>();
        await using var transaction = way == "relay" ? await db.Database.BeginTransactionAsync() : null;
        await publish(scope.ServiceProvider);
        await db.SaveChangesAsync();
        var stored = db.ChangeTracker.Entries<OutboxMessage>().Single().Entity;
        Assert.That(stored.Due > stored.SentTime.AddSeconds(5), Is.EqualTo(way == "hand-off"), "its writer sends it, so no relay takes it now");
        if (transaction is not null)
            await transaction.CommitAsync();
    }

    private static Task<T> Next<T>(Channel<T> arrived) => arrived.Reader.ReadAsync().AsTask().WaitAsync(Testing.Eventually.Patience);

    /// <summary>All that a receiver can tell of a message, apart from when it was sent, and as which one.</summary>
    /// <remarks>MassTransit's pipe for stored messages also writes the content type, which AMQP has a property for, into the headers of a raw one.</remarks>
    private sealed record Seen(
        string Note, Guid? MessageId, Guid? ConversationId, Guid? CorrelationId, Guid? InitiatorId, Guid? RequestId, Uri? ResponseAddress, Uri? FaultAddress,
        Uri? SourceAddress, Uri? DestinationAddress, string? ContentType, string? RoutingKey, byte Priority, bool Persistent, bool Expires, string Types,
        SortedDictionary<string, string> Headers)
    {
        public static Seen Of(ConsumeContext<Note> context)
        {
            var rabbit = context.GetPayload<RabbitMqBasicConsumeContext>();
            var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (var (key, value) in context.Headers.GetAll())
                headers[key] = string.Create(CultureInfo.InvariantCulture, $"{value}");
            foreach (var (key, value) in context.ReceiveContext.TransportHeaders.GetAll())
                headers["transport " + key] = string.Create(CultureInfo.InvariantCulture, $"{value}");
            foreach (var key in new[] { "RabbitMQ-DeliveryTag", "x-dotnet-pub-seq-no", "Content-Type" })
            {
                headers.Remove(key);
                headers.Remove("transport " + key);
            }

            return new Seen(
                context.Message.ToString(), context.MessageId, context.ConversationId, context.CorrelationId, context.InitiatorId, context.RequestId,
                context.ResponseAddress, context.FaultAddress, context.SourceAddress, context.DestinationAddress, context.ReceiveContext.ContentType?.MediaType,
                rabbit.RoutingKey, rabbit.Properties.Priority, rabbit.Properties.Persistent, rabbit.Properties.Expiration is { Length: > 0 },
                string.Join(' ', context.SupportedMessageTypes), headers);
        }
    }
}

/// <summary>Whose message it is; known to a scope.</summary>
public sealed class Tenant
{
    public string? Name { get; set; }
}

public sealed class FilterRuns
{
    private int _count;

    public int Count => _count;

    public void Add() => Interlocked.Increment(ref _count);
}

public sealed class TenantPublishFilter<T>(Tenant tenant, FilterRuns runs) : IFilter<PublishContext<T>> where T : class
{
    public Task Send(PublishContext<T> context, IPipe<PublishContext<T>> next)
    {
        runs.Add();
        context.Headers.Set("publish-tenant", tenant.Name);
        return next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("tenant");
}

public sealed class TenantSendFilter<T>(Tenant tenant, FilterRuns runs) : IFilter<SendContext<T>> where T : class
{
    public Task Send(SendContext<T> context, IPipe<SendContext<T>> next)
    {
        runs.Add();
        context.Headers.Set("send-tenant", tenant.Name);
        return next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("tenant");
}

public sealed record SayForTenant(string Tenant);

public sealed class TenantConsumer(Tenant tenant) : IConsumer<SayForTenant>
{
    public Task Consume(ConsumeContext<SayForTenant> context)
    {
        tenant.Name = context.Message.Tenant;
        return context.Publish(new Note("said by a consumer", 1));
    }
}
