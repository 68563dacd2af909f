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
/// <param name="signal">Raised after a commit that leaves messages to the relay.</param>
/// <param name="handoff">Sends them, if it can.</param>
/// <param name="instruments">Count it.</param>
/// <param name="time">The clock.</param>
internal sealed class UnitOfWork<TDbContext>(
    TDbContext db, SharedLease<TDbContext>? lease, DeliveryGroup<TDbContext> group, bool isCareful, EntityFrameworkOutboxOptions<TDbContext> options,
    OutboxSignal<TDbContext> signal, OutboxHandoff<TDbContext> handoff, OutboxInstruments<TDbContext> instruments,
    TimeProvider time)
    where TDbContext : DbContext
{
    private readonly List<OutboxWriter> _outboxes = [];
    private readonly List<Delivery<TDbContext>> _handled = [];
    private readonly Dictionary<Prefetcher<TDbContext>, Action<PipeContext>> _loaded = [];
    private readonly SharedWork _work = SharedWork.Of(db);
    private IDbContextTransaction _transaction = null!;

    /// <summary>What the scopes of the deliveries are to share; null if the DbContext is a scope's own.</summary>
    public SharedLease<TDbContext>? Lease => lease;

    public TDbContext Db => db;
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
                if (group.Deliveries is [{ Rehearsal.Prepare: { } prepare }])
                    await Prepare(prepare, cancellationToken);
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

    /// <summary>A consumer is done; what it published is taken when the transaction ends.</summary>
    public async Task Complete(OutboxWriter outbox, CancellationToken cancellationToken)
    {
        _outboxes.Add(outbox);
        if (isCareful)
            await Commit(cancellationToken);
    }

    /// <summary>What a rehearsal is to find, as it would be found: in the database.</summary>
    private async Task Prepare(Action<DbContext> prepare, CancellationToken cancellationToken)
    {
        prepare(db);
        await db.SaveChangesAsync(cancellationToken);
        db.ChangeTracker.Clear();
    }

    private async Task HandleCarefully(CancellationToken cancellationToken)
    {
        if (!group.TryTake(out var delivery))
            return;
        _handled.Add(delivery);
        if (delivery.MessageIds.Length == 0)
        {
            await Handle(delivery, isDuplicate: false);
            return;
        }

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

        await Commit(cancellationToken);
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
        {
            var areNew = !isCareful && deliveries.All(delivery => delivery.Consumer.ExpectsNew(time));
            _loaded[deliveries.Key] = await deliveries.Key.Load(db, [.. deliveries], areNew, cancellationToken);
        }
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

    /// <summary>The last round trip: what is changed, inbox rows, messages, commit.</summary>
    private async Task Commit(CancellationToken cancellationToken)
    {
        db.Database.AutoSavepointsEnabled = false;
        var end = new TransactionEnd();
        try
        {
            _work.Closing = () => Close(end);
            // The consumers are done, and the DbContext forgets it all: nothing need be marked as saved.
            await db.SaveChangesAsync(acceptAllChangesOnSuccess: false, cancellationToken);
            // Not taken along: there was nothing to save, or the provider saved it its own way.
            if (_work.TakeClosing() is { Count: > 0 } closing)
                await Execute(closing, cancellationToken);
        }
        catch
        {
            handoff.PutBack(end.Confirmed);
            throw;
        }

        if (end.IsRolledBack)
            return;
        instruments.Committed(_handled.Count);
        // First: a client may wait for it, and to wake it takes less time than to send.
        foreach (var outbox in _outboxes)
            outbox.Committed();
        if (end.Lease is not null)
            handoff.Take(end.Published, end.Lease);
        if (handoff.IsForRelay(end.Published, end.Lease))
            signal.Raise();
    }

    private List<NpgsqlBatchCommand> Close(TransactionEnd end)
    {
        List<NpgsqlBatchCommand> closing = [];
        if (!isCareful && _handled.Exists(delivery => delivery.MessageIds.Length > 0))
            closing.Add(EnterInbox());
        foreach (var delivery in _handled.Where(delivery => delivery.IsCounted))
            closing.Add(Suspects<TDbContext>.Forget(delivery));
        if (_handled.Exists(delivery => delivery.Rehearsal is not null))
        {
            end.IsRolledBack = true;
            closing.Add(new("rollback"));
            return closing;
        }

        List<Guid> cancelled = [];
        foreach (var outbox in _outboxes)
        {
            var tokens = outbox.TakeCancelled();
            // It may have been scheduled by a delivery before this one.
            if (tokens.Count > 0)
                end.Published.RemoveAll(message => tokens.Contains(message.OutboxId));
            cancelled.AddRange(tokens);
            end.Published.AddRange(outbox.Take());
        }

        end.Confirmed = handoff.TakeConfirmed();
        if (cancelled.Count > 0)
            closing.Add(OutboxWriter.Delete(cancelled));
        if (end.Published.Count > 0)
        {
            end.Lease = handoff.TryLease(end.Published);
            closing.Add(OutboxWriter.Insert(end.Published, end.Lease?.Duration ?? TimeSpan.Zero));
        }

        if (end.Confirmed.Count > 0)
            closing.Add(OutboxHandoff<TDbContext>.Delete(end.Confirmed));
        closing.Add(new("commit"));
        return closing;
    }

    private async Task Execute(IReadOnlyList<NpgsqlBatchCommand> commands, CancellationToken cancellationToken)
    {
        var transaction = (NpgsqlTransaction)_transaction.GetDbTransaction();
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction);
        foreach (var command in commands)
            batch.BatchCommands.Add(command);
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

    /// <summary>What the transaction ends with.</summary>
    private sealed class TransactionEnd
    {
        public List<OutboxMessage> Published { get; } = [];
        public SendLease? Lease { get; set; }
        public List<Sent> Confirmed { get; set; } = [];
        public bool IsRolledBack { get; set; }
    }
}
