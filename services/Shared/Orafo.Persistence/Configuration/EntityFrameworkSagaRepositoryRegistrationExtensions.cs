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
    public static ISagaRegistrationConfigurator<T> EntityFrameworkRepository<T>(
        this ISagaRegistrationConfigurator<T> configurator, Action<IEntityFrameworkSagaRepositoryConfigurator<T>>? configure = null)
        where T : class, ISaga
    {
        var repository = new EntityFrameworkSagaRepositoryConfigurator<T>();
        configure?.Invoke(repository);
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

    public ConcurrencyMode ConcurrencyMode { set => _options.ConcurrencyMode = value; }

    public IsolationLevel IsolationLevel { set => _options.IsolationLevel = value; }

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

    public void Register(ISagaRepositoryRegistrationConfigurator<TSaga> services) =>
        (_register ?? throw new ConfigurationException(
            $"The repository of {typeof(TSaga).Name} has no DbContext: call ExistingDbContext or AddDbContext."))(services);

    private void RegisterRepository<TContext>(IServiceCollection services) where TContext : DbContext
    {
        services.AddSingleton(_options);
        services.RegisterSagaRepository<TSaga, TContext, SagaConsumeContextFactory<TContext, TSaga>, DbContextSagaRepositoryContextFactory<TContext, TSaga>>();
        services.RegisterLoadSagaRepository<TSaga, DbContextSagaRepositoryContextFactory<TContext, TSaga>>();
        services.RegisterQuerySagaRepository<TSaga, DbContextSagaRepositoryContextFactory<TContext, TSaga>>();
    }
}
