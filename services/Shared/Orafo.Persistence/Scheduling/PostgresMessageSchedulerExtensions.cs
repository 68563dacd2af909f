using MassTransit.Configuration;
using MassTransit.Context;
using MassTransit.DependencyInjection;
using MassTransit.EntityFrameworkCoreIntegration;
using MassTransit.Scheduling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace MassTransit;

/// <summary>A message scheduler whose scheduled messages are outbox rows with a due time: no plug-in of the broker, no second scheduler.</summary>
/// <remarks>
/// In a consumer or saga, and in a scope that saves, scheduling is part of the transaction. The relay sleeps until the next one is
/// due. Its token is its outbox id, by which it is cancelled; what the relay is just sending is too late to cancel.
/// </remarks>
public static class PostgresMessageSchedulerExtensions
{
    /// <summary>Registers <see cref="IMessageScheduler"/> for every scope, or <c>Bind&lt;TBus, IMessageScheduler&gt;</c> for a bus that is not the process's only one.</summary>
    public static void AddPostgresMessageScheduler<TDbContext>(this IBusRegistrationConfigurator configurator) where TDbContext : DbContext
    {
        var bus = OutboxBus.Of(configurator);
        bus.TryAddScoped(configurator, scope =>
        {
            var consuming = bus.Consuming(scope);
            if (consuming.HasContext && consuming.GetContext().TryGetPayload<MessageSchedulerContext>(out var scheduler))
                return scheduler;
            var context = bus.Context(scope);
            return SchedulerOf(context.SendEndpointProvider, ((IOutboxWithSchedule)context).Cancel, bus.Bus(scope).Topology);
        });
    }

    /// <summary>Schedules what consumers and sagas schedule, and what is to be delivered again later.</summary>
    /// <remarks>A delivery that is put off (UseScheduledRedelivery) is stored and committed before it is acknowledged.</remarks>
    public static void UsePostgresMessageScheduler<TDbContext>(this IBusFactoryConfigurator configurator, IRegistrationContext context)
        where TDbContext : DbContext =>
        configurator.AddPrePipeSpecification(new SchedulerSpecification<TDbContext>(context.GetRequiredService<IServiceScopeFactory>()));

    internal static IMessageScheduler SchedulerOf(ISendEndpointProvider endpoints, Func<Guid, CancellationToken, Task> cancel, IBusTopology topology) =>
        new MessageScheduler(new OutboxScheduleMessageProvider(endpoints, cancel), topology);
}

/// <summary>Schedules into the outbox that the endpoint provider sends to.</summary>
internal sealed class OutboxScheduleMessageProvider(ISendEndpointProvider endpoints, Func<Guid, CancellationToken, Task> cancel) : IScheduleMessageProvider
{
    /// <summary>Sends with a delay, of which <see cref="OutboxWriter"/> makes a due time.</summary>
    private readonly DelayedScheduleMessageProvider _delayed = new(endpoints);

    public Task<ScheduledMessage<T>> ScheduleSend<T>(
        Uri destinationAddress, DateTime scheduledTime, T message, IPipe<SendContext<T>> pipe, CancellationToken cancellationToken)
        where T : class =>
        _delayed.ScheduleSend(destinationAddress, scheduledTime, message, pipe, cancellationToken);

    public Task CancelScheduledSend(Guid tokenId, CancellationToken cancellationToken) => cancel(tokenId, cancellationToken);

    public Task CancelScheduledSend(Uri destinationAddress, Guid tokenId, CancellationToken cancellationToken) => cancel(tokenId, cancellationToken);
}

/// <summary>Where there is no outbox around the delivery: in a scope and a transaction of its own, committed at once.</summary>
internal sealed class ScopedScheduleMessageProvider<TDbContext>(IServiceScopeFactory scopes) : IScheduleMessageProvider where TDbContext : DbContext
{
    public async Task<ScheduledMessage<T>> ScheduleSend<T>(
        Uri destinationAddress, DateTime scheduledTime, T message, IPipe<SendContext<T>> pipe, CancellationToken cancellationToken)
        where T : class
    {
        await using var scope = scopes.CreateAsyncScope();
        var bus = scope.ServiceProvider.GetRequiredService<EntityFrameworkOutboxOptions<TDbContext>>().Bus;
        var scheduler = new DelayedScheduleMessageProvider(bus.Context(scope.ServiceProvider).SendEndpointProvider);
        var scheduled = await scheduler.ScheduleSend(destinationAddress, scheduledTime, message, pipe, cancellationToken);
        await scope.ServiceProvider.GetRequiredService<TDbContext>().SaveChangesAsync(cancellationToken);
        return scheduled;
    }

    public async Task CancelScheduledSend(Guid tokenId, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        await OutboxWriter.Cancel(scope.ServiceProvider.GetRequiredService<TDbContext>(), tokenId, cancellationToken);
    }

    public Task CancelScheduledSend(Uri destinationAddress, Guid tokenId, CancellationToken cancellationToken) => CancelScheduledSend(tokenId, cancellationToken);
}

internal sealed class SchedulerSpecification<TDbContext>(IServiceScopeFactory scopes) : IPipeSpecification<ConsumeContext>, IFilter<ConsumeContext>
    where TDbContext : DbContext
{
    public void Apply(IPipeBuilder<ConsumeContext> builder) => builder.AddFilter(this);

    public IEnumerable<ValidationResult> Validate() => [];

    public void Probe(ProbeContext context) => context.CreateFilterScope("postgresMessageScheduler");

    public Task Send(ConsumeContext context, IPipe<ConsumeContext> next)
    {
        context.GetOrAddPayload<MessageSchedulerContext>(() => new ConsumeMessageSchedulerContext(context, SchedulerOf));
        return next.Send(context);
    }

    /// <remarks>MassTransit asks again for the context of the outbox, when the delivery has come to it.</remarks>
    private IMessageScheduler SchedulerOf(ConsumeContext context)
    {
        var topology = context.GetPayload<IBusTopology>();
        return context is IOutboxWithSchedule outbox
            ? PostgresMessageSchedulerExtensions.SchedulerOf(context, outbox.Cancel, topology)
            : new MessageScheduler(new ScopedScheduleMessageProvider<TDbContext>(scopes), topology);
    }
}

/// <summary>An outbox from which scheduled messages can be taken back.</summary>
internal interface IOutboxWithSchedule
{
    Task Cancel(Guid token, CancellationToken cancellationToken);
}
