using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Orafo.Postgres;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Tells this process's relay that a transaction committed, so that it need not poll to find out.</summary>
internal sealed class OutboxSignal<TDbContext> where TDbContext : DbContext
{
    private readonly WakeFlag _relay = new();
    private readonly WakeFlag _refused = new();

    /// <summary>This process has left something to whoever relays.</summary>
    public WakeFlag News { get; } = new();

    /// <summary>The relay has something to claim, and so have those of other processes.</summary>
    public void Raise()
    {
        _relay.Raise();
        News.Raise();
    }

    /// <summary>Another process has left something to whoever relays.</summary>
    public void Wake() => _relay.Raise();

    /// <summary>This process has put off a message that the broker refused.</summary>
    public void RaiseRefused() => _refused.Raise();

    /// <summary>Returns true when the relay has something to claim, false after <paramref name="timeout"/>.</summary>
    public Task<bool> Wait(TimeSpan timeout, CancellationToken cancellationToken) => _relay.Wait(timeout, cancellationToken);

    /// <summary>Returns true when a message was put off, false after <paramref name="timeout"/>.</summary>
    public Task<bool> WaitForRefused(TimeSpan timeout, CancellationToken cancellationToken) => _refused.Wait(timeout, cancellationToken);
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

    private void Raise(DbContext? db)
    {
        if (db is not null && SharedWork.TryGet(db, out var work) && work.TakeHasMessagesForRelay())
            signal.Raise();
    }
}
