using MassTransit.Configuration;
using MassTransit.Middleware;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Wraps a consumer: begin, inbox row, consumer, outbox rows, commit. The delivery is acknowledged after that.</summary>
internal sealed class DbContextOutboxContextFactory<TDbContext>(
    ScopedDbContext<TDbContext> scope, IServiceProvider provider, TimeProvider time, DeliveryGroups<TDbContext> groups, Suspects<TDbContext> suspects)
    : IOutboxContextFactory<TDbContext>
    where TDbContext : DbContext
{
    public async Task Send<T>(ConsumeContext<T> context, OutboxConsumeOptions consumeOptions, IPipe<OutboxConsumeContext<T>> next) where T : class
    {
        TraceHeaders.Restore(context);
        var batch = BatchMembers.Of(typeof(T));
        Guid[] messageIds = batch is null
            ? [context.GetOriginalMessageId() ?? throw new MessageException(typeof(T), "A message without an id cannot be told from its duplicates.")]
            : batch.Ids(context);

        var delivery = new Delivery<TDbContext>(messageIds, groups.Consumer(consumeOptions.ConsumerId), Handle, context.CancellationToken)
        {
            Message = context.Message,
            Prefetcher = provider.GetService<Prefetcher<TDbContext, T>>(),
            CorrelationId = context.CorrelationId,
            IsRehearsal = context.TryGetPayload<Rehearsal>(out _),
        };
        if (batch is null && context.ReceiveContext.Redelivered)
            await RunAgain();
        // Somebody in the scope has a DbContext of the scope's own, or the DbContext cannot be shared.
        else if (scope.IsTaken || !ScopedDbContext<TDbContext>.IsPooled(provider))
            await groups.RunAlone(scope.Get(), delivery);
        // What failed takes nobody with it. A batch is a group already.
        else if (batch is not null || delivery.IsRehearsal || delivery.Consumer.IsSlow || context.GetRetryAttempt() > 0)
            await groups.RunAlone(delivery);
        else
            await groups.Run(context.ReceiveContext.InputAddress, delivery);

        // It may have killed the process the first time: it takes nobody with it, and not the process for ever.
        async Task RunAgain()
        {
            try
            {
                await suspects.Run(delivery, AttemptCount.Of(context.ReceiveContext, consumeOptions.ConsumerId), () =>
                    scope.IsTaken || !ScopedDbContext<TDbContext>.IsPooled(provider) ? groups.RunAlone(scope.Get(), delivery) : groups.RunAlone(delivery));
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
                LogContext.Debug?.Log("Dropped a duplicate of {MessageId}", messageIds[0]);
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
