using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>How one kind of saga is loaded.</summary>
internal sealed class DbContextSagaRepositoryOptions<TSaga> where TSaga : class, ISaga
{
    private string? _lockStatement;

    public ConcurrencyMode ConcurrencyMode { get; set; } = ConcurrencyMode.Pessimistic;
    public Func<IQueryable<TSaga>, IQueryable<TSaga>> Customize { get; set; } = sagas => sagas;

    /// <summary>The saga with the given id, its row locked where the mode asks for it.</summary>
    public Task<TSaga?> Load(DbContext db, Guid correlationId, CancellationToken cancellationToken)
    {
        IQueryable<TSaga> sagas = ConcurrencyMode == ConcurrencyMode.Pessimistic
            ? db.Set<TSaga>().FromSqlRaw(_lockStatement ??= LockStatement(db), correlationId)
            : db.Set<TSaga>().Where(saga => saga.CorrelationId == correlationId);
        return Customize(sagas).AsTracking().SingleOrDefaultAsync(cancellationToken);
    }

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
