using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace Orafo.Pgq;

/// <summary>Wakes workers after the commit that they wait for, and not before: they would find nothing.</summary>
internal sealed class JobQueueInterceptor : DbTransactionInterceptor, ISaveChangesInterceptor
{
    /// <summary>The queues that each DbContext has published to.</summary>
    private readonly ConditionalWeakTable<DbContext, Queues> _of = [];

    public static JobQueueInterceptor Instance { get; } = new();

    /// <summary>Calls <paramref name="wake"/> after the next commit of the DbContext.</summary>
    /// <exception cref="InvalidOperationException">It is not intercepted.</exception>
    public void Expect(DbContext db, Action wake)
    {
        if (db.GetService<IDbContextOptions>().FindExtension<CoreOptionsExtension>()?.Interceptors?.Contains(Instance) != true)
        {
            throw new InvalidOperationException(
                $"{db.GetType().Name} does not tell of its commits: add {nameof(JobQueueModelExtensions.UseJobQueues)}() to its options.");
        }

        _of.GetOrCreateValue(db).Published.Add(wake);
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

    public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Wake(eventData.Context);

    public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Wake(eventData.Context);
        return Task.CompletedTask;
    }

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
    }
}
