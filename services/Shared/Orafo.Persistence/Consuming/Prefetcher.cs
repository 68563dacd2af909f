using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Loads what several deliveries need; returns what hands it to each of them.</summary>
internal abstract class Prefetcher<TDbContext> where TDbContext : DbContext
{
    /// <param name="db">Of the transaction.</param>
    /// <param name="deliveries">Their messages are of one type.</param>
    /// <param name="areNew">Whether what was done before need not be looked for.</param>
    /// <param name="cancellationToken">The first delivery's.</param>
    public abstract Task<Action<PipeContext>> Load(
        TDbContext db, IReadOnlyList<Delivery<TDbContext>> deliveries, bool areNew, CancellationToken cancellationToken);
}

/// <summary>By the type of their message.</summary>
internal abstract class Prefetcher<TDbContext, TMessage> : Prefetcher<TDbContext>
    where TDbContext : DbContext
    where TMessage : class;

internal sealed class Prefetcher<TDbContext, TMessage, TLoaded>(IPrefetch<TDbContext, TMessage, TLoaded> prefetch) : Prefetcher<TDbContext, TMessage>
    where TDbContext : DbContext
    where TMessage : class
    where TLoaded : class
{
    public override async Task<Action<PipeContext>> Load(
        TDbContext db, IReadOnlyList<Delivery<TDbContext>> deliveries, bool areNew, CancellationToken cancellationToken)
    {
        var loaded = await prefetch.Load(db, [.. deliveries.Select(delivery => (TMessage)delivery.Message!)], areNew, cancellationToken);
        return context => context.AddOrUpdatePayload(() => loaded, _ => loaded);
    }
}
