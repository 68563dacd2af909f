using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Loads what several deliveries need; returns what hands it to each of them.</summary>
internal abstract class Prefetcher<TDbContext> where TDbContext : DbContext
{
    public abstract Task<Action<PipeContext>> Load(TDbContext db, IReadOnlyList<Delivery<TDbContext>> deliveries, CancellationToken cancellationToken);
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
        TDbContext db, IReadOnlyList<Delivery<TDbContext>> deliveries, CancellationToken cancellationToken)
    {
        var loaded = await prefetch.Load(db, [.. deliveries.Select(delivery => (TMessage)delivery.Message!)], cancellationToken);
        return context => context.AddOrUpdatePayload(() => loaded, _ => loaded);
    }
}
