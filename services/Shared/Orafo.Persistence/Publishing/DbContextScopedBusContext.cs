using System.Transactions;
using MassTransit.Clients;
using MassTransit.DependencyInjection;
using MassTransit.Middleware;
using MassTransit.Middleware.Outbox;
using MassTransit.Transports;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Outside a consumer: what the scope publishes is stored by the DbContext's next SaveChanges, together with its entities.</summary>
internal sealed class DbContextScopedBusContext<TBus, TDbContext> : ScopedBusContext, OutboxSendContext, IOutboxWithSchedule
    where TBus : class, IBus
    where TDbContext : DbContext
{
    private readonly OutboxWriter _outbox;
    private readonly IServiceProvider _provider;
    private readonly TDbContext _db;
    private readonly OutboxHandoff<TDbContext> _handoff;
    private readonly TimeProvider _time;
    private List<OutboxMessage> _stored = [];
    private SendLease? _lease;

    /// <param name="bus">Sends.</param>
    /// <param name="db">Is saved by whoever has the scope.</param>
    /// <param name="handoff">Sends what is committed.</param>
    /// <param name="time">The clock.</param>
    /// <param name="clientFactory">Sends requests.</param>
    /// <param name="provider">The scope.</param>
    /// <param name="consumed">What the scope's consumer consumes, from another bus; null outside consumers. What is published belongs to its conversation.</param>
    public DbContextScopedBusContext(
        TBus bus, TDbContext db, OutboxHandoff<TDbContext> handoff, TimeProvider time, IClientFactory clientFactory, IServiceProvider provider,
        ConsumeContext? consumed)
    {
        (_provider, _db, _handoff, _time) = (provider, db, handoff, time);
        _outbox = new OutboxWriter(time);
        db.SavingChanges += (_, _) => Store();
        db.SavedChanges += (_, _) => Send();
        db.SaveChangesFailed += (_, _) => Forget();
        SendEndpointProvider = new OutboxSendEndpointProvider(
            this, consumed is null ? bus : new ScopedConsumeSendEndpointProvider(bus, consumed, provider));
        PublishEndpoint = new PublishEndpoint(new OutboxPublishEndpointProvider(
            this, consumed is null ? bus : new ScopedConsumePublishEndpointProvider(bus, consumed, provider)));
        // A request waits for its answer before anything is saved, so it cannot wait in an outbox.
        ClientFactory = new ScopedClientFactory(new ClientFactory(new ScopedClientFactoryContext(clientFactory, provider)), consumed);
    }

    public ISendEndpointProvider SendEndpointProvider { get; }
    public IPublishEndpoint PublishEndpoint { get; }
    public IScopedClientFactory ClientFactory { get; }

    /// <remarks>What an interceptor of the very SaveChanges publishes is stored by it too, after what was published before.</remarks>
    public Task AddSend<T>(SendContext<T> context) where T : class
    {
        _outbox.Add(context);
        if (SharedWork.Of(_db).IsSaving)
            Store();
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
        var messages = _outbox.Take(isContinued: _stored.Count > 0);
        if (messages.Count == 0)
            return;
        if (_stored.Count == 0)
        {
            var isWhole = _db.Database.CurrentTransaction is null && Transaction.Current is null && _db.Database.GetEnlistedTransaction() is null;
            _lease = isWhole ? _handoff.TryLease(messages) : null;
        }

        if (_lease is { } lease)
        {
            var due = _time.GetUtcNow().UtcDateTime + lease.Duration;
            foreach (var message in messages.Where(message => !message.IsScheduled))
                message.Due = due;
        }

        if (_handoff.IsForRelay(messages, _lease))
            SharedWork.Of(_db).HasMessagesForRelay = true;

        _stored.AddRange(messages);
        _db.AddRange(messages);
    }

    private void Send()
    {
        var (messages, lease) = (_stored, _lease);
        Forget();
        if (lease is not null)
            _handoff.Take(messages, lease);
    }

    private void Forget() => (_stored, _lease) = ([], null);

    public object? GetService(Type serviceType) => _provider.GetService(serviceType);
}
