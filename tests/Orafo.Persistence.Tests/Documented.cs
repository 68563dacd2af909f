using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Orafo.Persistence.Tests;

/// <summary>Registrations in the shapes that MassTransit's documentation of its EF Core persistence has, with every setting. That it compiles is half of the test.</summary>
internal static class Documented
{
    /// <summary>Outbox on the bus and on every endpoint, a saga in the outbox's DbContext. The DbContext is registered after the bus, as some do.</summary>
    public static void AddOutbox(IServiceCollection services, string database, string broker)
    {
        services.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            x.SetKebabCaseEndpointNameFormatter();
            x.AddEntityFrameworkOutbox<ShopDbContext>(o =>
            {
                o.QueryDelay = TimeSpan.FromSeconds(1);
                o.QueryMessageLimit = 100;
                o.QueryTimeout = TimeSpan.FromSeconds(30);
                o.DuplicateDetectionWindow = TimeSpan.FromMinutes(30);
                o.IsolationLevel = System.Data.IsolationLevel.ReadCommitted;
                o.LockStatementProvider = new PostgresLockStatementProvider(enableSchemaCaching: false);
                o.UsePostgres(enableSchemaCaching: false);
                o.UsePostgres().UseBusOutbox(bo =>
                {
                    bo.MessageDeliveryLimit = 100;
                    bo.MessageDeliveryTimeout = TimeSpan.FromSeconds(10);
                });
            });
            x.AddConsumer<PlaceConsumer, PlaceConsumerDefinition>();
            x.AddConsumer<PackConsumer>();
            x.AddSagaStateMachine<ShopOrderStateMachine, ShopOrderState, ShopOrderStateDefinition>()
                .EntityFrameworkRepository(r =>
                {
                    r.ExistingDbContext<ShopDbContext>();
                    r.UsePostgres();
                });
            x.AddConfigureEndpointsCallback((context, name, cfg) =>
            {
                if (name == "pack")
                    cfg.UseEntityFrameworkOutbox<ShopDbContext>(context);
            });
            x.UsingRabbitMq((context, cfg) =>
            {
                cfg.Host(new Uri(broker));
                cfg.ConfigureEndpoints(context);
            });
        });
        services.AddDbContext<ShopDbContext>(options => options.UseNpgsql(database));
    }

    /// <summary>A process that stores and leaves sending and cleaning up to another.</summary>
    public static void AddOutboxWithoutServices(IServiceCollection services, string database, string broker)
    {
        services.AddDbContext<ShopDbContext>((provider, options) => options.UseNpgsql(database));
        services.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            x.AddEntityFrameworkOutbox<ShopDbContext>(o =>
            {
                o.UsePostgres();
                o.DisableInboxCleanupService();
                o.UseBusOutbox(bo => bo.DisableDeliveryService());
            });
            x.UsingRabbitMq((context, cfg) => cfg.Host(new Uri(broker)));
        });
    }

    /// <summary>A saga repository by itself, in each of the ways to come to its DbContext.</summary>
    public static void AddSagas(IServiceCollection services, string database, string broker, string way)
    {
        services.AddMassTransit(x =>
        {
            x.DisableUsageTelemetry();
            switch (way)
            {
                case "AddDbContext":
                    x.AddSagaStateMachine<ShopOrderStateMachine, ShopOrderState>()
                        .EntityFrameworkRepository(r =>
                        {
                            r.ConcurrencyMode = ConcurrencyMode.Pessimistic;
                            r.IsolationLevel = System.Data.IsolationLevel.ReadCommitted;
                            r.LockStatementProvider = new PostgresLockStatementProvider();
                            r.AddDbContext<DbContext, ShopOrderStateDbContext>((provider, builder) => builder.UseNpgsql(database, m =>
                            {
                                m.MigrationsAssembly(typeof(ShopOrderStateDbContext).Assembly.GetName().Name);
                                m.MigrationsHistoryTable($"__{nameof(ShopOrderStateDbContext)}");
                            }));
                        });
                    break;
                case "DatabaseFactory":
                    x.AddSagaStateMachine<ShopOrderStateMachine, ShopOrderState>()
                        .EntityFrameworkRepository(r =>
                        {
                            r.UsePostgres();
                            r.DatabaseFactory(() => new ShopOrderStateDbContext(Options(database)));
                        });
                    break;
                case "DatabaseFactory of the container":
                    services.AddSingleton(Options(database));
                    x.AddSagaStateMachine<ShopOrderStateMachine, ShopOrderState>()
                        .EntityFrameworkRepository(r =>
                            r.DatabaseFactory(provider => () => new ShopOrderStateDbContext(provider.GetRequiredService<DbContextOptions<ShopOrderStateDbContext>>())));
                    break;
                case "without a transaction":
                    services.AddDbContext<ShopOrderStateDbContext>(builder => builder.UseNpgsql(database));
                    x.AddSagaStateMachine<ShopOrderStateMachine, ShopOrderState>()
                        .EntityFrameworkRepository(r =>
                        {
                            r.SetOptimisticConcurrency(isTransactionEnabled: false);
                            r.ExistingDbContext<ShopOrderStateDbContext>();
                        });
                    break;
                case "AddSagaRepository":
                    services.AddDbContext<ShopOrderStateDbContext>(builder => builder.UseNpgsql(database));
                    x.AddSagaStateMachine(typeof(ShopOrderStateMachine));
                    x.AddSagaRepository<ShopOrderState>()
                        .EntityFrameworkRepository(r => r.ExistingDbContext<ShopOrderStateDbContext>());
                    break;
                default:
                    services.AddDbContext<ShopOrderStateDbContext>(builder => builder.UseNpgsql(database));
                    x.SetEntityFrameworkSagaRepositoryProvider(r =>
                    {
                        r.ConcurrencyMode = ConcurrencyMode.Optimistic;
                        r.LockStatementProvider = new SomebodysLockStatements();
                        r.ExistingDbContext<ShopOrderStateDbContext>();
                        r.UsePostgres();
                    });
                    x.AddSagaStateMachine(typeof(ShopOrderStateMachine));
                    break;
            }

            x.UsingRabbitMq((context, cfg) =>
            {
                cfg.Host(new Uri(broker));
                cfg.UseMessageRetry(r => r.Immediate(20));
                cfg.ConfigureEndpoints(context);
            });
        });
    }

    private static DbContextOptions<ShopOrderStateDbContext> Options(string database) =>
        new DbContextOptionsBuilder<ShopOrderStateDbContext>().UseNpgsql(database).Options;
}

