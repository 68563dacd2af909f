using System.Collections.Concurrent;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orafo.ServiceDefaults;

namespace Orafo.Testing;

/// <summary>A service's consumers on a real, migrated database, inbox and outbox included. Only the broker is in memory.</summary>
public sealed class ConsumerHarness<TDbContext> : IAsyncDisposable where TDbContext : DbContext
{
    private readonly IHost _host;
    private int _delivered;

    private ConsumerHarness(IHost host, string database) => (_host, Database) = (host, database);

    /// <summary>As its superuser.</summary>
    public string Database { get; }

    public IServiceProvider Services => _host.Services;

    /// <param name="configure">The consumers.</param>
    /// <param name="services">What else the service registers.</param>
    /// <param name="options">What its DbContext has beside the usual.</param>
    /// <param name="answers">The messages that the test wants to hear.</param>
    public static async Task<ConsumerHarness<TDbContext>> StartAsync(
        Action<IBusRegistrationConfigurator> configure, Action<IServiceCollection>? services, Action<DbContextOptionsBuilder>? options, params Type[] answers) =>
        await StartAsync(await TestServers.CreateDatabaseAsync(typeof(TDbContext).Name.ToLowerInvariant()), configure, services, options, answers);

    /// <summary>The same on a database that is there already: one more instance of a service.</summary>
    public static async Task<ConsumerHarness<TDbContext>> StartAsync(
        string database, Action<IBusRegistrationConfigurator> configure, Action<IServiceCollection>? services, Action<DbContextOptionsBuilder>? options, params Type[] answers)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Heard>();
        builder.Services.AddSingleton(_ => NpgsqlDataSource.Create(database));
        builder.Services.AddDbContextPool<TDbContext>((provider, its) =>
        {
            its.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()).UseSnakeCaseNamingConvention();
            options?.Invoke(its);
        });
        services?.Invoke(builder.Services);
        builder.Services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            bus.AddEntityFrameworkOutbox<TDbContext>(outbox => outbox.UsePostgres().UseBusOutbox());
            bus.AddConfigureEndpointsCallback((context, _, endpoint) => endpoint.UseReliableDelivery<TDbContext>(context));
            configure(bus);
            foreach (var answer in answers)
                bus.AddConsumer(typeof(Recorder<>).MakeGenericType(answer));
            bus.UsingInMemory((context, memory) => memory.ConfigureEndpoints(context));
        });
        var host = builder.Build();
        await using (var scope = host.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<TDbContext>().Database.MigrateAsync();
        await host.StartAsync();
        return new ConsumerHarness<TDbContext>(host, database);
    }

    /// <summary>How many messages were delivered: each has a row in the inbox when it is through.</summary>
    public int Delivered => Volatile.Read(ref _delivered);

    private Heard Hear => _host.Services.GetRequiredService<Heard>();

    /// <summary>Delivers a message, each time as one of its own.</summary>
    public Task Deliver<T>(T message) where T : class
    {
        Interlocked.Increment(ref _delivered);
        return _host.Services.GetRequiredService<IBus>().Publish(message);
    }

    /// <summary>The ids of the messages that have taken effect.</summary>
    public static Task<List<Guid>> Inbox(TDbContext db) => db.Database.SqlQuery<Guid>($"select message_id as \"Value\" from inbox_state").ToListAsync();

    /// <summary>How many messages have taken effect of those that were delivered to these instances of one service.</summary>
    /// <param name="inbox">The ids of its messages. What was heard has a row there, too, and does not count: it was heard before, and possibly by several.</param>
    /// <param name="instances">All that have that inbox.</param>
    public static int Consumed(IEnumerable<Guid> inbox, IEnumerable<ConsumerHarness<TDbContext>> instances) =>
        inbox.Except(instances.SelectMany(instance => instance.Hear.Ids)).Count();

    /// <summary>What was heard of a kind, as soon as there are that many.</summary>
    public async Task<IReadOnlyList<T>> Hears<T>(int count = 1)
    {
        await Eventually(() => Task.FromResult(Hear.Messages.OfType<T>().Count()), seen => seen >= count);
        return [.. Hear.Messages.OfType<T>()];
    }

    /// <summary>Looks into the database with a context of its own.</summary>
    public async Task<T> Look<T>(Func<TDbContext, Task<T>> look)
    {
        await using var scope = _host.Services.CreateAsyncScope();
        return await look(scope.ServiceProvider.GetRequiredService<TDbContext>());
    }

    /// <summary>Waits until the database shows it.</summary>
    public Task<T> Sees<T>(Func<TDbContext, Task<T>> look, Func<T, bool> holds) => Eventually(() => Look(look), holds);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        // Idle connections of one fixture after another would use up the server's.
        await using var connection = new NpgsqlConnection(Database);
        NpgsqlConnection.ClearPool(connection);
    }

    private static async Task<T> Eventually<T>(Func<Task<T>> look, Func<T, bool> holds)
    {
        T seen = default!;
        await Testing.Eventually.Holds(async () => holds(seen = await look()), () => $"what was seen last is what it waits for: {seen}");
        return seen;
    }
}

internal sealed class Heard
{
    private readonly ConcurrentDictionary<Guid, bool> _ids = new();

    public ConcurrentQueue<object> Messages { get; } = new();

    public ICollection<Guid> Ids => _ids.Keys;

    /// <summary>Once each, though its transaction may be run again.</summary>
    public void Add(Guid messageId, object message)
    {
        if (_ids.TryAdd(messageId, true))
            Messages.Enqueue(message);
    }
}

internal sealed class Recorder<T>(Heard heard) : IConsumer<T> where T : class
{
    public Task Consume(ConsumeContext<T> context)
    {
        heard.Add(context.MessageId!.Value, context.Message);
        return Task.CompletedTask;
    }
}
