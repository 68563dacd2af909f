using MassTransit.Middleware;
using MassTransit.Middleware.Outbox;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>What a consumer sees: the message, and an outbox that keeps what it publishes until the transaction commits.</summary>
/// <remarks>
/// MassTransit's pipe knows three phases: consume, deliver, remove. Here the first one commits, the relay delivers and
/// removes, and a duplicate is shown as a message that has them all behind it.
/// </remarks>
internal sealed class DbContextOutboxConsumeContext<TDbContext, T>(
    ConsumeContext<T> context, OutboxConsumeOptions options, IServiceProvider provider,
    UnitOfWork<TDbContext> unit, TimeProvider time, bool isDuplicate)
    : OutboxConsumeContextProxy<T>(context, options, provider), IOutboxWithSchedule, ICommittedLater
    where TDbContext : DbContext
    where T : class
{
    private readonly OutboxWriter _outbox = new(time);

    public override bool ContinueProcessing { get; set; } = true;
    public override bool IsMessageConsumed => isDuplicate;
    public override bool IsOutboxDelivered => isDuplicate;
    public override int ReceiveCount => 1;
    public override long? LastSequenceNumber => null;

    public override Task AddSend<TMessage>(SendContext<TMessage> context)
    {
        _outbox.Add(context);
        return Task.CompletedTask;
    }

    public override Task SetConsumed() => unit.Complete(_outbox, CancellationToken);

    public void AfterCommit(Action wake) => _outbox.AfterCommit(wake);

    public Task Cancel(Guid token, CancellationToken cancellationToken)
    {
        _outbox.Cancel(token);
        return Task.CompletedTask;
    }

    /// <remarks>
    /// A <see cref="Fault{T}"/> goes past the outbox: what it would be stored with is being rolled back. In company nothing is
    /// said yet: the delivery is run again by itself.
    /// </remarks>
    public override Task NotifyFaulted<TMessage>(ConsumeContext<TMessage> context, TimeSpan duration, string consumerType, Exception exception) =>
        unit.IsCareful
            ? base.NotifyFaulted(CapturedContext as ConsumeContext<TMessage> ?? context, duration, consumerType, exception)
            : Task.CompletedTask;

    public override Task SetDelivered() => Task.CompletedTask;

    public override Task<List<OutboxMessageContext>> LoadOutboxMessages() => Task.FromResult<List<OutboxMessageContext>>([]);

    public override Task NotifyOutboxMessageDelivered(OutboxMessageContext message) => Task.CompletedTask;

    public override Task RemoveOutboxMessages() => Task.CompletedTask;
}
