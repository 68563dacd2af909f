using MassTransit.Clients;
using MassTransit.DependencyInjection;
using MassTransit.Middleware;
using MassTransit.Middleware.Outbox;
using MassTransit.Transports;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Outside a consumer: what the scope publishes is stored by the DbContext's next SaveChanges, together with its entities.</summary>
internal sealed class DbContextScopedBusContext<TBus, TDbContext> : ScopedBusContext, OutboxSendContext
    where TBus : class, IBus
    where TDbContext : DbContext
{
    private readonly OutboxWriter _outbox;
    private readonly IServiceProvider _provider;
    private readonly TDbContext _db;

    public DbContextScopedBusContext(TBus bus, TDbContext db, TimeProvider time, IClientFactory clientFactory, IServiceProvider provider)
    {
        (_provider, _db) = (provider, db);
        _outbox = new OutboxWriter(time);
        db.SavingChanges += (_, _) => db.AddRange(_outbox.Take());
        SendEndpointProvider = new OutboxSendEndpointProvider(this, bus);
        PublishEndpoint = new PublishEndpoint(new OutboxPublishEndpointProvider(this, bus));
        // A request waits for its answer before anything is saved, so it cannot wait in an outbox.
        ClientFactory = new ScopedClientFactory(new ClientFactory(new ScopedClientFactoryContext(clientFactory, provider)), null);
    }

    public ISendEndpointProvider SendEndpointProvider { get; }
    public IPublishEndpoint PublishEndpoint { get; }
    public IScopedClientFactory ClientFactory { get; }

    public Task AddSend<T>(SendContext<T> context) where T : class
    {
        _outbox.Add(context);
        return Task.CompletedTask;
    }

    /// <summary>Takes a scheduled message back: before it is saved, or at once, in the DbContext's transaction if it has one.</summary>
    public Task Cancel(Guid token, CancellationToken cancellationToken)
    {
        _outbox.Cancel(token);
        return OutboxWriter.Cancel(_db, token, cancellationToken);
    }

    public object? GetService(Type serviceType) => _provider.GetService(serviceType);
}
