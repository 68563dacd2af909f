using System.Data;
using System.Diagnostics.CodeAnalysis;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking.Internal;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Loads the sagas of several deliveries at once.</summary>
internal interface ISagaLoader
{
    Task Load(DbContext db, IReadOnlyCollection<Guid> correlationIds, CancellationToken cancellationToken);
}

/// <summary>How one kind of saga is loaded.</summary>
internal sealed class DbContextSagaRepositoryOptions<TSaga> : ISagaLoader where TSaga : class, ISaga
{
    private string? _lockStatement;
    private IKey? _key;

    public ConcurrencyMode ConcurrencyMode { get; set; } = ConcurrencyMode.Pessimistic;
    public IsolationLevel IsolationLevel { get; set; } = IsolationLevel.ReadCommitted;

    /// <summary>Whether a message on an endpoint without an outbox has a transaction around it.</summary>
    public bool IsTransactionEnabled { get; set; } = true;

    public Func<IQueryable<TSaga>, IQueryable<TSaga>>? Customization { private get; set; }

    /// <summary>
    /// The saga with the given id: as another delivery of the same transaction left it, else from the database, its row locked
    /// where the mode asks for it.
    /// </summary>
    [SuppressMessage("Usage", "EF1001:Internal EF Core API usage.", Justification = "The public ways to a tracked entity look for changes in all of them first.")]
    public async Task<TSaga?> Find(DbContext db, Guid correlationId, CancellationToken cancellationToken)
    {
        var work = SharedWork.Of(db);
        if (work.Consumer is { } consumer && work.CorrelationId == correlationId)
            consumer.Sagas = this;
        var tracked = db.GetService<IStateManager>().TryGetEntry(Key(db), [correlationId]);
        if (tracked is not null)
            return tracked.EntityState is EntityState.Deleted or EntityState.Detached ? null : (TSaga)tracked.Entity;
        if (work.IsKnownToBeAbsent(correlationId))
            return null;

        // By key, and not tracked: nothing unwritten can be meant.
        work.IsOpen = true;
        try
        {
            return (await Query(db, [correlationId], cancellationToken)).SingleOrDefault();
        }
        finally
        {
            work.IsOpen = false;
        }
    }

    /// <summary>Has the sagas of several messages in the change tracker before they are asked for, in one query.</summary>
    public async Task Load(DbContext db, IReadOnlyCollection<Guid> correlationIds, CancellationToken cancellationToken)
    {
        var found = await Query(db, [.. correlationIds], cancellationToken);
        var work = SharedWork.Of(db);
        foreach (var id in correlationIds.Except(found.Select(saga => saga.CorrelationId)))
            work.IsAbsent(id);
    }

    /// <summary>The sagas with what the customization adds to them.</summary>
    public IQueryable<TSaga> Customize(IQueryable<TSaga> sagas) => Customization is null ? sagas : Customization(sagas);

    private async Task<List<TSaga>> Query(DbContext db, Guid[] correlationIds, CancellationToken cancellationToken)
    {
        if (ConcurrencyMode == ConcurrencyMode.Pessimistic)
        {
            var locked = db.Set<TSaga>().FromSqlRaw(_lockStatement ??= LockStatement(db), [correlationIds]);
            if (Customization is null)
                return await locked.AsTracking().ToListAsync(cancellationToken);
            // Other tables a statement sees as they were before it waited for the lock (PostgreSQL documentation, 13.2.1): they are read after it.
            await locked.Select(saga => saga.CorrelationId).ToListAsync(cancellationToken);
        }

        return await Customize(db.Set<TSaga>().Where(saga => correlationIds.Contains(saga.CorrelationId))).AsTracking().ToListAsync(cancellationToken);
    }

    private IKey Key(DbContext db) => _key ??= db.Model.FindEntityType(typeof(TSaga))?.FindPrimaryKey()
        ?? throw new ConfigurationException($"{db.GetType().Name} has no entity {typeof(TSaga).Name} with a key.");

    private static string LockStatement(DbContext db)
    {
        var entity = db.Model.FindEntityType(typeof(TSaga))
            ?? throw new ConfigurationException($"{db.GetType().Name} has no entity {typeof(TSaga).Name}.");
        var table = StoreObjectIdentifier.Create(entity, StoreObjectType.Table)
            ?? throw new ConfigurationException($"{typeof(TSaga).Name} is not mapped to a table.");
        var key = entity.FindProperty(nameof(ISaga.CorrelationId))?.GetColumnName(table)
            ?? throw new ConfigurationException($"{typeof(TSaga).Name}.CorrelationId is not mapped to a column.");
        return SagaStatements.Lock(table.Schema is null ? Quote(table.Name) : $"{Quote(table.Schema)}.{Quote(table.Name)}", Quote(key));
    }

    private static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
