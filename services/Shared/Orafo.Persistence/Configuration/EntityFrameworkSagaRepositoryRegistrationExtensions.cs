using System.Data;
using MassTransit.Configuration;
using MassTransit.EntityFrameworkCoreIntegration;
using MassTransit.Saga;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit;

/// <summary>Keeps sagas in PostgreSQL.</summary>
public static class EntityFrameworkSagaRepositoryRegistrationExtensions
{
    /// <summary>The saga is an entity of a DbContext; see <see cref="IEntityFrameworkSagaRepositoryConfigurator{TSaga}"/>.</summary>
    public static ISagaRegistrationConfigurator<TSaga> EntityFrameworkRepository<TSaga>(
        this ISagaRegistrationConfigurator<TSaga> configurator, Action<IEntityFrameworkSagaRepositoryConfigurator<TSaga>> configure)
        where TSaga : class, ISaga
    {
        var repository = new EntityFrameworkSagaRepositoryConfigurator<TSaga>();
        configure(repository);
        configurator.Repository(repository.Register);
        return configurator;
    }

    /// <summary>For all sagas that are added without saying where they are kept.</summary>
    public static void SetEntityFrameworkSagaRepositoryProvider(
        this IRegistrationConfigurator configurator, Action<IEntityFrameworkSagaRepositoryConfigurator> configure) =>
        configurator.SetSagaRepositoryProvider(new EntityFrameworkSagaRepositoryRegistrationProvider(configure));
}

internal sealed class EntityFrameworkSagaRepositoryRegistrationProvider(Action<IEntityFrameworkSagaRepositoryConfigurator> configure)
    : ISagaRepositoryRegistrationProvider
{
    public void Configure<TSaga>(ISagaRegistrationConfigurator<TSaga> configurator) where TSaga : class, ISaga =>
        configurator.EntityFrameworkRepository(configure);
}

internal sealed class EntityFrameworkSagaRepositoryConfigurator<TSaga> : IEntityFrameworkSagaRepositoryConfigurator<TSaga>
    where TSaga : class, ISaga
{
    private readonly DbContextSagaRepositoryOptions<TSaga> _options = new();
    private Action<IServiceCollection>? _register;
    private ILockStatementProvider? _lockStatements;

    public ConcurrencyMode ConcurrencyMode { set => _options.ConcurrencyMode = value; }

    public IsolationLevel IsolationLevel { set => _options.IsolationLevel = value; }

    public ILockStatementProvider LockStatementProvider { set => _lockStatements = value; }

    public void SetOptimisticConcurrency(bool isTransactionEnabled = true) =>
        (_options.ConcurrencyMode, _options.IsTransactionEnabled) = (ConcurrencyMode.Optimistic, isTransactionEnabled);

    public void CustomizeQuery(Func<IQueryable<TSaga>, IQueryable<TSaga>> queryCustomization) => _options.Customization = queryCustomization;

    public void AddDbContext<TContext, TImplementation>(Action<IServiceProvider, DbContextOptionsBuilder<TImplementation>>? optionsAction = null)
        where TContext : DbContext
        where TImplementation : DbContext, TContext => _register = services =>
    {
        services.AddDbContext<TContext, TImplementation>((provider, options) =>
            optionsAction?.Invoke(provider, (DbContextOptionsBuilder<TImplementation>)options));
        RegisterRepository<TContext>(services);
    };

    public void ExistingDbContext<TContext>() where TContext : DbContext => _register = RegisterRepository<TContext>;

    public void DatabaseFactory(Func<DbContext> databaseFactory) => DatabaseFactory(_ => databaseFactory);

    public void DatabaseFactory(Func<IServiceProvider, Func<DbContext>> databaseFactory) => _register = services =>
    {
        services.AddScoped(scope => new MadeDbContext<TSaga>(scope, databaseFactory));
        RegisterRepository<DbContext, MadeDbContextSagaRepositoryContextFactory<TSaga>>(services);
    };

    public void Register(ISagaRepositoryRegistrationConfigurator<TSaga> services) =>
        (_register ?? throw new ConfigurationException(
            $"The repository of {typeof(TSaga).Name} has no DbContext: call ExistingDbContext, AddDbContext or DatabaseFactory."))(services);

    private void RegisterRepository<TContext>(IServiceCollection services) where TContext : DbContext =>
        RegisterRepository<TContext, DbContextSagaRepositoryContextFactory<TContext, TSaga>>(services);

    private void RegisterRepository<TContext, TFactory>(IServiceCollection services)
        where TContext : DbContext
        where TFactory : DbContextSagaRepositoryContextFactory<TContext, TSaga>
    {
        services.AddSingleton(_options);
        services.RegisterSagaRepository<TSaga, TContext, SagaConsumeContextFactory<TContext, TSaga>, TFactory>();
        services.RegisterLoadSagaRepository<TSaga, TFactory>();
        services.RegisterQuerySagaRepository<TSaga, TFactory>();
        LockStatementNotice.Add(services, _lockStatements, typeof(TSaga));
    }
}
