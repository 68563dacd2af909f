using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>What is registered as MassTransit's documentation shows it (<see cref="Documented"/>) works.</summary>
public sealed class A_documented_registration
{
    /// <remarks>Their pools outlive the hosts.</remarks>
    [TearDown]
    public void CloseConnections() => NpgsqlConnection.ClearAllPools();

    [Test]
    public async Task Carries_an_order_from_the_bus_outbox_through_consumers_and_a_saga()
    {
        var database = await TestServers.CreateDatabaseAsync("shop");
        await using var broker = await TestServers.CreateVirtualHostAsync("shop");
        await using var db = new ShopDbContext(new DbContextOptionsBuilder<ShopDbContext>().UseNpgsql(database).Options);
        await db.Database.EnsureCreatedAsync();
        using var host = await Start(services => Documented.AddOutbox(services, database, broker.Uri));
        using var storing = await Start(services => Documented.AddOutboxWithoutServices(services, database, broker.Uri));
        var orders = Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7()).ToArray();
        foreach (var order in orders)
        {
            // One of them by a process that does not send what it stores.
            await using var scope = (order == orders[0] ? storing : host).Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Place(order, "somebody"));
            await scope.ServiceProvider.GetRequiredService<ShopDbContext>().SaveChangesAsync();
        }

        await Eventually(() => db.Set<ShopOrderState>().CountAsync(state => state.CurrentState == "Done"), done => done == orders.Length);
        Assert.That(await db.Orders.CountAsync(order => order.IsPacked && order.Customer == "somebody"), Is.EqualTo(orders.Length));
        Assert.That(db.Model.FindEntityType(typeof(OutboxState)), Is.Null);
        await host.StopAsync().WaitAsync(Testing.Eventually.Patience);
        await storing.StopAsync().WaitAsync(Testing.Eventually.Patience);
    }

    [TestCase("AddDbContext")]
    [TestCase("DatabaseFactory")]
    [TestCase("DatabaseFactory of the container")]
    [TestCase("without a transaction")]
    [TestCase("AddSagaRepository")]
    [TestCase("SetEntityFrameworkSagaRepositoryProvider")]
    public async Task Keeps_sagas(string way)
    {
        var database = await TestServers.CreateDatabaseAsync("shop");
        await using var broker = await TestServers.CreateVirtualHostAsync("shop");
        await using var db = new ShopOrderStateDbContext(new DbContextOptionsBuilder<ShopOrderStateDbContext>().UseNpgsql(database).Options);
        await db.Database.EnsureCreatedAsync();
        using var host = await Start(services => Documented.AddSagas(services, database, broker.Uri, way));
        var bus = host.Services.GetRequiredService<IBus>();
        var orders = Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7()).ToArray();
        foreach (var order in orders)
            await bus.Publish(new Placed(order, "somebody"));
        await Eventually(() => db.Set<ShopOrderState>().CountAsync(state => state.CurrentState == "Packing"), packing => packing == orders.Length);
        foreach (var order in orders)
            await bus.Publish(new Packed(order));

        await Eventually(() => db.Set<ShopOrderState>().CountAsync(state => state.CurrentState == "Done"), done => done == orders.Length);
        Assert.That((await broker.QueuesAsync()).Where(queue => queue.Key.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);
        await host.StopAsync().WaitAsync(Testing.Eventually.Patience);
    }

    [Test]
    public async Task With_somebodys_lock_statements_says_that_they_are_not_used()
    {
        var log = new WarningLog();
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.Services.AddDbContext<ShopDbContext>(options => options.UseNpgsql("Host=nowhere"));
        builder.Services.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            x.AddEntityFrameworkOutbox<ShopDbContext>(o =>
            {
                o.DisableInboxCleanupService();
                o.UseBusOutbox(bo => bo.DisableDeliveryService());
                o.LockStatementProvider = new SomebodysLockStatements();
            });
            x.UsingInMemory();
        });
        using var host = builder.Build();
        await host.StartAsync();
        Assert.That(log.Warnings, Has.Some.Contains(nameof(SomebodysLockStatements)).And.Some.Contains(nameof(ShopDbContext)));
        await host.StopAsync().WaitAsync(Testing.Eventually.Patience);
    }

    private static async Task<IHost> Start(Action<IServiceCollection> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        configure(builder.Services);
        var host = builder.Build();
        await host.StartAsync();
        foreach (var bus in host.Services.GetServices<MassTransit.Transports.IBusInstance>())
            await bus.BusControl.WaitForHealthStatus(BusHealthStatus.Healthy, TimeSpan.FromMinutes(1));
        return host;
    }

    private static async Task Eventually<T>(Func<Task<T>> look, Func<T, bool> holds)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!holds(await look()))
            await Task.Delay(25, deadline.Token); // The interval of looking, not the time to wait.
    }

    private sealed class WarningLog : ILoggerProvider, ILogger
    {
        private readonly List<string> _warnings = [];

        public IReadOnlyList<string> Warnings
        {
            get
            {
                lock (_warnings)
                    return [.. _warnings];
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_warnings)
                _warnings.Add(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
