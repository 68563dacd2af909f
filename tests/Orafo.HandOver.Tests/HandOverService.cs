using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Contracts;
using Orafo.HandOver.Notifying;
using Orafo.HandOver.Shipping;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.HandOver.Tests;

/// <summary>The service on a database of its own, with a carrier at the other end of a wire.</summary>
internal sealed class HandOverService : IAsyncDisposable
{
    private readonly List<ConsumerHarness<HandOverDb>> _instances;

    private HandOverService(ConsumerHarness<HandOverDb> harness, CarrierOnAWire carrier) => (_instances, Carrier) = ([harness], carrier);

    public ConsumerHarness<HandOverDb> Harness => _instances[0];
    public CarrierOnAWire Carrier { get; }

    public static async Task<HandOverService> Start(
        int attempts = 1000, TimeSpan? longestPause = null, TimeSpan? lease = null, TimeSpan? timeout = null, Action<NotifyingOptions>? webhooks = null,
        int connections = 30)
    {
        var carrier = new CarrierOnAWire();
        return new(await Instance(await TestServers.CreateDatabaseAsync("handover") + $";Maximum Pool Size={connections}", carrier, attempts, longestPause, lease, timeout, webhooks), carrier);
    }

    /// <summary>One more instance of the service.</summary>
    public async Task<ConsumerHarness<HandOverDb>> Another()
    {
        _instances.Add(await Instance(Harness.Database, Carrier, 1000, null, null, null, null));
        return _instances[^1];
    }

    public Task Deliver<T>(T message) where T : class => Harness.Deliver(message);

    public Task<IReadOnlyList<T>> Hears<T>(int count = 1) => Harness.Hears<T>(count);

    /// <summary>What this instance and another one heard, as soon as that is all: what has left the outbox is still on its way.</summary>
    public Task<T[]> Hears<T>(ConsumerHarness<HandOverDb> another, Func<T[], bool> isAll) =>
        Harness.Sees<T[]>(async _ => [.. await Harness.Hears<T>(0), .. await another.Hears<T>(0)], isAll);

    /// <summary>The order's, as soon as it is in that state.</summary>
    public async Task<Shipment> Is(string state, Guid orderId) =>
        (await Harness.Sees(db => db.Shipments.AsNoTracking().SingleOrDefaultAsync(shipment => shipment.OrderId == orderId), shipment => shipment?.State == state))!;

    public Task<JobStatus?> JobOf<TPayload>(Guid id) => Harness.Services.GetRequiredService<JobQueue<TPayload>>().FindAsync(id);

    /// <summary>The job, as soon as that holds.</summary>
    public async Task<JobStatus> JobOf<TPayload>(Guid id, Func<JobStatus, bool> holds) =>
        (await Harness.Sees(_ => JobOf<TPayload>(id), job => job is not null && holds(job)))!;

    /// <summary>Nothing is under way any more: what was delivered has been consumed, no job is left to do, and what was said has left the outbox.</summary>
    public Task ComesToRest() => Harness.Sees(
        async db =>
        {
            var inbox = await db.Database.SqlQuery<Guid>(
                $"""
                 select message_id as "Value" from inbox_state
                 where not exists (select from booking_job where state <> 'parked') and not exists (select from recall_job where state <> 'parked')
                     and not exists (select from outbox_message)
                 """).ToListAsync();
            return _instances.Sum(instance => instance.Delivered) - ConsumerHarness<HandOverDb>.Consumed(inbox, _instances);
        },
        left => left <= 0);

    public async ValueTask DisposeAsync()
    {
        await Harness.DisposeAsync();
        Carrier.Close();
    }

    private static Task<ConsumerHarness<HandOverDb>> Instance(
        string database, CarrierOnAWire carrier, int attempts, TimeSpan? longestPause, TimeSpan? lease, TimeSpan? timeout, Action<NotifyingOptions>? webhooks) =>
        ConsumerHarness<HandOverDb>.StartAsync(
            database,
            bus =>
            {
                bus.AddConsumer<HandOverOrderConsumer, HandOverOrderDefinition>();
                bus.AddPrefetch<HandOverPrefetch>();
                bus.AddConsumer<RecallHandOverConsumer, RecallHandOverDefinition>();
            },
            services =>
            {
                services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
                services.AddShipping();
                services.AddNotifying();
                services.Configure<ShippingOptions>(options =>
                {
                    options.CarrierUrl = new Uri("http://carrier.invalid");
                    options.Attempts = attempts;
                    options.Timeout = timeout ?? options.Timeout;
                    options.Lease = lease ?? options.Lease;
                    options.FirstPause = TimeSpan.FromMilliseconds(50);
                    options.LongestPause = longestPause ?? options.FirstPause;
                    options.PollingInterval = options.FirstPause;
                });
                services.Configure<NotifyingOptions>(options => webhooks?.Invoke(options));
                services.AddHttpClient(ShippingExtensions.HttpClient).ConfigurePrimaryHttpMessageHandler(() => carrier);
            },
            options => options.UseJobQueues(),
            typeof(OrderHandedOver), typeof(HandOverFailed), typeof(HandOverRecalled), typeof(HandOverRecallRefused));

    private static int _invoices;

    public static HandOverOrder Command() => new()
    {
        OrderId = Guid.CreateVersion7(),
        CustomerNumber = "C-1001",
        InvoiceNumber = $"2026-{Interlocked.Increment(ref _invoices):D6}",
        DeliverTo = new() { Name = "Orafo", Street = "Via Maggio 11", PostalCode = "50125", City = "Firenze", Country = "IT" },
        Lines = [new() { Sku = "MUG-01", Quantity = 2 }],
        Total = new Money(12.20m, "EUR"),
    };
}
