using System.Diagnostics;
using MassTransit.Configuration;
using MassTransit.Logging;
using MassTransit.Middleware;
using MassTransit.Serialization;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Sends stored messages to the broker and awaits its confirms.</summary>
internal sealed class OutboxSender<TDbContext>(
    IBus bus, OutboxInstruments<TDbContext> instruments, EntityFrameworkOutboxOptions<TDbContext> options, TimeProvider time)
    where TDbContext : DbContext
{
    /// <summary>Sends the messages of one transaction, each after the confirm of the one before; stops at the first that fails.</summary>
    public async Task<SendOutcome> SendInOrder(IReadOnlyList<StoredMessage> messages, CancellationToken cancellationToken)
    {
        var confirmed = 0;
        try
        {
            foreach (var message in messages)
            {
                var started = time.GetTimestamp();
                await Send(message, cancellationToken);
                instruments.Published(time.GetElapsedTime(started));
                confirmed++;
            }

            return new SendOutcome(messages, confirmed);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return new SendOutcome(messages, confirmed, e);
        }
    }

    private async Task Send(StoredMessage message, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.MessageDeliveryTimeout);
        var activity = LogContext.Current?.StartOutboxDeliverActivity(message);
        try
        {
            var endpoint = await bus.GetSendEndpoint(message.DestinationAddress).WaitAsync(timeout.Token);
            await endpoint.Send(new SerializedMessageBody(), new OutboxMessageSendPipe(message, message.DestinationAddress), timeout.Token);
        }
        finally
        {
            activity?.Stop();
        }
    }
}

/// <summary>How far the messages of one transaction came.</summary>
/// <param name="Messages">What was to be sent.</param>
/// <param name="Confirmed">How many of them, from the first, the broker confirmed.</param>
/// <param name="Failure">What kept the next one back.</param>
internal sealed record SendOutcome(IReadOnlyList<StoredMessage> Messages, int Confirmed, Exception? Failure = null)
{
    public Guid OutboxId => Messages[0].OutboxId;

    /// <summary>The broker (or the serializer) said no to this very message: returned as unroutable, not to be read …</summary>
    /// <remarks>Connection faults and time-outs say nothing about the message, so they do not count as its attempts.</remarks>
    public bool IsRefused => Failure is MassTransitException and not ConnectionException;

    /// <summary>The broker is away, or does not answer.</summary>
    public bool IsOutage => Failure is not null && !IsRefused;
}
