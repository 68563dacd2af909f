using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Tells this process's relay, and whoever else wants to know, that a transaction committed, so that nobody need poll to find out.</summary>
/// <remarks>Raised after every commit that stored a message; it may be raised after others, and it says nothing of other processes.</remarks>
public sealed class OutboxSignal<TDbContext> : IDisposable where TDbContext : DbContext
{
    private readonly Flag _relay = new();
    private readonly Flag _refused = new();
    private readonly Flag _news = new();
    private readonly Lock _lock = new();
    private Action[] _listeners = [];

    /// <summary>Has something done after each commit, on the thread that committed: it may wake somebody, and no more.</summary>
    /// <returns>Ends it.</returns>
    public IDisposable Subscribe(Action wake)
    {
        lock (_lock)
            _listeners = [.. _listeners, wake];
        return new Subscription(this, wake);
    }

    /// <param name="hasMessagesForRelay">Whether the relay has something to claim.</param>
    internal void Raise(bool hasMessagesForRelay = true)
    {
        if (hasMessagesForRelay)
        {
            _relay.Raise();
            _news.Raise();
        }

        foreach (var wake in Volatile.Read(ref _listeners))
            wake();
    }

    /// <summary>Another process has left something to whoever relays.</summary>
    internal void Wake() => _relay.Raise();

    /// <summary>This process has put off a message that the broker refused.</summary>
    internal void RaiseRefused() => _refused.Raise();

    /// <summary>Returns true when the relay has something to claim, false after <paramref name="timeout"/>.</summary>
    internal Task<bool> Wait(TimeSpan timeout, CancellationToken cancellationToken) => _relay.Wait(timeout, cancellationToken);

    /// <summary>Returns true when a message was put off, false after <paramref name="timeout"/>.</summary>
    internal Task<bool> WaitForRefused(TimeSpan timeout, CancellationToken cancellationToken) => _refused.Wait(timeout, cancellationToken);

    /// <summary>Returns when this process has left something to whoever relays; false when cancelled.</summary>
    internal async Task<bool> HasNews(CancellationToken cancellationToken)
    {
        try
        {
            await _news.Wait(Timeout.InfiniteTimeSpan, cancellationToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        _relay.Dispose();
        _refused.Dispose();
        _news.Dispose();
    }

    /// <summary>Wakes one who waits, however often it is raised meanwhile.</summary>
    private sealed class Flag : IDisposable
    {
        private readonly SemaphoreSlim _semaphore = new(0);
        private int _raised;

        public void Raise()
        {
            if (Interlocked.Exchange(ref _raised, 1) == 0)
                _semaphore.Release();
        }

        public async Task<bool> Wait(TimeSpan timeout, CancellationToken cancellationToken)
        {
            var isRaised = await _semaphore.WaitAsync(timeout, cancellationToken);
            // Lowered before the caller looks: what is raised from here on wakes it again.
            if (isRaised)
                Volatile.Write(ref _raised, 0);
            return isRaised;
        }

        public void Dispose() => _semaphore.Dispose();
    }

    private sealed class Subscription(OutboxSignal<TDbContext> signal, Action wake) : IDisposable
    {
        public void Dispose()
        {
            lock (signal._lock)
                signal._listeners = [.. signal._listeners.Where(other => other != wake)];
        }
    }
}

/// <summary>Raises the signal after each commit of the DbContext.</summary>
internal sealed class OutboxSignalInterceptor<TDbContext>(OutboxSignal<TDbContext> signal) : DbTransactionInterceptor, ISaveChangesInterceptor
    where TDbContext : DbContext
{
    public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Raise(eventData.Context);

    public override Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Raise(eventData.Context);
        return Task.CompletedTask;
    }

    public InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        SetSaving(eventData.Context, true);
        return result;
    }

    public ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default) =>
        new(SavingChanges(eventData, result));

    public void SaveChangesFailed(DbContextErrorEventData eventData) => SetSaving(eventData.Context, false);

    public Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        SaveChangesFailed(eventData);
        return Task.CompletedTask;
    }

    /// <remarks>A lost race is not told as a failure.</remarks>
    public InterceptionResult ThrowingConcurrencyException(ConcurrencyExceptionEventData eventData, InterceptionResult result)
    {
        SetSaving(eventData.Context, false);
        return result;
    }

    public ValueTask<InterceptionResult> ThrowingConcurrencyExceptionAsync(
        ConcurrencyExceptionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default) =>
        new(ThrowingConcurrencyException(eventData, result));

    public void SaveChangesCanceled(DbContextEventData eventData) => SetSaving(eventData.Context, false);

    public Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default)
    {
        SaveChangesCanceled(eventData);
        return Task.CompletedTask;
    }

    /// <remarks>A SaveChanges of a single statement needs no transaction of its own and commits without the event above.</remarks>
    public int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        SetSaving(eventData.Context, false);
        if (eventData.Context?.Database.CurrentTransaction is null)
            Raise(eventData.Context);
        return result;
    }

    public ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default) =>
        new(SavedChanges(eventData, result));

    private static void SetSaving(DbContext? db, bool isSaving)
    {
        if (db is not null)
            SharedWork.Of(db).IsSaving = isSaving;
    }

    private void Raise(DbContext? db) => signal.Raise(db is not null && SharedWork.TryGet(db, out var work) && work.TakeHasMessagesForRelay());
}
