using MassTransit.Configuration;
using MassTransit.Middleware;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Postgres;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Wraps a consumer: begin, inbox row, consumer, outbox rows, commit. The delivery is acknowledged after that.</summary>
internal sealed class DbContextOutboxContextFactory<TDbContext>(
    ScopedDbContext<TDbContext> scope, IServiceProvider provider, TimeProvider time, DeliveryGroups<TDbContext> groups, Suspects<TDbContext> suspects,
    DatabaseGate<TDbContext> gate)
    : IOutboxContextFactory<TDbContext>
    where TDbContext : DbContext
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    public async Task Send<T>(ConsumeContext<T> context, OutboxConsumeOptions consumeOptions, IPipe<OutboxConsumeContext<T>> next) where T : class
    {
        TraceHeaders.Restore(context);
        DeliveryEvents.Began(context);
        var batch = BatchMembers.Of(typeof(T));
        Guid[] messageIds = batch is null
            ? [context.GetOriginalMessageId() ?? throw new MessageException(typeof(T), "A message without an id cannot be told from its duplicates.")]
            : batch.Ids(context);

        var isRehearsal = context.TryGetPayload<Rehearsal>(out var rehearsal);
        // What failed takes nobody with it. A batch is a group already.
        var isAlone = batch is not null || isRehearsal || context.GetRetryAttempt() > 0;
        var backoff = new Backoff(ShortestPause, LongestPause, time);
        while (true)
        {
            if (!isRehearsal)
                await gate.Pass(context.CancellationToken);
            var delivery = new Delivery<TDbContext>(messageIds, groups.Consumer(consumeOptions.ConsumerId), Handle, context.CancellationToken)
            {
                Message = context.Message,
                Prefetcher = provider.GetService<Prefetcher<TDbContext, T>>(),
                CorrelationId = context.CorrelationId,
                Rehearsal = rehearsal,
            };
            // Otherwise somebody in the scope has a DbContext of the scope's own, or the DbContext cannot be shared.
            var isShared = !scope.IsTaken && ScopedDbContext<TDbContext>.IsPooled(provider);
            try
            {
                if (batch is null && context.ReceiveContext.Redelivered)
                    await RunAgain(delivery, isShared);
                else if (!isShared)
                    await RunInScope(delivery);
                else if (isAlone || delivery.Consumer.IsSlow)
                    await groups.RunAlone(delivery);
                else
                    await groups.Run(context.ReceiveContext.InputAddress, delivery);
                return;
            }
            catch (Exception e) when (DatabaseGate<TDbContext>.IsOutage(e) && !isRehearsal)
            {
                gate.Close(e);
                if (!isShared || context.CancellationToken.IsCancellationRequested)
                    throw;
                // The message has not failed: nobody hears of it.
                await backoff.Wait(context.CancellationToken);
                isAlone = true;
            }
        }

        Task RunInScope(Delivery<TDbContext> delivery) => scope.Lease is { } lease ? groups.RunAlone(lease, delivery) : groups.RunAlone(scope.Get(), delivery);

        // It may have killed the process the first time: it takes nobody with it, and not the process for ever.
        async Task RunAgain(Delivery<TDbContext> delivery, bool isShared)
        {
            try
            {
                await suspects.Run(
                    delivery, AttemptCount.Of(context.ReceiveContext, consumeOptions.ConsumerId),
                    () => isShared ? groups.RunAlone(delivery) : RunInScope(delivery));
            }
            // No consumer was there to say so.
            catch (CrashLimitException e)
            {
                await context.NotifyFaulted(context, TimeSpan.Zero, consumeOptions.ConsumerType, e);
                throw;
            }
        }

        Task Handle(Delivery<TDbContext> handled, UnitOfWork<TDbContext> unit, bool isDuplicate)
        {
            if (isDuplicate)
            {
                DeliveryEvents.IsDuplicate();
                LogContext.Debug?.Log("Dropped a duplicate of {MessageId}", messageIds[0]);
            }

            if (unit.Lease is { } lease)
                scope.Share(lease);
            var consumed = handled.Entered is { } entered && batch is not null ? (ConsumeContext<T>)batch.Keep(context, entered) : context;
            var outbox = new DbContextOutboxConsumeContext<TDbContext, T>(consumed, consumeOptions, provider, unit, time, isDuplicate);
            unit.Equip(handled, outbox);
            return next.Send(outbox);
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("entityFrameworkOutbox");
}
