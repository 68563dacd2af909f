using System.Diagnostics;
using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>One transaction: what the consumers of its deliveries change, what they publish, and their inbox rows.</summary>
/// <remarks>
/// The consumers run one after another on one DbContext, and their changes are written together. A consumer that asks the
/// database finds there what those before it changed: their changes are written first.
/// </remarks>
/// <param name="db">Used by nobody else meanwhile.</param>
/// <param name="lease">The DbContext's, if it comes from the pool.</param>
/// <param name="group">The deliveries.</param>
/// <param name="isCareful">
/// With a single delivery: it looks into the inbox before the consumer runs, commits as soon as it is done, and what goes wrong
/// is the delivery's own fault. Otherwise the inbox rows are written last, and a duplicate makes the whole unit fail.
/// </param>
/// <param name="options">Isolation.</param>
/// <param name="signal">Raised after a commit with messages in it.</param>
/// <param name="handoff">Sends them, if it can.</param>
/// <param name="instruments">Count it.</param>
internal sealed class UnitOfWork<TDbContext>(
    TDbContext db, SharedLease<TDbContext>? lease, DeliveryGroup<TDbContext> group, bool isCareful, EntityFrameworkOutboxOptions<TDbContext> options,
    OutboxSignal<TDbContext> signal, OutboxHandoff<TDbContext> handoff, OutboxInstruments<TDbContext> instruments)
    where TDbContext : DbContext
{
    private readonly List<OutboxMessage> _published = [];
    private readonly List<Guid> _cancelled = [];
    private readonly List<Delivery<TDbContext>> _handled = [];
    private readonly Dictionary<Prefetcher<TDbContext>, Action<PipeContext>> _loaded = [];
    private readonly SharedWork _work = SharedWork.Of(db);
    private IDbContextTransaction _transaction = null!;

    /// <summary>What the scopes of the deliveries are to share; null if the DbContext is a scope's own.</summary>
    public SharedLease<TDbContext>? Lease => lease;

    public bool IsCareful => isCareful;

    /// <exception cref="Exception">Nothing of it is in the database, unless the connection broke within the commit.</exception>
    public async Task Run(CancellationToken cancellationToken)
    {
        try
        {
            await using (_transaction = await db.Database.BeginTransactionAsync(options.IsolationLevel, cancellationToken))
            {
                // A consumer that outlives a failed SaveChanges needs the savepoint before it; among others, it fails the unit.
                db.Database.AutoSavepointsEnabled = isCareful;
                if (isCareful)
                    await HandleCarefully(cancellationToken);
                else
                    await HandleAll(cancellationToken);
            }
        }
        finally
        {
            _work.Clear();
            db.ChangeTracker.Clear();
            db.Database.AutoSavepointsEnabled = true;
        }
    }

    /// <summary>Hands to a consumer what was loaded for it in this transaction.</summary>
    public void Equip(Delivery<TDbContext> delivery, PipeContext context)
    {
        if (delivery.Prefetcher is { } prefetcher && _loaded.TryGetValue(prefetcher, out var hand))
            hand(context);
    }

    /// <summary>A consumer is done.</summary>
    public async Task Complete(IEnumerable<OutboxMessage> published, IReadOnlyCollection<Guid> cancelled, CancellationToken cancellationToken)
    {
        if (cancelled.Count > 0)
        {
            // It may have been scheduled by a delivery before this one.
            _published.RemoveAll(message => cancelled.Contains(message.OutboxId));
            _cancelled.AddRange(cancelled);
        }

        _published.AddRange(published);
        if (isCareful)
            await Commit(null, cancellationToken);
    }

    private async Task HandleCarefully(CancellationToken cancellationToken)
    {
        if (!group.TryTake(out var delivery))
            return;
        _handled.Add(delivery);
        var entered = await TryEnterInbox(delivery, cancellationToken);
        delivery.Entered = entered;
        for (var duplicates = delivery.MessageIds.Length - entered.Count; duplicates > 0; duplicates--)
            instruments.Dropped();
        if (entered.Count > 0)
            await Prefetch(cancellationToken);
        await Handle(delivery, isDuplicate: entered.Count == 0);
    }

    private async Task<HashSet<Guid>> TryEnterInbox(Delivery<TDbContext> delivery, CancellationToken cancellationToken)
    {
        var transaction = (NpgsqlTransaction)_transaction.GetDbTransaction();
        await using var enter = new NpgsqlCommand(InboxStatements.TryEnter, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = delivery.MessageIds }, new() { Value = delivery.Consumer.Id } },
        };
        await using var rows = await enter.ExecuteReaderAsync(cancellationToken);
        HashSet<Guid> entered = [];
        while (await rows.ReadAsync(cancellationToken))
            entered.Add(rows.GetGuid(0));
        return entered;
    }

    private async Task HandleAll(CancellationToken cancellationToken)
    {
        await LoadSagas(cancellationToken);
        await Prefetch(cancellationToken);
        while (group.TryTake(out var delivery))
        {
            if (_work.HasUnwrittenChanges && delivery.Consumer.IsReader)
            {
                await db.SaveChangesAsync(cancellationToken);
                _work.HasUnwrittenChanges = false;
            }

            _handled.Add(delivery);
            await Handle(delivery, isDuplicate: false);
            _work.HasUnwrittenChanges = true;
        }

        await Commit(EnterInbox(), cancellationToken);
    }

    /// <summary>In one query, where there are several deliveries and they name their sagas by their correlation ids.</summary>
    private async Task LoadSagas(CancellationToken cancellationToken)
    {
        if (group.Deliveries.Length == 1)
            return;
        var sagasOfConsumers = group.Deliveries
            .Where(delivery => delivery is { Consumer.Sagas: not null, CorrelationId: not null })
            .GroupBy(delivery => delivery.Consumer.Sagas!, delivery => delivery.CorrelationId!.Value);
        foreach (var sagas in sagasOfConsumers)
            await sagas.Key.Load(db, [.. sagas.Distinct()], cancellationToken);
    }

    private async Task Prefetch(CancellationToken cancellationToken)
    {
        foreach (var deliveries in group.Deliveries.Where(delivery => delivery.Prefetcher is not null).GroupBy(delivery => delivery.Prefetcher!))
            _loaded[deliveries.Key] = await deliveries.Key.Load(db, [.. deliveries], cancellationToken);
    }

    private async Task Handle(Delivery<TDbContext> delivery, bool isDuplicate)
    {
        _work.Begin(delivery.Consumer, delivery.CorrelationId);
        var started = Stopwatch.GetTimestamp();
        await delivery.Handle(this, isDuplicate);
        if (_work.IsSpoilt)
            throw new ReadPastUnwrittenException();
        delivery.Consumer.Took(Stopwatch.GetElapsedTime(started) - _work.DatabaseTime);
    }

    /// <summary>The last round trip: inbox rows, messages, commit.</summary>
    private async Task Commit(NpgsqlBatchCommand? inbox, CancellationToken cancellationToken)
    {
        db.Database.AutoSavepointsEnabled = false;
        await db.SaveChangesAsync(cancellationToken);

        if (_handled.Exists(delivery => delivery.IsRehearsal))
        {
            await Finish(inbox, null, [], "rollback", cancellationToken);
            return;
        }

        var sendLease = _published.Count == 0 ? null : handoff.TryLease(_published);
        var confirmed = handoff.TakeConfirmed();
        try
        {
            await Finish(inbox, sendLease, confirmed, "commit", cancellationToken);
        }
        catch
        {
            handoff.PutBack(confirmed);
            throw;
        }

        instruments.Committed(_handled.Count);
        if (sendLease is not null)
            handoff.Take(_published, sendLease);
        signal.Raise(hasMessagesForRelay: _published.Count > 0 && sendLease is null);
    }

    private async Task Finish(NpgsqlBatchCommand? inbox, SendLease? sendLease, List<Sent> confirmed, string end, CancellationToken cancellationToken)
    {
        var transaction = (NpgsqlTransaction)_transaction.GetDbTransaction();
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction);
        if (inbox is not null)
            batch.BatchCommands.Add(inbox);
        foreach (var delivery in _handled.Where(delivery => delivery.IsCounted))
            batch.BatchCommands.Add(Suspects<TDbContext>.Forget(delivery));
        if (_cancelled.Count > 0)
            batch.BatchCommands.Add(OutboxWriter.Delete(_cancelled));
        if (_published.Count > 0)
            batch.BatchCommands.Add(OutboxWriter.Insert(_published, sendLease?.Duration ?? TimeSpan.Zero));
        if (confirmed.Count > 0)
            batch.BatchCommands.Add(OutboxHandoff<TDbContext>.Delete(confirmed));
        batch.BatchCommands.Add(new(end));
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private NpgsqlBatchCommand EnterInbox() => new(InboxStatements.Enter)
    {
        Parameters =
        {
            new() { Value = _handled.SelectMany(delivery => delivery.MessageIds).ToArray() },
            new() { Value = _handled.SelectMany(delivery => delivery.MessageIds.Select(_ => delivery.Consumer.Id)).ToArray() },
        },
    };
}
