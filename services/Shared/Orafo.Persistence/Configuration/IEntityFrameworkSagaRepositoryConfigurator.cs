using Microsoft.EntityFrameworkCore;

namespace MassTransit;

/// <summary>Configures where and how a saga is kept. Names and meaning are those of MassTransit.EntityFrameworkCore 8.5.</summary>
public interface IEntityFrameworkSagaRepositoryConfigurator<TSaga> where TSaga : class, ISaga
{
    /// <summary>Pessimistic unless said otherwise.</summary>
    ConcurrencyMode ConcurrencyMode { set; }

    /// <summary>The saga is an entity of this DbContext, which is registered already.</summary>
    void ExistingDbContext<TDbContext>() where TDbContext : DbContext;

    /// <summary>Adds to the query that loads the saga, for example includes.</summary>
    void CustomizeQuery(Func<IQueryable<TSaga>, IQueryable<TSaga>> queryCustomization);
}

/// <summary>The database's dialect.</summary>
public static class EntityFrameworkSagaRepositoryConfiguratorExtensions
{
    /// <summary>PostgreSQL: the only dialect there is; the call is accepted for source compatibility.</summary>
    public static IEntityFrameworkSagaRepositoryConfigurator<TSaga> UsePostgres<TSaga>(
        this IEntityFrameworkSagaRepositoryConfigurator<TSaga> configurator) where TSaga : class, ISaga => configurator;
}
