using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>Registered in the ways that MassTransit's documentation shows for its EF Core repository, without an outbox.</summary>
public sealed class A_saga_repository
{
    private const int Laps = 12;

    [TestCase(ConcurrencyMode.Pessimistic)]
    [TestCase(ConcurrencyMode.Optimistic)]
    public Task Loses_no_change_of_messages_that_come_at_the_same_time(ConcurrencyMode mode) => RunRace(
        (bus, database) => bus.AddSaga<Race>()
            .EntityFrameworkRepository(repository =>
            {
                repository.UsePostgres();
                repository.ConcurrencyMode = mode;
                repository.AddDbContext<DbContext, RaceDb>((_, options) => options.UseNpgsql(database));
                repository.CustomizeQuery(races => races.Include(race => race.Laps));
            }),
        triesAgain: mode == ConcurrencyMode.Optimistic,
        seesLaps: true);

    [Test]
    public Task May_be_the_same_for_all_sagas() => RunRace(
        (bus, database) =>
        {
            bus.AddDbContext<RaceDb>(options => options.UseNpgsql(database));
            bus.SetEntityFrameworkSagaRepositoryProvider(repository =>
            {
                repository.UsePostgres();
                repository.ExistingDbContext<RaceDb>();
            });
            bus.AddSaga(typeof(Race));
        },
        triesAgain: false);

    [Test]
    public void Says_at_the_registration_that_it_has_no_DbContext() => Assert.That(
        () => new ServiceCollection().AddMassTransit(bus => bus.AddSaga<Race>().EntityFrameworkRepository(_ => { })),
        Throws.InstanceOf<ConfigurationException>().With.Message.Contains("Race").And.Message.Contains("AddDbContext"));

    /// <param name="sagas">Registers them.</param>
    /// <param name="triesAgain">Otherwise a single conflict is an error: where rows are locked there is none.</param>
    /// <param name="seesLaps">Whether the saga is loaded with its laps.</param>
    private static async Task RunRace(Action<IBusRegistrationConfigurator, string> sagas, bool triesAgain, bool seesLaps = false)
    {
        var database = await TestServers.CreateDatabaseAsync("races");
        await using var broker = await TestServers.CreateVirtualHostAsync("races");
        await using var db = new RaceDb(new DbContextOptionsBuilder<RaceDb>().UseNpgsql(database).Options);
        await db.Database.EnsureCreatedAsync();
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.None);
        builder.Services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            sagas(bus, database);
            bus.AddConfigureEndpointsCallback((_, endpoint) => endpoint.UseMessageRetry(retry =>
            {
                retry.Handle<DbUpdateConcurrencyException>();
                retry.Immediate(triesAgain ? 10 * Laps : 0);
            }));
            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(new Uri(broker.Uri));
                rabbit.ConfigureEndpoints(context);
            });
        });
        using var host = builder.Build();
        await host.StartAsync();
        await host.Services.GetRequiredService<IBusControl>().WaitForHealthStatus(BusHealthStatus.Healthy, TimeSpan.FromMinutes(1));
        var race = Guid.CreateVersion7();
        var bus = host.Services.GetRequiredService<IBus>();

        await bus.Publish(new RaceStarted(race));
        await Eventually(() => db.Set<Race>().CountAsync(), races => races == 1);
        await Task.WhenAll(Enumerable.Range(1, Laps).Select(number => bus.Publish(new LapDone(race, number))));
        // Errors only: of other queues the broker's figures are old ones.
        await Eventually(
            async () => await db.Set<Lap>().CountAsync()
                + (await broker.QueuesAsync()).Where(queue => queue.Key.EndsWith("_error", StringComparison.Ordinal)).Sum(queue => queue.Value),
            laps => laps == Laps);

        var seen = await db.Set<Race>().AsNoTracking().SingleAsync();
        Assert.That((seen.LapsDone, seen.MostSeen), Is.EqualTo((Laps, seesLaps ? Laps : 1)));
        Assert.That(await db.Set<Lap>().Select(lap => lap.Number).Order().ToListAsync(), Is.EqualTo(Enumerable.Range(1, Laps)));
        await host.StopAsync().WaitAsync(Testing.Eventually.Patience);
    }

    private static async Task Eventually<T>(Func<Task<T>> look, Func<T, bool> holds)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!holds(await look()))
            await Task.Delay(25, deadline.Token); // The interval of looking, not the time to wait.
    }
}

public sealed record RaceStarted(Guid CorrelationId) : CorrelatedBy<Guid>;

public sealed record LapDone(Guid CorrelationId, int Number) : CorrelatedBy<Guid>;

/// <summary>A saga without a state machine, of two tables.</summary>
public sealed class Race : ISaga, InitiatedBy<RaceStarted>, Orchestrates<LapDone>
{
    public Guid CorrelationId { get; set; }
    public int LapsDone { get; set; }

    /// <summary>Laps that a message found in the saga, its own among them.</summary>
    public int MostSeen { get; set; }

    public uint Version { get; set; }
    public List<Lap> Laps { get; init; } = [];

    public Task Consume(ConsumeContext<RaceStarted> context) => Task.CompletedTask;

    public Task Consume(ConsumeContext<LapDone> context)
    {
        LapsDone++;
        Laps.Add(new Lap { Number = context.Message.Number });
        MostSeen = Math.Max(MostSeen, Laps.Count);
        return Task.CompletedTask;
    }
}

public sealed class Lap
{
    public long Id { get; init; }
    public int Number { get; init; }
}

public sealed class RaceMap : SagaClassMap<Race>
{
    protected override void Configure(EntityTypeBuilder<Race> entity, ModelBuilder model)
    {
        entity.Property(race => race.Version).IsRowVersion();
        entity.HasMany(race => race.Laps).WithOne();
    }
}

public sealed class RaceDb(DbContextOptions<RaceDb> options) : SagaDbContext(options)
{
    protected override IEnumerable<ISagaClassMap> Configurations => [new RaceMap()];
}
