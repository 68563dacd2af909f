using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Writes the SQL that locks rows, in MassTransit.EntityFrameworkCore. Accepted for source compatibility: nothing here asks it.</summary>
public interface ILockStatementProvider
{
    /// <summary>Not asked.</summary>
    string GetRowLockStatement<T>(DbContext context) where T : class;

    /// <summary>Not asked.</summary>
    string GetRowLockStatement<T>(DbContext context, params string[] propertyNames) where T : class;

    /// <summary>Not asked.</summary>
    string GetOutboxStatement(DbContext context);
}

/// <summary>Says that the database is PostgreSQL, which it is anyway.</summary>
public class PostgresLockStatementProvider : ILockStatementProvider
{
    /// <param name="enableSchemaCaching">Means nothing here: each DbContext's tables are looked up in its own model.</param>
    public PostgresLockStatementProvider(bool enableSchemaCaching = true) => _ = enableSchemaCaching;

    /// <param name="schemaName">Means nothing here: the model says where a table is, and otherwise the search path does.</param>
    /// <param name="enableSchemaCaching">Means nothing here.</param>
    public PostgresLockStatementProvider(string schemaName, bool enableSchemaCaching = true) => _ = (schemaName, enableSchemaCaching);

    /// <exception cref="NotSupportedException">Always: saga repository and outbox have SQL of their own.</exception>
    public virtual string GetRowLockStatement<T>(DbContext context) where T : class => throw NotAsked();

    /// <inheritdoc cref="GetRowLockStatement{T}(DbContext)"/>
    public virtual string GetRowLockStatement<T>(DbContext context, params string[] propertyNames) where T : class => throw NotAsked();

    /// <inheritdoc cref="GetRowLockStatement{T}(DbContext)"/>
    public virtual string GetOutboxStatement(DbContext context) => throw NotAsked();

    private static NotSupportedException NotAsked() => new("Orafo.Persistence locks rows by SQL of its own and asks nobody for statements.");
}

/// <summary>Says once, when the process starts, that somebody's lock statements are not used.</summary>
internal sealed class LockStatementNotice(Type provider, Type subject, ILogger<LockStatementNotice> logger) : IHostedService
{
    /// <summary>Unless they are the usual ones.</summary>
    public static void Add(IServiceCollection services, ILockStatementProvider? provider, Type subject)
    {
        if (provider is not null && provider.GetType() != typeof(PostgresLockStatementProvider))
            services.AddSingleton<IHostedService>(
                root => new LockStatementNotice(provider.GetType(), subject, root.GetRequiredService<ILogger<LockStatementNotice>>()));
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        PersistenceLog.LocksNotUsed(logger, provider.Name, subject.Name);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
