using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Npgsql;

namespace Orafo.Pgq;

/// <summary>Wakes workers after the commit that they wait for, and not before: they would find nothing.</summary>
internal sealed class JobQueueInterceptor : DbTransactionInterceptor, ISaveChangesInterceptor
{
    /// <summary>The queues that each DbContext has published to.</summary>
    private readonly ConditionalWeakTable<DbContext, Queues> _of = [];

    public static JobQueueInterceptor Instance { get; } = new();

    /// <summary>Calls <paramref name="wake"/> after the next commit of the DbContext.</summary>
    /// <param name="db">Publishes.</param>
    /// <param name="queue">What to.</param>
    /// <param name="database">Where the queue is.</param>
    /// <param name="wake">Has workers look.</param>
    /// <exception cref="InvalidOperationException">It is not intercepted.</exception>
    public void Expect(DbContext db, string queue, NpgsqlDataSource database, Action wake)
    {
        if (db.GetService<IDbContextOptions>().FindExtension<CoreOptionsExtension>()?.Interceptors?.Contains(Instance) != true)
        {
            throw new InvalidOperationException(
                $"{db.GetType().Name} does not tell of its commits: add {nameof(JobQueueModelExtensions.UseJobQueues)}() to its options.");
        }

        var queues = _of.GetOrCreateValue(db);
        queues.Published.Add(wake);
        queues.Databases[queue] = database;
    }

    /// <remarks>Within a transaction, its commit is the moment.</remarks>
    public int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        if (eventData.Context is not { } db || !_of.TryGetValue(db, out var queues))
            return result;
        queues.Saved.UnionWith(queues.Published);
        queues.Published.Clear();
        if (db.Database.CurrentTransaction is null)
            Wake(db);
        return result;
    }

    public ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default) =>
        new(SavedChanges(eventData, result));

    /// <remarks>A table that is not there means that nobody created the queue; so it is said as by those who publish without a DbContext.</remarks>
    public void SaveChangesFailed(DbContextErrorEventData eventData)
    {
        foreach (var (queue, database) in Suspected(eventData))
        {
            using var ask = database.CreateCommand(QueueStatements.Of(queue).IsMissing);
            if (ask.ExecuteScalar() is true)
                throw QueueStatements.Unknown(queue, eventData.Exception);
        }
    }

    public async Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        foreach (var (queue, database) in Suspected(eventData))
        {
            await using var ask = database.CreateCommand(QueueStatements.Of(queue).IsMissing);
            if (await ask.ExecuteScalarAsync(cancellationToken) is true)
                throw QueueStatements.Unknown(queue, eventData.Exception);
        }
    }

    public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Wake(eventData.Context);

    public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Wake(eventData.Context);
        return Task.CompletedTask;
    }

    /// <summary>The queues that were published to, if some table is not there.</summary>
    private Dictionary<string, NpgsqlDataSource> Suspected(DbContextErrorEventData failure) =>
        failure.Exception is DbUpdateException { InnerException: PostgresException { SqlState: PostgresErrorCodes.UndefinedTable } }
        && failure.Context is { } db && _of.TryGetValue(db, out var queues) ? queues.Databases : [];

    private void Wake(DbContext? db)
    {
        if (db is null || !_of.TryGetValue(db, out var queues) || queues.Saved.Count == 0)
            return;
        foreach (var wake in queues.Saved)
            wake();
        queues.Saved.Clear();
    }

    private sealed class Queues
    {
        /// <summary>With the next SaveChanges.</summary>
        public HashSet<Action> Published { get; } = [];

        /// <summary>With the next commit.</summary>
        public HashSet<Action> Saved { get; } = [];

        /// <summary>Of all that were published to, by the queues' names.</summary>
        public Dictionary<string, NpgsqlDataSource> Databases { get; } = new(StringComparer.Ordinal);
    }
}
