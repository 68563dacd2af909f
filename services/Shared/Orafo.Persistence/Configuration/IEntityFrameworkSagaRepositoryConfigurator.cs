using System.Data;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;

namespace MassTransit;

/// <summary>Configures where and how sagas are kept. Names and meaning are those of MassTransit.EntityFrameworkCore 8.5.</summary>
public interface IEntityFrameworkSagaRepositoryConfigurator
{
    /// <summary>
    /// Pessimistic unless said otherwise: the saga's row is locked. Optimistic: a saga that another message changed meanwhile
    /// makes SaveChanges fail with <see cref="DbUpdateConcurrencyException"/>, and the retry tries again; it needs a concurrency token.
    /// </summary>
    ConcurrencyMode ConcurrencyMode { set; }

    /// <summary>
    /// Of the transaction around a message on an endpoint without an outbox: READ COMMITTED unless said otherwise.
    /// An outbox has its own.
    /// </summary>
    IsolationLevel IsolationLevel { set; }

    /// <summary>Accepted, and not used: rows are locked by SQL of our own. Another one than <see cref="PostgresLockStatementProvider"/> is logged at the start.</summary>
    ILockStatementProvider LockStatementProvider { set; }

    /// <summary>Optimistic: see <see cref="ConcurrencyMode"/>.</summary>
    /// <param name="isTransactionEnabled">
    /// Without a transaction around the message, on an endpoint without an outbox, the connection is not held while the saga works;
    /// what it saves then is one SaveChanges.
    /// </param>
    void SetOptimisticConcurrency(bool isTransactionEnabled = true);

    /// <summary>Registers the DbContext, and keeps the saga in it.</summary>
    /// <typeparam name="TContext">What the repository asks the container for.</typeparam>
    /// <typeparam name="TImplementation">What it gets.</typeparam>
    void AddDbContext<TContext, TImplementation>(Action<IServiceProvider, DbContextOptionsBuilder<TImplementation>>? optionsAction = null)
        where TContext : DbContext
        where TImplementation : DbContext, TContext;

    /// <summary>The saga is an entity of the DbContext that this makes, one for each message; it is disposed after it.</summary>
    /// <remarks>On an endpoint with an outbox it is not the outbox's DbContext: what the saga becomes is then committed before what it says.</remarks>
    void DatabaseFactory(Func<DbContext> databaseFactory);

    /// <inheritdoc cref="DatabaseFactory(Func{DbContext})"/>
    void DatabaseFactory(Func<IServiceProvider, Func<DbContext>> databaseFactory);

    /// <summary>The saga is an entity of this DbContext, which is registered already.</summary>
    void ExistingDbContext<TContext>() where TContext : DbContext;
}

/// <summary>The same for one saga.</summary>
public interface IEntityFrameworkSagaRepositoryConfigurator<TSaga> : IEntityFrameworkSagaRepositoryConfigurator where TSaga : class, ISaga
{
    /// <summary>Adds to the query that loads the saga, for example includes. In pessimistic mode it is a second query, after the lock.</summary>
    void CustomizeQuery(Func<IQueryable<TSaga>, IQueryable<TSaga>> queryCustomization);
}

/// <summary>The database's dialect.</summary>
public static class EntityFrameworkSagaRepositoryConfiguratorExtensions
{
    /// <summary>PostgreSQL: the only dialect there is; the call is accepted for source compatibility.</summary>
    public static IEntityFrameworkSagaRepositoryConfigurator<T> UsePostgres<T>(
        this IEntityFrameworkSagaRepositoryConfigurator<T> configurator) where T : class, ISaga => configurator;

    /// <inheritdoc cref="UsePostgres{T}(IEntityFrameworkSagaRepositoryConfigurator{T})"/>
    /// <param name="configurator">The repository.</param>
    /// <param name="schemaName">Means nothing here: the model says where the saga's table is, and otherwise the search path does.</param>
    public static IEntityFrameworkSagaRepositoryConfigurator<T> UsePostgres<T>(
        this IEntityFrameworkSagaRepositoryConfigurator<T> configurator, string schemaName) where T : class, ISaga => configurator;

    /// <inheritdoc cref="UsePostgres{T}(IEntityFrameworkSagaRepositoryConfigurator{T})"/>
    public static IEntityFrameworkSagaRepositoryConfigurator UsePostgres(this IEntityFrameworkSagaRepositoryConfigurator configurator) => configurator;

    /// <inheritdoc cref="UsePostgres{T}(IEntityFrameworkSagaRepositoryConfigurator{T}, string)"/>
    public static IEntityFrameworkSagaRepositoryConfigurator UsePostgres(
        this IEntityFrameworkSagaRepositoryConfigurator configurator, string schemaName) => configurator;
}
