using MassTransit.Configuration;
using MassTransit.EntityFrameworkCoreIntegration;
using MassTransit.Saga;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit;

/// <summary>Keeps a saga in PostgreSQL.</summary>
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
}

internal sealed class EntityFrameworkSagaRepositoryConfigurator<TSaga> : IEntityFrameworkSagaRepositoryConfigurator<TSaga>
    where TSaga : class, ISaga
{
    private readonly DbContextSagaRepositoryOptions<TSaga> _options = new();
    private Action<IServiceCollection>? _register;

    public ConcurrencyMode ConcurrencyMode { set => _options.ConcurrencyMode = value; }

    public void CustomizeQuery(Func<IQueryable<TSaga>, IQueryable<TSaga>> queryCustomization) => _options.Customize = queryCustomization;

    public void ExistingDbContext<TDbContext>() where TDbContext : DbContext => _register = services =>
    {
        services.AddSingleton(_options);
        services.RegisterSagaRepository<TSaga, TDbContext, SagaConsumeContextFactory<TDbContext, TSaga>,
            DbContextSagaRepositoryContextFactory<TDbContext, TSaga>>();
        services.RegisterLoadSagaRepository<TSaga, DbContextSagaRepositoryContextFactory<TDbContext, TSaga>>();
        services.RegisterQuerySagaRepository<TSaga, DbContextSagaRepositoryContextFactory<TDbContext, TSaga>>();
    };

    public void Register(ISagaRepositoryRegistrationConfigurator<TSaga> services) =>
        (_register ?? throw new ConfigurationException($"The repository of {typeof(TSaga).Name} has no DbContext: call ExistingDbContext."))(services);
}
