using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;
using Orafo.Testing;

namespace Orafo.OrderDetails.Tests;

/// <summary>The service with its consumers, in several instances on one database, and a catalogue that a test makes.</summary>
internal sealed class Shop : IAsyncDisposable
{
    private readonly List<ConsumerHarness<OrderDetailsDb>> _instances = [];
    private int _turn;

    private ConsumerHarness<OrderDetailsDb> Any => _instances[(int)((uint)Interlocked.Increment(ref _turn) % (uint)_instances.Count)];

    public string Database => _instances[0].Database;

    /// <param name="instances">How many there are of the service.</param>
    /// <param name="shipping">What shipping costs, net.</param>
    public static async Task<Shop> Open(int instances = 1, decimal shipping = 0m)
    {
        var shop = new Shop();
        var database = await TestServers.CreateDatabaseAsync("shop");
        for (var i = 0; i < instances; i++)
        {
            shop._instances.Add(await ConsumerHarness<OrderDetailsDb>.StartAsync(
                database,
                Consumers,
                services => services.AddOptions<SellerOptions>().Configure(seller => seller.Shipping = shipping),
                null, typeof(OrderDetailsReady), typeof(OrderDetailsRejected), typeof(Fault)));
        }

        await shop.Add(Customer("C-1"), Customer("C-2"));
        return shop;
    }

    public static void Consumers(IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<GetOrderDetailsConsumer, GetOrderDetailsDefinition>();
        bus.AddPrefetch<OrderDetailsPrefetch>();
        bus.AddConsumer<CompleteOrderConsumer, CompleteOrderDefinition>();
        bus.AddPrefetch<CompletionPrefetch>();
        bus.AddConsumer<ReleaseOrderConsumer, ReleaseOrderDefinition>();
        bus.AddPrefetch<CancellationPrefetch>();
        bus.AddPrefetch<RejectionPrefetch>();
    }

    public static Customer Customer(string number) =>
        new() { Number = number, Name = "Orafo", Street = "Via Maggio 11", PostalCode = "50125", City = "Firenze", Country = "IT", IsBlocked = false };

    public static Article Article(string sku, int? stock) =>
        new() { Sku = sku, Name = sku, Price = 10m, VatCategory = "S", VatRate = 22m, Stock = stock };

