using MassTransit.Context;
using MassTransit.Middleware;
using MassTransit.Saga;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Gives a saga's message a repository in the scope's DbContext.</summary>
internal class DbContextSagaRepositoryContextFactory<TDbContext, TSaga>(
    TDbContext db, DbContextSagaRepositoryOptions<TSaga> options, ISagaConsumeContextFactory<TDbContext, TSaga> factory)
    : ISagaRepositoryContextFactory<TSaga>, ILoadSagaRepositoryContextFactory<TSaga>, IQuerySagaRepositoryContextFactory<TSaga>
    where TDbContext : DbContext
    where TSaga : class, ISaga
{
    public Task Send<T>(ConsumeContext<T> context, IPipe<SagaRepositoryContext<TSaga, T>> next) where T : class =>
        WithinTransaction(context, () => next.Send(Repository(context)));

    public Task SendQuery<T>(ConsumeContext<T> context, ISagaQuery<TSaga> query, IPipe<SagaRepositoryQueryContext<TSaga, T>> next)
        where T : class =>
        WithinTransaction(context, async () =>
        {
            var ids = await Find(db, query, context.CancellationToken);
            await next.Send(new DefaultSagaRepositoryQueryContext<TSaga, T>(Repository(context), ids));
        });

    public Task<T> Execute<T>(Func<LoadSagaRepositoryContext<TSaga>, Task<T>> asyncMethod, CancellationToken cancellationToken = default)
        where T : class => asyncMethod(new ReadContext(db, options, cancellationToken));

    public Task<T> Execute<T>(Func<QuerySagaRepositoryContext<TSaga>, Task<T>> asyncMethod, CancellationToken cancellationToken = default)
        where T : class => asyncMethod(new ReadContext(db, options, cancellationToken));

    public void Probe(ProbeContext context) => context.Add("persistence", "postgres");

    private DbContextSagaRepositoryContext<TDbContext, TSaga, T> Repository<T>(ConsumeContext<T> context) where T : class =>
        new(db, options, context, factory);

    /// <summary>Inside the outbox there is a transaction, and it saves. An endpoint without an outbox gets one here.</summary>
    private async Task WithinTransaction(ConsumeContext context, Func<Task> work)
    {
        if (db.Database.CurrentTransaction is not null)
        {
            await work();
            return;
        }

        if (!options.IsTransactionEnabled)
        {
            await work();
            await db.SaveChangesAsync(context.CancellationToken);
            return;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(options.IsolationLevel, context.CancellationToken);
        await work();
        await db.SaveChangesAsync(context.CancellationToken);
        await transaction.CommitAsync(context.CancellationToken);
    }

    private static Task<List<Guid>> Find(TDbContext db, ISagaQuery<TSaga> query, CancellationToken cancellationToken) =>
        db.Set<TSaga>().Where(query.FilterExpression).Select(saga => saga.CorrelationId).ToListAsync(cancellationToken);

    private sealed class ReadContext(TDbContext db, DbContextSagaRepositoryOptions<TSaga> options, CancellationToken cancellationToken)
        : BasePipeContext(cancellationToken), LoadSagaRepositoryContext<TSaga>, QuerySagaRepositoryContext<TSaga>
    {
        public async Task<TSaga> Load(Guid correlationId) =>
            (await options.Customize(db.Set<TSaga>()).AsNoTracking()
                .SingleOrDefaultAsync(saga => saga.CorrelationId == correlationId, CancellationToken))!;

        public async Task<SagaRepositoryQueryContext<TSaga>> Query(ISagaQuery<TSaga> query, CancellationToken cancellationToken = default) =>
            new DefaultSagaRepositoryQueryContext<TSaga>(this, await Find(db, query, cancellationToken));
    }
}

/// <summary>The same in a DbContext that is made for the message.</summary>
internal sealed class MadeDbContextSagaRepositoryContextFactory<TSaga>(
    MadeDbContext<TSaga> made, DbContextSagaRepositoryOptions<TSaga> options, ISagaConsumeContextFactory<DbContext, TSaga> factory)
    : DbContextSagaRepositoryContextFactory<DbContext, TSaga>(made.Db, options, factory)
    where TSaga : class, ISaga;

/// <summary>A scope's DbContext that somebody's function made.</summary>
internal sealed class MadeDbContext<TSaga>(IServiceProvider scope, Func<IServiceProvider, Func<DbContext>> make) : IAsyncDisposable, IDisposable
{
    public DbContext Db { get; } = make(scope)();

    public ValueTask DisposeAsync() => Db.DisposeAsync();

    public void Dispose() => Db.Dispose();
}