public sealed record Place(Guid OrderId, string Customer);

public sealed record Placed(Guid OrderId, string Customer);

public sealed record Pack(Guid OrderId);

public sealed record Packed(Guid OrderId);

public sealed class ShopOrder
{
    public Guid Id { get; set; }
    public string Customer { get; set; } = "";
    public bool IsPacked { get; set; }
}

/// <summary>The model named entity by entity, with callbacks.</summary>
public sealed class ShopDbContext(DbContextOptions<ShopDbContext> options) : DbContext(options)
{
    public DbSet<ShopOrder> Orders => Set<ShopOrder>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        base.OnModelCreating(modelBuilder);
        new ShopOrderStateMap().Configure(modelBuilder);
        modelBuilder.AddInboxStateEntity();
        modelBuilder.AddOutboxMessageEntity(outbox => outbox.ToTable(table => table.HasComment("what has not left the house")));
        modelBuilder.AddOutboxStateEntity(state => state.Property(p => p.OutboxId));
    }
}

public class ShopOrderState : SagaStateMachineInstance
{
    public Guid CorrelationId { get; set; }
    public string CurrentState { get; set; } = "";
    public string Customer { get; set; } = "";
    public uint RowVersion { get; set; }
}

public class ShopOrderStateMap : SagaClassMap<ShopOrderState>
{
    protected override void Configure(EntityTypeBuilder<ShopOrderState> entity, ModelBuilder model)
    {
        entity.Property(x => x.CurrentState).HasMaxLength(64);
        entity.Property(x => x.RowVersion).IsRowVersion();
    }
}