    public static Coupon Coupon(string code, int? mostUses = null, int? mostUsesPerCustomer = null) => new()
    {
        Code = code,
        Percent = 10m,
        ValidFrom = DateTimeOffset.UnixEpoch,
        ValidUntil = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero),
        MinimumNet = 0m,
        MostUses = mostUses,
        MostUsesPerCustomer = mostUsesPerCustomer,
    };

    public static Coupon FreeShipping(string code, decimal minimumNet = 0m, int? mostUses = null, int? mostUsesPerCustomer = null) => new()
    {
        Code = code,
        FreeShipping = true,
        ValidFrom = DateTimeOffset.UnixEpoch,
        ValidUntil = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero),
        MinimumNet = minimumNet,
        MostUses = mostUses,
        MostUsesPerCustomer = mostUsesPerCustomer,
    };

    public static GetOrderDetails Order(string? coupon, params (string Sku, int Quantity)[] lines) => new()
    {
        OrderId = Guid.CreateVersion7(),
        CustomerNumber = "C-1",
        CouponCode = coupon,
        SubmittedAt = TimeProvider.System.GetUtcNow(),
        Lines = [.. lines.Select(line => new OrderLine { Sku = line.Sku, Quantity = line.Quantity })],
    };

    /// <summary>What a prefetch would have found.</summary>
    public static OrderDetailsLookup Lookup(Article[] articles, Customer[] customers, params Coupon[] coupons) => new(
        new Dictionary<Guid, OrderDetail>(), new Dictionary<Guid, OrderHold>(),
        articles.ToDictionary(article => article.Sku), customers.ToDictionary(customer => customer.Number), coupons.ToDictionary(coupon => coupon.Code), []);

    public static OrderCancelled Cancellation(Guid orderId) => new() { OrderId = orderId, Reason = "none", CancelledAt = DateTimeOffset.UnixEpoch };

    public static OrderRejected Rejection(Guid orderId) => new() { OrderId = orderId, Reasons = [], RejectedAt = DateTimeOffset.UnixEpoch };

    public static OrderCompleted Completion(Guid orderId) =>
        new() { OrderId = orderId, InvoiceNumber = "2026-000001", Total = new(12.20m, "EUR"), CompletedAt = DateTimeOffset.UnixEpoch };

    public Task Add(params object[] rows) => Look(async db =>
    {
        db.AddRange(rows);
        return await db.SaveChangesAsync();
    });

    /// <summary>To one instance after the other.</summary>
    public Task Deliver<T>(T message) where T : class => Any.Deliver(message);

    public Task<T> Look<T>(Func<OrderDetailsDb, Task<T>> look) => _instances[0].Look(look);

    /// <summary>The orders' holds, once each of them is in one of the states.</summary>
    public Task<List<OrderHold>> Sees(IEnumerable<Guid> orders, params string[] states)
    {
        var ids = orders.ToArray();
        return _instances[0].Sees(
            db => db.OrderHolds.AsNoTracking().Where(hold => ids.Contains(hold.OrderId)).ToListAsync(),
            holds => holds.Count == ids.Length && holds.TrueForAll(hold => states.Contains(hold.State)));
    }

    /// <summary>Places an order and waits until it is held, or not.</summary>
    public async Task<Guid> Place(string? coupon, params (string Sku, int Quantity)[] lines)
    {
        var order = Order(coupon, lines);
        await Deliver(order);
        await Sees([order.OrderId], HoldStates.Held, HoldStates.Released);
        return order.OrderId;
    }

    public Task<int> Taken(string sku) => Look(db => db.Articles.Where(article => article.Sku == sku).Select(article => article.Taken).SingleAsync());

    public Task<int> Uses(string code) => Look(db => db.Coupons.Where(coupon => coupon.Code == code).Select(coupon => coupon.Uses).SingleAsync());

    /// <summary>Every message of a type that any instance has heard, as soon as there are that many.</summary>
    public async Task<IReadOnlyList<T>> Hears<T>(int count)
    {
        await _instances[0].Sees(_ => Heard<T>(), heard => heard.Count >= count);
        return await Heard<T>();
    }

    /// <summary>The orders that were said to be ready, as soon as there are that many; each may be said more than once.</summary>
    public Task<Guid[]> Readies(int orders) => _instances[0].Sees(
        async _ => (await Heard<OrderDetailsReady>()).Select(answer => answer.OrderId).Distinct().ToArray(), ready => ready.Length >= orders);

    /// <summary>Why messages were given up on, as soon as there are that many of them.</summary>
    public async Task<IEnumerable<string>> Gives(int up) => (await Hears<Fault>(up)).Select(fault => fault.Exceptions[0].Message);

    private async Task<List<T>> Heard<T>()
    {
        List<T> heard = [];
        foreach (var instance in _instances)
            heard.AddRange(await instance.Hears<T>(0));
        return heard;
    }

    /// <summary>As many messages have taken effect as were delivered.</summary>
    public Task HasConsumed(int messages) => _instances[0].Sees(
        async db => ConsumerHarness<OrderDetailsDb>.Consumed(await ConsumerHarness<OrderDetailsDb>.Inbox(db), _instances),
        consumed => consumed >= messages);

    public async Task<T> Ask<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(Database + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Waits until the database shows it, past every connection that the service has.</summary>
    public async Task Until<T>(string sql, Func<T, bool> holds)
    {
        while (!holds(await Ask<T>(sql)))
            await Task.Delay(20); // The interval of looking, not the time to wait.
    }

    /// <summary>Those that were cut, and are not known to be.</summary>
    public void ForgetConnections() => _instances.ForEach(instance => instance.Services.GetRequiredService<NpgsqlDataSource>().Clear());

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in _instances)
            await instance.DisposeAsync();
    }
}
