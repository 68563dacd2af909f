using MassTransit;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>The outbox's SQL names its tables: a DbContext whose model has others is refused, in words, before anything is stored.</summary>
public sealed class A_model
{
    [Test]
    public async Task That_the_outbox_does_not_fit_is_refused_at_the_start()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Refusal<WithoutEntities>(), Does.Contain("AddTransactionalOutboxEntities"));
            Assert.That(await Refusal<WithAnotherTable>(), Does.Contain("in the table outgoing, and must be in outbox_message"));
            Assert.That(await Refusal<WithAnotherColumn>(), Does.Contain("InboxState.Consumed is in the column at, and must be in consumed"));
            Assert.That(await Refusal<InASchema>(), Does.Contain("Search Path=shop"));
            Assert.That(await Refusal<InASchema>("Search Path=other,shop"), Does.Contain("Search Path=shop"));
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task In_a_schema_of_its_own_works_if_the_connection_string_names_it(bool isDataSource)
    {
        var database = new NpgsqlConnectionStringBuilder(await TestServers.CreateDatabaseAsync("schema")) { SearchPath = "shop" }.ConnectionString;
        await using var broker = await TestServers.CreateVirtualHostAsync("schema");
        await using var db = new InASchema(new DbContextOptionsBuilder<InASchema>().UseNpgsql(database).Options);
        await db.Database.EnsureCreatedAsync();
        await using var dataSource = NpgsqlDataSource.Create(database);
        using var host = Build<InASchema>(options => _ = isDataSource ? options.UseNpgsql(dataSource) : options.UseNpgsql(database), broker.Uri);
        await host.StartAsync();
        await using (var scope = host.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Said("something"));
            await scope.ServiceProvider.GetRequiredService<InASchema>().SaveChangesAsync();
        }

        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!await db.Heard.AnyAsync(heard => heard.What == "something", deadline.Token))
            await Task.Delay(25, deadline.Token); // The interval of looking, not the time to wait.
        await host.StopAsync(CancellationToken.None);
        Assert.That(await db.Database.SqlQueryRaw<int>("select count(*)::int as \"Value\" from shop.inbox_state").SingleAsync(CancellationToken.None), Is.EqualTo(1));
        NpgsqlConnection.ClearAllPools();
    }

    private static async Task<string> Refusal<TDbContext>(string options = "") where TDbContext : DbContext
    {
        using var host = Build<TDbContext>(db => db.UseNpgsql("Host=nowhere.invalid;" + options), "rabbitmq://nowhere.invalid");
        return (await Assert.ThrowsAsync<ConfigurationException>(() => host.StartAsync()))!.Message;
    }

    private static IHost Build<TDbContext>(Action<DbContextOptionsBuilder> database, string broker) where TDbContext : DbContext
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddDbContext<TDbContext>(database);
        builder.Services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            bus.AddEntityFrameworkOutbox<TDbContext>(outbox => outbox.UseBusOutbox());
            bus.AddConsumer<Hears>();
            bus.AddConfigureEndpointsCallback((context, _, endpoint) => endpoint.UseEntityFrameworkOutbox<TDbContext>(context));
            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(new Uri(broker));
                rabbit.ConfigureEndpoints(context);
            });
        });
        return builder.Build();
    }

    public sealed record Said(string What);

    public sealed class Heard
    {
        public long Id { get; init; }
        public required string What { get; init; }
    }

    public sealed class Hears(InASchema db) : IConsumer<Said>
    {
        public Task Consume(ConsumeContext<Said> context)
        {
            db.Heard.Add(new() { What = context.Message.What });
            return Task.CompletedTask;
        }
    }

    public sealed class InASchema(DbContextOptions<InASchema> options) : DbContext(options)
    {
        public DbSet<Heard> Heard => Set<Heard>();

        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.HasDefaultSchema("shop");
            modelBuilder.AddTransactionalOutboxEntities();
        }
    }

    private sealed class WithoutEntities(DbContextOptions<WithoutEntities> options) : DbContext(options);

    private sealed class WithAnotherTable(DbContextOptions<WithAnotherTable> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.AddInboxStateEntity();
            modelBuilder.AddOutboxMessageEntity(outbox => outbox.ToTable("outgoing"));
        }
    }

    private sealed class WithAnotherColumn(DbContextOptions<WithAnotherColumn> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.AddInboxStateEntity(inbox => inbox.Property(state => state.Consumed).HasColumnName("at"));
            modelBuilder.AddOutboxMessageEntity();
        }
    }
}
