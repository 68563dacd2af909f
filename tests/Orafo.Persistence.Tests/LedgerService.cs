using System.Diagnostics;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Orafo.ServiceDefaults;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>Instances of a service with the defaults of all of them, on a real PostgreSQL and a real RabbitMQ.</summary>
internal sealed class LedgerService : IAsyncDisposable
{
    private readonly List<WebApplication> _instances = [];
    private readonly Action<IBusRegistrationConfigurator> _consumers;

    private LedgerService(string database, TestVirtualHost broker, Action<IBusRegistrationConfigurator> consumers) =>
        (Database, Broker, _consumers) = (database, broker, consumers);

    public IReadOnlyList<WebApplication> Instances => _instances;
    public string Database { get; }
    public TestVirtualHost Broker { get; }

    /// <summary>What the instances have logged, by the levels of every service; only where it was asked for.</summary>
    public CapturedLog? Log { get; private init; }

    /// <summary>A database, a virtual host, and the given number of instances.</summary>
    /// <param name="servers">Those of the test, which are to fail; nobody else's.</param>
    public static async Task<LedgerService> Start(
        int instances = 1, Action<IBusRegistrationConfigurator>? consumers = null, OwnServers? servers = null, bool logs = false)
    {
        var database = servers is null ? TestServers.CreateDatabaseAsync("ledger") : servers.CreateDatabaseAsync("ledger");
        var broker = servers is null ? TestServers.CreateVirtualHostAsync("ledger") : servers.CreateVirtualHostAsync("ledger");
        var service = new LedgerService(await database, await broker, consumers ?? Everybody) { Log = logs ? new CapturedLog() : null };
        await using (var db = service.OpenDb())
            await db.Database.EnsureCreatedAsync();
        for (var i = 0; i < instances; i++)
            await service.StartInstance();
        return service;
    }

    public static void Everybody(IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<NoteConsumer>().Endpoint(endpoint => endpoint.Name = "note");
        bus.AddConsumer<NoteAndAnswerConsumer>().Endpoint(endpoint => endpoint.Name = "note-and-answer");
        bus.AddConsumer<NoteAndFailConsumer>().Endpoint(endpoint => endpoint.Name = "note-and-fail");
        bus.AddSagaStateMachine<TallyMachine, Tally>()
            .EntityFrameworkRepository(saga => saga.ExistingDbContext<LedgerDb>())
            .Endpoint(endpoint => endpoint.Name = "tally");
    }

    /// <param name="consumers">Others than the service's own.</param>
    /// <param name="isPooled">Whether its DbContexts come from a pool, as those of every service of the mesh do.</param>
    /// <param name="time">Its clock, if it is not the system's.</param>
    /// <param name="wires">What it is connected by to database and broker, if they are to be cut.</param>
    /// <param name="outbox">What is different about its outbox.</param>
    public async Task<WebApplication> StartInstance(
        Action<IBusRegistrationConfigurator>? consumers = null, bool isPooled = true, TimeProvider? time = null, Wires? wires = null,
        Action<IEntityFrameworkOutboxConfigurator>? outbox = null)
    {
        var instance = BuildInstance(
            wires?.Reroute(Database) ?? Database, wires?.Reroute(new Uri(Broker.Uri)) ?? Broker.Uri, consumers ?? _consumers, isPooled, time, outbox, Log);
        await instance.StartAsync().WaitAsync(Testing.Eventually.Patience);
        await instance.Services.GetRequiredService<IBusControl>().WaitForHealthStatus(BusHealthStatus.Healthy, TimeSpan.FromMinutes(1));
        _instances.Add(instance);
        return instance;
    }

