using System.Collections.Concurrent;
using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Lets deliveries that wait at the same time share a transaction. Alone, a delivery does not wait for company.</summary>
/// <remarks>
/// While a group of an endpoint is at work, what arrives gathers for the next one. A group that fails, whatever the reason, is
/// taken apart and each delivery run by itself, beneath the retry policy: nobody pays for another's fault.
/// </remarks>
internal sealed class DeliveryGroups<TDbContext>(
    IServiceScopeFactory scopes, EntityFrameworkOutboxOptions<TDbContext> options, OutboxSignal<TDbContext> signal,
    OutboxHandoff<TDbContext> handoff, OutboxInstruments<TDbContext> instruments, TimeProvider time)
    where TDbContext : DbContext
{
    /// <summary>After it a group is closed and the endpoint's next one starts, whatever the one before it waits for.</summary>
    private static readonly TimeSpan Overdue = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<Uri, Queue> _queues = [];
    private readonly ConcurrentDictionary<Guid, ConsumerProfile> _consumers = [];

    public ConsumerProfile Consumer(Guid id) => _consumers.GetOrAdd(id, static id => new ConsumerProfile(id));

    /// <summary>Returns when the delivery's transaction is committed.</summary>
    public Task Run(Uri endpoint, Delivery<TDbContext> delivery)
    {
        _queues.GetOrAdd(endpoint, _ => new Queue(this)).Add(delivery);
        return delivery.Done;
    }

    /// <summary>In a transaction of its own, at once.</summary>
    public async Task RunAlone(Delivery<TDbContext> delivery)
    {
        var lease = new SharedLease<TDbContext>(scopes);
        try
        {
            // A rehearsal goes the way that the deliveries after it will go.
            await Run(lease.Db, lease, new([delivery]), isCareful: delivery.Rehearsal is null, delivery.CancellationToken);
        }
        finally
        {
            await lease.Leave();
        }
    }

    /// <summary>In a transaction of its own, on the DbContext that its scope has from the group that it was in: when nobody else of that is at work on it.</summary>
    public Task RunAlone(SharedLease<TDbContext> lease, Delivery<TDbContext> delivery) =>
        Run(lease.Db, lease, new([delivery]), isCareful: true, delivery.CancellationToken);

    /// <summary>In a transaction of its own, on the DbContext that is its scope's own.</summary>
    public Task RunAlone(TDbContext db, Delivery<TDbContext> delivery) => Run(db, null, new([delivery]), isCareful: true, delivery.CancellationToken);

    private async Task Run(
        TDbContext db, SharedLease<TDbContext>? lease, DeliveryGroup<TDbContext> group, bool isCareful, CancellationToken cancellationToken)
    {
        if (lease is not null)
            await lease.Turn.WaitAsync(cancellationToken);
        using var span = SharedSpan.OfTransaction(group.Deliveries);
        try
        {
            await new UnitOfWork<TDbContext>(db, lease, group, isCareful, options, signal, handoff, instruments, time).Run(cancellationToken);
        }
        finally
        {
            lease?.Turn.Release();
        }
    }

    private async Task RunGroup(DeliveryGroup<TDbContext> group)
    {
        try
        {
            await RunOnALease(group);
        }
        // There was no DbContext to be had: the process ends, or cannot go on.
        catch (Exception e)
        {
            foreach (var delivery in group.Deliveries)
                delivery.Fail(e);
        }
    }

    private async Task RunOnALease(DeliveryGroup<TDbContext> group)
    {
        var lease = new SharedLease<TDbContext>(scopes);
        try
        {
            if (await TryTogether(lease, group))
                return;
            // On the same DbContext: a scope's services have it already.
            group.Restart();
            while (group.TryTake(out var delivery))
            {
                try
                {
                    await Run(lease.Db, lease, new([delivery]), isCareful: true, delivery.CancellationToken);
                    delivery.Succeed();
                }
                // Whatever it is, it belongs to whoever waits for this delivery.
                catch (Exception e)
                {
                    delivery.Fail(e);
                }
            }
        }
        finally
        {
            await lease.Leave();
        }
    }

    private async Task<bool> TryTogether(SharedLease<TDbContext> lease, DeliveryGroup<TDbContext> group)
    {
        try
        {
            await Run(lease.Db, lease, group, isCareful: false, group.Deliveries[0].CancellationToken);
        }
        // Who is to blame, each one's own run will tell; it is also where the error is reported.
        catch (Exception e)
        {
            if (e is DbUpdateException { InnerException: PostgresException { SqlState: PostgresErrorCodes.UniqueViolation } })
            {
                foreach (var delivery in group.Deliveries)
                    delivery.Consumer.MetKnown(time);
            }

            LogContext.Debug?.Log("A group of {Count} deliveries is run one by one: {Error}", group.Deliveries.Length, e.Message);
            return false;
        }

        foreach (var delivery in group.Deliveries)
            delivery.Succeed();
        return true;
    }

    /// <summary>The deliveries of one endpoint.</summary>
    private sealed class Queue(DeliveryGroups<TDbContext> groups)
    {
        private const int LargestGroup = 64;
        private readonly Lock _lock = new();
        private readonly List<Delivery<TDbContext>> _waiting = [];
        private bool _isBusy;

        public void Add(Delivery<TDbContext> delivery)
        {
            lock (_lock)
            {
                _waiting.Add(delivery);
                if (_isBusy)
                    return;
                _isBusy = true;
            }

            // On this thread: until it has to wait for the database there is nobody who could be quicker.
            _ = Work();
        }

        private async Task Work()
        {
            while (TakeGroup() is { } group)
            {
                var run = groups.RunGroup(group);
                if (await Task.WhenAny(run, Task.Delay(Overdue, groups.Time)) == run)
                    continue;
                // Whoever holds it up, those that were not begun need not wait for it.
                lock (_lock)
                    _waiting.InsertRange(0, group.Close());
                _ = Task.Run(Work);
                return;
            }
        }

        private DeliveryGroup<TDbContext>? TakeGroup()
        {
            lock (_lock)
            {
                if (_waiting.Count == 0)
                {
                    _isBusy = false;
                    return null;
                }

                var size = Math.Min(_waiting.Count, LargestGroup);
                var group = _waiting.GetRange(0, size);
                _waiting.RemoveRange(0, size);
                return new([.. group]);
            }
        }
    }

    private TimeProvider Time => time;
}
