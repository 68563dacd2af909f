using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Orafo.Contracts;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Monitoring;
using Orafo.Ordering.Saga;
using Orafo.ServiceDefaults;
using Orafo.Testing;

namespace Orafo.Ordering.Tests;

/// <summary>Orders by state, as the gauges show them.</summary>
public sealed class A_census
{
    private static readonly StepOptions NeverOverdue = new();

    [Test]
    public async Task Counts_what_is_not_over_and_finds_the_oldest_of_each_state()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetStorableNow());
        await using var service = await OrderingService.Start(NeverOverdue);
        await service.Store(Orders(5, time.GetUtcNow()));
        await Put(service, 2, "Suspended", "suspended_in = 'Invoicing', is_watched = false, submitted_at = submitted_at - interval '1 hour'");
        await Put(service, 1, "Completed", "is_watched = false");
        await using var census = new Census(service, time);

        Assert.That(census.Read(), Is.Empty, "nobody has counted yet");
        await census.Start();
        var counted = await census.AfterTheNextCount();
        Assert.That(counted.Where(gauge => gauge.Name == "orafo.orders").ToDictionary(gauge => gauge.State, gauge => gauge.Value), Is.EqualTo(new Dictionary<string, double>
        {
            ["GettingDetails"] = 2,
            ["Invoicing"] = 0,
            ["HandingOver"] = 0,
            ["Recalling"] = 0,
            ["Crediting"] = 0,
            ["Suspended"] = 2,
        }));
        var oldest = counted.Where(gauge => gauge.Name == "orafo.orders.oldest").ToDictionary(gauge => gauge.State, gauge => gauge.Value);
        Assert.That((oldest["GettingDetails"], oldest["Suspended"], oldest["Invoicing"]), Is.EqualTo((0d, 3600d, 0d)));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.That(census.Read().Single(gauge => gauge is { Name: "orafo.orders.oldest", State: "Suspended" }).Value, Is.EqualTo(3610d), "it grows older without another count");
    }

    [Test]
    public async Task Asks_the_database_once_in_fifteen_seconds_and_not_at_all_if_nobody_wants_to_know()
    {
        var time = new CountingTime();
        await using var service = await OrderingService.Start(NeverOverdue);
        await using var census = new Census(service, time);
        await census.Start();
        await census.AfterTheNextCount();
        await Eventually.Holds(() => time.Timers == 1, "it waits");
        await service.Store(Orders(1, time.GetUtcNow()));
        Assert.That(UnderWay(census.Read()), Is.Zero);
        time.Advance(TimeSpan.FromSeconds(14));
        Assert.That(UnderWay(census.Read()), Is.Zero, "too soon");
        time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.Holds(() => UnderWay(census.Read()) == 1, "it is counted");
        await census.Stop();
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.That(census.Read(), Is.Empty, "that was long ago");
    }

    /// <remarks>As services run: without sequential scans where there is another way; and with a table that is mostly what is over.</remarks>
    [Test]
    public async Task Reads_the_two_small_indexes_and_not_the_table()
    {
        await using var service = await OrderingService.Start(NeverOverdue);
        await service.Store(Orders(20, TimeProvider.System.GetStorableNow()));
        await Put(service, 10, "Completed", "is_watched = false");
        await Put(service, 5, "Suspended", "suspended_in = 'Invoicing', is_watched = false");
        var plan = await service.Look(async db =>
        {
            await db.Database.OpenConnectionAsync();
            await db.Database.ExecuteSqlRawAsync("set enable_seqscan = off; set enable_bitmapscan = off; set plan_cache_mode = force_generic_plan");
            var explain = "explain " + SagaStatements.Census.Replace("{0}", "10000", StringComparison.Ordinal);
            return await db.Database.SqlQueryRaw<string>(explain).ToListAsync();
        });
        var scans = plan.Where(line => line.Contains("Scan", StringComparison.Ordinal) && line.Contains("order_saga", StringComparison.Ordinal)).ToArray();
        Assert.That(scans, Has.Length.EqualTo(2).And.Some.Contains("ix_order_saga_watched").And.Some.Contains("ix_order_saga_suspended"), string.Join('\n', plan));
    }

    /// <remarks>What is HOT writes no index: the promise that an order that goes well pays nothing for the second one.</remarks>
    [Test]
    public async Task Costs_an_order_that_goes_well_no_entry_in_an_index()
    {
        await using var service = await OrderingService.Start(NeverOverdue);
        var order = Orders(1, TimeProvider.System.GetStorableNow())[0];
        await service.Store(order);
        await service.Deliver(new OrderDetailsReady
        {
            OrderId = order.Id,
            Customer = new() { Name = "Ada", Street = "Via 1", PostalCode = "39100", City = "Bolzano", Country = "IT" },
            Lines = [],
            Totals = new() { Currency = "EUR", LinesNet = 0, Allowance = 0, Net = 0, Vat = 0, Gross = 0, VatBreakdown = [] },
        });
        await service.Hears<GenerateInvoice>();
        await service.Deliver(new InvoiceGenerated { OrderId = order.Id, InvoiceNumber = "1", GeneratedAt = TimeProvider.System.GetStorableNow() });
        await service.Hears<HandOverOrder>();
        var (updated, hot) = await service.Sees(
            async db =>
            {
                // Of this session's own it is not told at once.
                var row = await db.Database.SqlQueryRaw<Updates>("select n_tup_upd as updated, n_tup_hot_upd as hot from pg_stat_user_tables where relname = 'order_saga'").SingleAsync();
                return (row.Updated, row.Hot);
            }, updates => updates.Updated >= 2);
        Assert.That(hot, Is.EqualTo(updated));
    }

    private static double UnderWay(IEnumerable<Gauge> gauges) => gauges.Single(gauge => gauge is { Name: "orafo.orders", State: "GettingDetails" }).Value;

    private static Order[] Orders(int count, DateTimeOffset at) =>
    [
        .. Enumerable.Range(0, count).Select(_ => new Order
        {
            Id = Guid.CreateVersion7(), Client = "somebody", CustomerNumber = "C-1", Lines = [new() { Sku = "X", Quantity = 1 }],
            SubmittedAt = at,
        }),
    ];

    /// <summary>Has so many orders be in a state, as they would have come to it.</summary>
    private static Task<int> Put(ConsumerHarness<OrderingDb> service, int count, string state, string columns)
    {
        var put = $"update order_saga set current_state = {{0}}, {columns} where correlation_id in (select correlation_id from order_saga where current_state = 'GettingDetails' limit {{1}})";
        return service.Look(db => db.Database.ExecuteSqlRawAsync(put, state, count));
    }

    /// <summary>Whoever moves it knows who waits for it.</summary>
    private sealed class CountingTime() : FakeTimeProvider(TimeProvider.System.GetStorableNow())
    {
        private int _timers;

        public int Timers => Volatile.Read(ref _timers);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _timers);
            return timer;
        }
    }

    private sealed record Updates(long Updated, long Hot);

    private sealed record Gauge(string Name, string State, double Value);

    /// <summary>The census on the service's database, and who asks it.</summary>
    private sealed class Census : IAsyncDisposable
    {
        private readonly MeterListener _asks = new();
        private readonly ConcurrentQueue<Gauge> _shown = [];
        private readonly OrderCensus _census;
        private readonly HashSet<Instrument> _own = [];

        public Census(ConsumerHarness<OrderingDb> service, TimeProvider time)
        {
            // There are others of that name in this process: what is published while it is made is its own.
            _asks.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Orafo.Ordering" && _own.Add(instrument))
                    listener.EnableMeasurementEvents(instrument);
            };
            _asks.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Show(instrument, value, tags));
            _asks.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Show(instrument, value, tags));
            _asks.Start();
            foreach (var other in _own)
                _asks.DisableMeasurementEvents(other);
            _census = new(service.Services.GetRequiredService<IServiceScopeFactory>(), time, NullLogger<OrderCensus>.Instance);
        }

        public Task Start() => _census.StartAsync(CancellationToken.None);

        /// <summary>It shows what it has, and counts no more.</summary>
        public Task Stop() => _census.StopAsync(CancellationToken.None);

        public Gauge[] Read()
        {
            _shown.Clear();
            _asks.RecordObservableInstruments();
            return [.. _shown];
        }

        public async Task<Gauge[]> AfterTheNextCount()
        {
            await Eventually.Holds(() => Read().Length > 0, "somebody has counted");
            return Read();
        }

        public async ValueTask DisposeAsync()
        {
            await Stop();
            _census.Dispose();
            _asks.Dispose();
        }

        private void Show(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => _shown.Enqueue(new(instrument.Name, (string)tags[0].Value!, value));
    }
}