    /// <summary>An instance, not started.</summary>
    public static WebApplication BuildInstance(
        string database, string broker, Action<IBusRegistrationConfigurator> consumers, bool isPooled = true, TimeProvider? time = null,
        Action<IEntityFrameworkOutboxConfigurator>? outbox = null, ILoggerProvider? log = null)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = database,
            ["ConnectionStrings:Broker"] = broker,
            ["Urls"] = "http://127.0.0.1:0",
        });
        if (log is null)
            builder.Logging.SetMinimumLevel(LogLevel.None);
        else
            builder.Logging.ClearProviders().AddProvider(log);
        builder.AddServiceDefaults();
        if (isPooled)
            builder.AddDatabase<LedgerDb>();
        else
            builder.Services.AddDbContext<LedgerDb>(options => options.UseNpgsql(database).UseSnakeCaseNamingConvention());
        builder.AddMessaging<LedgerDb>(consumers, outbox);
        return builder.Build();
    }

    /// <summary>Waits until an instance has rehearsed, so that a cut meets what the test is about.</summary>
    public static Task IsReady(WebApplication instance)
    {
        var health = instance.Services.GetRequiredService<HealthCheckService>();
        HealthReport? seen = null;
        return Testing.Eventually.Holds(
            async () => (seen = await health.CheckHealthAsync(check => check.Tags.Contains("ready"))).Status == HealthStatus.Healthy,
            () => $"the instance is ready: {string.Join(", ", seen!.Entries.Select(of => $"{of.Key} {of.Value.Status} {of.Value.Description}"))}");
    }

    /// <summary>Waits until an instance sends what it stores: before that its relay has to have got a first message through.</summary>
    public static Task HandsOff(WebApplication instance) => Testing.Eventually.Holds(
        async () =>
        {
            await using var scope = instance.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<LedgerDb>();
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new HeardByNobody());
            await db.SaveChangesAsync();
            var stored = db.ChangeTracker.Entries<MassTransit.EntityFrameworkCoreIntegration.OutboxMessage>().Single().Entity;
            return stored.Due > stored.SentTime.AddSeconds(5);
        }, "the instance sends what it stores");

    /// <summary>A process without the defaults of this mesh: set up by MassTransit's and EF Core's own calls only.</summary>
    /// <param name="configure">Registers everything.</param>
    /// <param name="map">Its URLs.</param>
    /// <param name="isStarted">Otherwise it is only built.</param>
    public async Task<WebApplication> StartOther(Action<WebApplicationBuilder> configure, Action<WebApplication>? map = null, bool isStarted = true)
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        configure(builder);
        var instance = builder.Build();
        map?.Invoke(instance);
        _instances.Add(instance);
        if (!isStarted)
            return instance;
        await instance.StartAsync().WaitAsync(Testing.Eventually.Patience);
        foreach (var bus in instance.Services.GetServices<MassTransit.Transports.IBusInstance>())
            await bus.BusControl.WaitForHealthStatus(BusHealthStatus.Healthy, TimeSpan.FromMinutes(1));
        return instance;
    }

    /// <summary>Registers the bus of such a process, with the ledger's outbox on every endpoint.</summary>
    public void AddBus(
        IServiceCollection services, Action<IBusRegistrationConfigurator> consumers, Action<IBusRegistrationContext, IRabbitMqBusFactoryConfigurator>? configure = null) =>
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            bus.AddEntityFrameworkOutbox<LedgerDb>(outbox => outbox.UsePostgres().UseBusOutbox());
            bus.AddConfigureEndpointsCallback((context, _, endpoint) => endpoint.UseEntityFrameworkOutbox<LedgerDb>(context));
            consumers(bus);
            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(new Uri(Broker.Uri));
                configure?.Invoke(context, rabbit);
                rabbit.ConfigureEndpoints(context);
            });
        });

    /// <summary>Without a pool: each scope has a DbContext of its own.</summary>
    public void AddLedgerDb(IServiceCollection services, Action<IServiceProvider, DbContextOptionsBuilder>? configure = null) =>
        services.AddDbContext<LedgerDb>((scope, options) =>
        {
            options.UseNpgsql(Database).UseSnakeCaseNamingConvention();
            configure?.Invoke(scope, options);
        });

    public async Task StopInstance(WebApplication instance)
    {
        _instances.Remove(instance);
        await instance.StopAsync().WaitAsync(Testing.Eventually.Patience);
        await instance.DisposeAsync().AsTask().WaitAsync(Testing.Eventually.Patience);
    }

    /// <remarks>Without a pool: the test looks on while connections are being cut.</remarks>
    public LedgerDb OpenDb() => new(new DbContextOptionsBuilder<LedgerDb>().UseNpgsql(Database + ";Pooling=false").UseSnakeCaseNamingConvention().Options);

    /// <summary>Publishes as a request of the service would: through the outbox, saved at once.</summary>
    public Task Publish(params object[] messages) => Publish(_instances[0], messages);

    /// <summary>The same in an instance of the test's choice.</summary>
    public static Task Publish(WebApplication instance, params object[] messages) => Publish(instance, isLeftToRelay: false, messages);

    /// <param name="instance">Whose outbox it goes through.</param>
    /// <param name="isLeftToRelay">Saved in a transaction that the caller opened; otherwise the instance sends the messages itself.</param>
    /// <param name="messages">Of one transaction.</param>
    public static async Task Publish(WebApplication instance, bool isLeftToRelay, params object[] messages)
    {
        await using var scope = instance.Services.CreateAsyncScope();
        var publish = scope.ServiceProvider.GetRequiredService<IPublishEndpoint>();
        var db = scope.ServiceProvider.GetRequiredService<LedgerDb>();
        await using var transaction = isLeftToRelay ? await db.Database.BeginTransactionAsync() : null;
        foreach (var message in messages)
            await publish.Publish(message, message.GetType());
        await db.SaveChangesAsync();
        if (transaction is not null)
            await transaction.CommitAsync();
    }

    /// <summary>Publishes straight to the broker, with an id of the test's choice.</summary>
    public Task PublishPast(object message, Guid messageId) => PublishPast(_instances[0], message, messageId);

    public static Task PublishPast(WebApplication instance, object message, Guid messageId) =>
        instance.Services.GetRequiredService<IBus>().Publish(message, message.GetType(), context => context.MessageId = messageId);

    /// <summary>Waits until the condition holds; when it does not within two minutes, the last value tells why.</summary>
    public async Task<T> Eventually<T>(Func<LedgerDb, Task<T>> look, Func<T, bool> holds)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            await using var db = OpenDb();
            var seen = await look(db);
            if (holds(seen))
                return seen;
            if (Stopwatch.GetElapsedTime(started) > TimeSpan.FromMinutes(2))
                throw new AssertionException($"It did not come about; last seen: {seen}");
            await Task.Delay(25); // The interval of looking, not the time to wait.
        }
    }

    /// <summary>Every effect of a kind, once at least <paramref name="count"/> are there and nothing is on its way any longer.</summary>
    public async Task<IReadOnlyList<int>> Effects(string of, int count, bool isQuiet = true)
    {
        await Eventually(db => db.Effects.CountAsync(effect => effect.Of == of), seen => seen >= count);
        if (isQuiet)
            await Quiet();
        await using var db = OpenDb();
        return await db.Effects.Where(effect => effect.Of == of).OrderBy(effect => effect.Id).Select(effect => effect.Value).ToListAsync();
    }

    /// <summary>Nothing waits: no outbox row, no message in a queue (errors aside).</summary>
    public async Task Quiet()
    {
        await Eventually(async db => await db.Set<MassTransit.EntityFrameworkCoreIntegration.OutboxMessage>().CountAsync(), rows => rows == 0);
        await Eventually(
            async _ => (await Broker.QueuesAsync()).Where(queue => !queue.Key.EndsWith("_error", StringComparison.Ordinal)).Sum(queue => queue.Value), messages => messages == 0);
    }

    /// <summary>Ends every connection of the service to its database, as a failing server does.</summary>
    public async Task CutConnections()
    {
        await using var connection = new NpgsqlConnection(Database + ";Pooling=false");
        await connection.OpenAsync();
        await using var cut = new NpgsqlCommand(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()", connection);
        await cut.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in _instances.ToArray())
            await StopInstance(instance);
        await Broker.DisposeAsync();
        // What is not a data source of the container's own outlives its process here, and the server has a bounded number of connections for all tests.
        NpgsqlConnection.ClearAllPools();
    }
}
