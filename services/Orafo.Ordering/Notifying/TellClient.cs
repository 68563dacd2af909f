using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.Ordering.Saga;
using Orafo.Pgq;
using Orafo.ServiceDefaults;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.Ordering.Notifying;

/// <summary>A job: a client is to be told. Its group is the client. Where, and signed with what, is looked up when it is done.</summary>
/// <param name="Type">The event's.</param>
/// <param name="EventId">The event's and the webhook's.</param>
/// <param name="At">When it happened.</param>
/// <param name="Order">What it is about; null of a test.</param>
public sealed record TellClient(string Type, string EventId, DateTimeOffset At, SettledOrder? Order)
{
    /// <summary>Of the jobs and their table.</summary>
    public const string Queue = "callback_job";

    /// <summary>The member of a job's metadata that names the client.</summary>
    public const string Client = "client";

    /// <summary>Says nothing, but that it arrives.</summary>
    public const string Ping = "orafo.ping.v1";

    /// <summary>Of the state that the order has just come to. The event's id is the order and the transition's place in its timeline, as in its stream of events.</summary>
    public static NewJob<TellClient> Of(OrderSaga order)
    {
        var eventId = string.Create(CultureInfo.InvariantCulture, $"{order.CorrelationId}-{order.Timeline.Count}");
        return new(new($"orafo.order.{order.CurrentState.ToLowerInvariant()}.v1", eventId, order.Timeline[^1].At, SettledOrder.Of(order)))
        {
            Metadata = MetadataOf(order.Client),
            DeduplicationKey = eventId,
        };
    }

    /// <summary>A test; while one is not over, another one is not published.</summary>
    public static NewJob<TellClient> Test(string client, DateTimeOffset now)
    {
        var id = Guid.CreateVersion7(now);
        return new(new(Ping, id.ToString(), now, Order: null)) { Id = id, Metadata = MetadataOf(client), DeduplicationKey = "test " + client };
    }

    private static Dictionary<string, string> MetadataOf(string client) => new(StringComparer.Ordinal) { [Client] = client };
}

/// <summary>What a client is told of its order: nobody's name, nobody's address. All else is in <c>GET /orders/{id}</c>.</summary>
/// <param name="OrderId">Its id.</param>
/// <param name="Status">Completed, Rejected, Cancelled or Suspended.</param>
/// <param name="CustomerNumber">As the client gave it.</param>
/// <param name="InvoiceNumber">If it has one.</param>
/// <param name="Total">With VAT, if it is known.</param>
/// <param name="Because">Why it is suspended, is cancelled, or was completed although it was to be cancelled. Of a rejected order: see its reasons.</param>
public sealed record SettledOrder(Guid OrderId, string Status, string CustomerNumber, string? InvoiceNumber, Money? Total, string? Because)
{
    public static SettledOrder Of(OrderSaga order) => new(
        order.CorrelationId, order.CurrentState, order.CustomerNumber, order.InvoiceNumber, order.Total,
        order.CurrentState switch
        {
            nameof(OrderStateMachine.Suspended) => order.SuspendedBecause,
            nameof(OrderStateMachine.Cancelled) => order.CancelledBecause,
            nameof(OrderStateMachine.Completed) => order.CancellationRefusedBecause,
            _ => null,
        });
}

/// <summary>Sends a webhook to a client. That one fails for ever holds up no order, and no other client: it is parked.</summary>
public sealed class TellClientHandler(OrderingDb db, ClientReceivers receivers, WebhookSender sender, IOptions<CallbackOptions> options, TimeProvider time)
    : IJobHandler<TellClient>
{
    public async Task<JobOutcome> Handle(Job<TellClient> job, CancellationToken cancellationToken)
    {
        var (payload, client) = (job.Payload, job.Group);
        job.BelongsTo(payload.Order?.OrderId);
        if (payload.Order is null && job.Attempt > 1)
            return JobOutcome.Reject("A test is not repeated.");
        if (options.Value.Key is not { } key)
            return JobOutcome.Park("There is no key to sign with (Callbacks:Key).");
        if (await db.Callbacks.AsNoTracking().SingleOrDefaultAsync(one => one.Client == client, cancellationToken) is not { } callback)
            return JobOutcome.Done("The client does not want to be called back any more.");
        var url = new Uri(callback.Url);
        if (!options.Value.IsAddress(url))
            return JobOutcome.Park("The client's address is not https.");

        var said = new CloudEvent<SettledOrder?>
        {
            Id = payload.EventId,
            Source = options.Value.Source,
            Type = payload.Type,
            Subject = payload.Order?.OrderId.ToString(),
            Time = payload.At,
            Data = payload.Order,
        };
        WebhookSecret[] secrets = [.. callback.ValidAt(time.GetUtcNow()).Select(secret => WebhookSecret.Parse(secret.Text(key, client)))];
        return await receivers.Of(client, url).Attempt(job, sender, url, secrets, said, cancellationToken);
    }
}

/// <summary>The clients' receivers, one for each: one that fails is left alone for a while, and no other client for it, even if it is at the same host.</summary>
public sealed class ClientReceivers(IOptions<CallbackOptions> options, TimeProvider time, ILogger<ClientReceivers> logger) : IDisposable
{
    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);

    /// <summary>At another host it is another one, about which nothing is known.</summary>
    public WebhookReceiver Of(string client, Uri url)
    {
        var host = url.GetLeftPart(UriPartial.Authority);
        return _known.AddOrUpdate(client, _ => New(client, host), (_, known) => known.Host == host ? known : New(client, host)).Receiver.Value;
    }

    public void Dispose()
    {
        foreach (var known in _known.Values)
            known.Receiver.Value.Dispose();
    }

    private Known New(string client, string host) => new(host, new(() => new WebhookReceiver(
        new RemoteSystem($"receiver of the client {client}", options.Value.Parallelism, options.Value.Limits, time, logger), options.Value)));

    private sealed record Known(string Host, Lazy<WebhookReceiver> Receiver);
}

/// <summary>Registers who wants to be called back, the queue of what they are to be told, and those who tell.</summary>
public static class NotifyingExtensions
{
    /// <summary>At a time, of all clients: hands wait for answers most of the time.</summary>
    private const int MostJobs = 64;

    /// <summary>Jobs for each webhook under way.</summary>
    private const int JobsPerCall = 2;

    public static void AddNotifying(this IServiceCollection services)
    {
        services.AddOptions<CallbackOptions>().BindConfiguration("Callbacks").ValidateDataAnnotations().ValidateOnStart();
        services.AddWebhookSender<CallbackOptions>();
        services.AddSingleton<ClientReceivers>();
        services.AddSingleton<KnownCallbacks>();
        services.AddHostedService(provider => provider.GetRequiredService<KnownCallbacks>());
        services.AddJobQueue<TellClient>(TellClient.Queue);
        services.AddJobHandler<TellClient, TellClientHandler>((provider, worker) =>
        {
            var callbacks = provider.GetRequiredService<IOptions<CallbackOptions>>().Value;
            callbacks.Configure(worker);
            // One client that is slow leaves hands for the others.
            worker.MaxPerGroup = JobsPerCall * callbacks.Parallelism;
            worker.Parallelism = Math.Max(MostJobs, worker.MaxPerGroup.Value);
        });
    }
}
