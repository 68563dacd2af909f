using Microsoft.Extensions.Options;
using Orafo.Pgq;
using Orafo.ServiceDefaults;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.HandOver.Notifying;

/// <summary>The shop's systems, by their names, and what is to be told to them.</summary>
public sealed class Shop(JobQueue<TellShop> queue, IOptions<NotifyingOptions> options, TimeProvider time, ILogger<Shop> logger) : IDisposable
{
    private readonly Dictionary<string, Receiver> _receivers = options.Value.Receivers.ToDictionary(
        of => of.Key, of => new Receiver(of.Key, of.Value, options.Value, time, logger), StringComparer.Ordinal);

    /// <summary>Null if there is none of that name (any more).</summary>
    public Receiver? Find(string name) => _receivers.GetValueOrDefault(name);

    /// <summary>Has all of them told, with the next SaveChanges of the DbContext: a job for each, so that none waits for another.</summary>
    /// <param name="db">Call <see cref="Wake"/> after its commit.</param>
    /// <param name="type">One of <see cref="TellShop"/>'s.</param>
    /// <param name="shipment">What it is about.</param>
    /// <param name="at">When it happened.</param>
    public void Tell(HandOverDb db, string type, Shipment shipment, DateTimeOffset at)
    {
        foreach (var name in _receivers.Keys)
        {
            queue.Publish(db, new NewJob<TellShop>(new(type, at, ShippedOrder.Of(shipment)))
            {
                Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { [TellShop.Receiver] = name },
            });
        }
    }

    public void Wake()
    {
        if (_receivers.Count > 0)
            queue.Wake();
    }

    public void Dispose()
    {
        foreach (var receiver in _receivers.Values)
            receiver.Dispose();
    }
}

/// <summary>One of them.</summary>
public sealed class Receiver(string name, ReceiverOptions options, NotifyingOptions notifying, TimeProvider time, ILogger logger) : IDisposable
{
    public WebhookReceiver Webhooks { get; } = new(new RemoteSystem($"receiver {name}", options.Parallelism, notifying.Limits, time, logger), notifying);

    public Uri Url { get; } = options.Url!;

    public IReadOnlyList<WebhookSecret> Secrets { get; } = [.. options.Secrets.Select(WebhookSecret.Parse)];

    public void Dispose() => Webhooks.Dispose();
}
