using MassTransit.Middleware;
using MassTransit.Middleware.Outbox;
using MassTransit.Transports;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Outside a consumer: a transaction that is shared with what else waits for one at the same time. Alone, nothing waits for company.</summary>
/// <remarks>
/// For what happens often and by itself, a request above all: many orders that come at the same time cost one round trip and one commit. If
/// the transaction fails, whatever the reason, each piece of work is run again by itself and learns its own error.
/// </remarks>
public sealed class SharedTransaction<TDbContext> where TDbContext : DbContext
{
    private static readonly Uri Queue = new("transaction:shared");
    private static readonly Guid Work = new("6f7a1c1e-0d4f-7a3b-9c58-6f6f72616f21");

    private readonly IServiceProvider _scope;
    private readonly DeliveryGroups<TDbContext> _groups;
    private readonly IBus _bus;
    private readonly TimeProvider _time;

    internal SharedTransaction(IServiceProvider scope, DeliveryGroups<TDbContext> groups, IBus bus, TimeProvider time) =>
        (_scope, _groups, _bus, _time) = (scope, groups, bus, time);

    /// <summary>Runs the work, writes what it changed and stores what it published. When it returns, that is committed.</summary>
    /// <param name="work">
    /// Gets a DbContext that others use before and after it, never the scope's own, and an outbox. It may be run twice, after a rollback, and awaits nothing but the database.
    /// </param>
    /// <exception cref="Exception">Nothing of it is in the database, unless the connection broke within the commit.</exception>
    public Task Run(Func<TDbContext, IPublishEndpoint, Task> work)
    {
        // Not cancelled when a client hangs up: it would take others' work with it.
        var delivery = new Delivery<TDbContext>([], _groups.Consumer(Work), (_, unit, _) => Do(work, unit), CancellationToken.None);
        return delivery.Consumer.IsSlow ? _groups.RunAlone(delivery) : _groups.Run(Queue, delivery);
    }

    private async Task Do(Func<TDbContext, IPublishEndpoint, Task> work, UnitOfWork<TDbContext> unit)
    {
        var outbox = new OutboxWriter(_time);
        await work(unit.Db, new PublishEndpoint(new OutboxPublishEndpointProvider(new WriterSendContext(outbox, _scope), _bus)));
        await unit.Complete(outbox, CancellationToken.None);
    }

    private sealed class WriterSendContext(OutboxWriter outbox, IServiceProvider scope) : OutboxSendContext
    {
        public Task AddSend<T>(SendContext<T> context) where T : class
        {
            outbox.Add(context);
            return Task.CompletedTask;
        }

        public object? GetService(Type serviceType) => scope.GetService(serviceType);
    }
}
