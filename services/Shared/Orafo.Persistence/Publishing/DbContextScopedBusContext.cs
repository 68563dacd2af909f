using System.Transactions;
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
    private readonly OutboxHandoff<TDbContext> _handoff;
    private readonly TimeProvider _time;
    private (List<OutboxMessage> Messages, SendLease Lease)? _leased;

    public DbContextScopedBusContext(
        TBus bus, TDbContext db, OutboxHandoff<TDbContext> handoff, TimeProvider time, IClientFactory clientFactory, IServiceProvider provider)
    {
        (_provider, _db, _handoff, _time) = (provider, db, handoff, time);
        _outbox = new OutboxWriter(time);
        db.SavingChanges += (_, _) => Store();
        db.SavedChanges += (_, _) => Send();
        db.SaveChangesFailed += (_, _) => _leased = null;
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

    /// <summary>Writes what was published with the entities. It is left to the relay unless this SaveChanges is the whole transaction.</summary>
    private void Store()
    {
        var messages = _outbox.Take();
        if (messages.Count == 0)
            return;
        var isWhole = _db.Database.CurrentTransaction is null && Transaction.Current is null && _db.Database.GetEnlistedTransaction() is null;
        if (isWhole && _handoff.TryLease(messages) is { } lease)
        {
            var due = _time.GetUtcNow().UtcDateTime + lease.Duration;
            foreach (var message in messages.Where(message => !message.IsScheduled))
                message.Due = due;
            _leased = (messages, lease);
        }
        else
            SharedWork.Of(_db).HasMessagesForRelay = true;

        _db.AddRange(messages);
    }

    private void Send()
    {
        if (_leased is not var (messages, lease))
            return;
        _leased = null;
        _handoff.Take(messages, lease);
    }

    public object? GetService(Type serviceType) => _provider.GetService(serviceType);
}
