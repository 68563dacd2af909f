using MassTransit.DependencyInjection;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>What <see cref="IPublishEndpoint"/> and <see cref="ISendEndpointProvider"/> of a scope write to.</summary>
/// <remarks>
/// Inside a consumer of this bus: the consumer's own outbox. Elsewhere, a consumer of another bus included: the scope's DbContext. Never straight to
/// the broker.
/// </remarks>
internal sealed class DbContextScopedBusContextProvider<TBus, TDbContext> : IScopedBusContextProvider<TBus>
    where TBus : class, IBus
    where TDbContext : DbContext
{
    public DbContextScopedBusContextProvider(
        TBus bus, TDbContext db, OutboxHandoff<TDbContext> handoff, TimeProvider time, Bind<TBus, IClientFactory> clientFactory,
        Bind<TBus, IScopedConsumeContextProvider> busConsumeContext, IScopedConsumeContextProvider consumeContext, IServiceProvider provider)
    {
        if (busConsumeContext.Value.HasContext)
            Context = new ConsumeContextScopedBusContext(busConsumeContext.Value.GetContext(), clientFactory.Value);
        else
            Context = new DbContextScopedBusContext<TBus, TDbContext>(
                bus, db, handoff, time, clientFactory.Value, provider, consumeContext.HasContext ? consumeContext.GetContext() : null);
    }

    public ScopedBusContext Context { get; }
}
