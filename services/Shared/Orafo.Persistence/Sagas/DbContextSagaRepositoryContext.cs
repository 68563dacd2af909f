using MassTransit.Context;
using MassTransit.Saga;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Loads and tracks a saga for one message. Nothing is saved here: the transaction around the message saves it all at once.</summary>
internal sealed class DbContextSagaRepositoryContext<TDbContext, TSaga, TMessage>(
    TDbContext db, DbContextSagaRepositoryOptions<TSaga> options, ConsumeContext<TMessage> context,
    ISagaConsumeContextFactory<TDbContext, TSaga> factory)
    : ConsumeContextScope<TMessage>(context), SagaRepositoryContext<TSaga, TMessage>
    where TDbContext : DbContext
    where TSaga : class, ISaga
    where TMessage : class
{
    private const string BeforeInsert = "before_saga_insert";
    private readonly ConsumeContext<TMessage> _context = context;

    public async Task<SagaConsumeContext<TSaga, TMessage>> Add(TSaga instance)
    {
        db.Add(instance);
        return await Use(instance, SagaConsumeContextMode.Add);
    }

    /// <remarks>Writes at once, behind a savepoint if there is a transaction: if another message created the saga meanwhile, this one goes on with that one.</remarks>
    public async Task<SagaConsumeContext<TSaga, TMessage>> Insert(TSaga instance)
    {
        var transaction = db.Database.CurrentTransaction;
        if (transaction is not null)
            await transaction.CreateSavepointAsync(BeforeInsert, CancellationToken);
        var entry = db.Add(instance);
        try
        {
            await db.SaveChangesAsync(CancellationToken);
            return await Use(instance, SagaConsumeContextMode.Insert);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            entry.State = EntityState.Detached;
            if (transaction is not null)
                await transaction.RollbackToSavepointAsync(BeforeInsert, CancellationToken);
            // MassTransit's contract: nothing returned means that the instance exists and should be loaded.
            return null!;
        }
    }

    public async Task<SagaConsumeContext<TSaga, TMessage>> Load(Guid correlationId) =>
        await options.Find(db, correlationId, CancellationToken) is { } instance
            ? await Use(instance, SagaConsumeContextMode.Load)
            : null!;

    public Task Save(SagaConsumeContext<TSaga> context) => Task.CompletedTask;

    public Task Update(SagaConsumeContext<TSaga> context) => Task.CompletedTask;

    public Task Delete(SagaConsumeContext<TSaga> context)
    {
        db.Remove(context.Saga);
        return Task.CompletedTask;
    }

    public Task Discard(SagaConsumeContext<TSaga> context) => Undo(context);

    public Task Undo(SagaConsumeContext<TSaga> context)
    {
        db.Entry(context.Saga).State = EntityState.Detached;
        return Task.CompletedTask;
    }

    public Task<SagaConsumeContext<TSaga, T>> CreateSagaConsumeContext<T>(
        ConsumeContext<T> consumeContext, TSaga instance, SagaConsumeContextMode mode) where T : class =>
        factory.CreateSagaConsumeContext(db, consumeContext, instance, mode);

    private Task<SagaConsumeContext<TSaga, TMessage>> Use(TSaga instance, SagaConsumeContextMode mode) =>
        factory.CreateSagaConsumeContext(db, _context, instance, mode);
}