public class ShopOrderStateDbContext : SagaDbContext
{
    public ShopOrderStateDbContext(DbContextOptions<ShopOrderStateDbContext> options)
        : base(options)
    {
    }

    protected override IEnumerable<ISagaClassMap> Configurations
    {
        get { yield return new ShopOrderStateMap(); }
    }
}

public class ShopOrderStateMachine : MassTransitStateMachine<ShopOrderState>
{
    public ShopOrderStateMachine()
    {
        InstanceState(x => x.CurrentState);
        Event(() => OrderPlaced, x => x.CorrelateById(m => m.Message.OrderId));
        Event(() => OrderPacked, x => x.CorrelateById(m => m.Message.OrderId));
        Initially(
            When(OrderPlaced)
                .Then(context => context.Saga.Customer = context.Message.Customer)
                .Publish(context => new Pack(context.Saga.CorrelationId))
                .TransitionTo(Packing));
        During(Packing,
            When(OrderPacked)
                .TransitionTo(Done));
    }

    public State Packing { get; private set; } = null!;
    public State Done { get; private set; } = null!;
    public Event<Placed> OrderPlaced { get; private set; } = null!;
    public Event<Packed> OrderPacked { get; private set; } = null!;
}

public class ShopOrderStateDefinition : SagaDefinition<ShopOrderState>
{
    protected override void ConfigureSaga(
        IReceiveEndpointConfigurator endpointConfigurator, ISagaConfigurator<ShopOrderState> sagaConfigurator, IRegistrationContext context)
    {
        endpointConfigurator.UseMessageRetry(r => r.Intervals(10, 50, 100));
        endpointConfigurator.UseEntityFrameworkOutbox<ShopDbContext>(context);
    }
}

public class PlaceConsumer(ShopDbContext dbContext, IPublishEndpoint publishEndpoint) : IConsumer<Place>
{
    public async Task Consume(ConsumeContext<Place> context)
    {
        await dbContext.AddAsync(new ShopOrder { Id = context.Message.OrderId, Customer = context.Message.Customer });
        await publishEndpoint.Publish(new Placed(context.Message.OrderId, context.Message.Customer));
        await dbContext.SaveChangesAsync();
    }
}

public class PlaceConsumerDefinition : ConsumerDefinition<PlaceConsumer>
{
    protected override void ConfigureConsumer(
        IReceiveEndpointConfigurator endpointConfigurator, IConsumerConfigurator<PlaceConsumer> consumerConfigurator, IRegistrationContext context)
    {
        endpointConfigurator.UseMessageRetry(r => r.Intervals(10, 50, 100));
        endpointConfigurator.UseEntityFrameworkOutbox<ShopDbContext>(context, options => options.MessageDeliveryLimit = 10);
    }
}

public class PackConsumer(ShopDbContext dbContext) : IConsumer<Pack>
{
    public async Task Consume(ConsumeContext<Pack> context)
    {
        (await dbContext.Orders.SingleAsync(order => order.Id == context.Message.OrderId)).IsPacked = true;
        await context.Publish(new Packed(context.Message.OrderId));
    }
}

/// <summary>What somebody has written for another library.</summary>
public sealed class SomebodysLockStatements : ILockStatementProvider
{
    public string GetRowLockStatement<T>(DbContext context) where T : class => throw new InvalidOperationException("This is never asked for.");

    public string GetRowLockStatement<T>(DbContext context, params string[] propertyNames) where T : class =>
        throw new InvalidOperationException("This is never asked for.");

    public string GetOutboxStatement(DbContext context) => throw new InvalidOperationException("This is never asked for.");
}
