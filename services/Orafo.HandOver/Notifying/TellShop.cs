using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.Pgq;
using Orafo.ServiceDefaults;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.HandOver.Notifying;

/// <summary>A job: one of the shop's systems is to be told. Its id is the webhook's and the event's, its group the receiver.</summary>
/// <param name="Type">The event's.</param>
/// <param name="At">When it happened.</param>
/// <param name="Order">What it is about.</param>
public sealed record TellShop(string Type, DateTimeOffset At, ShippedOrder Order)
{
    /// <summary>Of the jobs and their table.</summary>
    public const string Queue = "webhook_job";

    /// <summary>The member of a job's metadata that names the receiver.</summary>
    public const string Receiver = "receiver";

    public const string HandedOver = "orafo.order.handed-over.v1";
    public const string Recalled = "orafo.order.hand-over-recalled.v1";
}

/// <summary>What the shop is told of an order: nobody's name, nobody's address. The shop knows its customer by the number.</summary>
public sealed record ShippedOrder(
    Guid OrderId, string? CustomerNumber, string? InvoiceNumber, string? TrackingNumber, DateTimeOffset? HandedOverAt, Money? Total, IReadOnlyList<OrderLine>? Lines)
{
    public static ShippedOrder Of(Shipment shipment) => new(
        shipment.OrderId, shipment.CustomerNumber, shipment.InvoiceNumber, shipment.TrackingNumber, shipment.HandedOverAt,
        shipment is { Total: { } total, Currency: { } currency } ? new(total, currency) : null, shipment.Lines);
}

/// <summary>Sends a webhook. That one fails for ever holds up no order: it is parked, and an operator may have it tried again.</summary>
public sealed class TellShopHandler(Shop shop, WebhookSender sender, IOptions<NotifyingOptions> options) : IJobHandler<TellShop>
{
    public async Task<JobOutcome> Handle(Job<TellShop> job, CancellationToken cancellationToken)
    {
        job.BelongsTo(job.Payload.Order.OrderId);
        if (shop.Find(job.Group) is not { } receiver)
            return JobOutcome.Park($"There is no receiver '{job.Group}'.");
        var said = new CloudEvent<ShippedOrder>
        {
            Id = job.Id.ToString(),
            Source = options.Value.Source,
            Type = job.Payload.Type,
            Subject = job.Payload.Order.OrderId.ToString(),
            Time = job.Payload.At,
            Data = job.Payload.Order,
        };
        return await receiver.Webhooks.Attempt(job, sender, receiver.Url, receiver.Secrets, said, cancellationToken);
    }
}

/// <summary>Registers the shop's systems, the queue of what they are to be told, and those who tell.</summary>
public static class NotifyingExtensions
{
    /// <summary>Jobs for each webhook under way.</summary>
    private const int JobsPerCall = 4;

    /// <summary>That a worker has at a time.</summary>
    private const int MostJobs = 1000;

    public static void AddNotifying(this IServiceCollection services)
    {
        services.AddOptions<NotifyingOptions>().BindConfiguration("Webhooks").ValidateDataAnnotations().ValidateOnStart();
        services.AddWebhookSender<NotifyingOptions>();
        services.AddSingleton<Shop>();
        services.AddJobQueue<TellShop>(TellShop.Queue);
        services.AddJobHandler<TellShop, TellShopHandler>((provider, worker) =>
        {
            var notifying = provider.GetRequiredService<IOptions<NotifyingOptions>>().Value;
            notifying.Configure(worker);
            // One receiver that is slow leaves hands for the others.
            worker.MaxPerGroup = JobsPerCall * notifying.Receivers.Values.Select(receiver => receiver.Parallelism).DefaultIfEmpty(1).Max();
            worker.Parallelism = Math.Min(MostJobs, worker.MaxPerGroup.Value * Math.Max(1, notifying.Receivers.Count));
        });
    }
}
