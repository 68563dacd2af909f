using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Tells this process's relay that a transaction committed, so that it need not poll to find out.</summary>
internal sealed class OutboxSignal<TDbContext> : IDisposable where TDbContext : DbContext
{
    private readonly SemaphoreSlim _semaphore = new(0);
    private int _raised;

    public void Raise()
    {
        if (Interlocked.Exchange(ref _raised, 1) == 0)
            _semaphore.Release();
    }

    /// <summary>Returns when the signal was raised, or after <paramref name="timeout"/>.</summary>
    public async Task Wait(TimeSpan timeout, CancellationToken cancellationToken)
    {
        await _semaphore.WaitAsync(timeout, cancellationToken);
        // Lowered before the caller looks into the outbox: what commits from here on raises it again.
        Volatile.Write(ref _raised, 0);
    }

    public void Dispose() => _semaphore.Dispose();
}

/// <summary>Raises the signal after each commit of the DbContext.</summary>
internal sealed class OutboxSignalInterceptor<TDbContext>(OutboxSignal<TDbContext> signal) : DbTransactionInterceptor, ISaveChangesInterceptor
    where TDbContext : DbContext
{
    public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => signal.Raise();

    public override Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        signal.Raise();
        return Task.CompletedTask;
    }

    /// <remarks>A SaveChanges of a single statement needs no transaction of its own and commits without the event above.</remarks>
    public int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        if (eventData.Context?.Database.CurrentTransaction is null)
            signal.Raise();
        return result;
    }

    public ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default) =>
        new(SavedChanges(eventData, result));
}
