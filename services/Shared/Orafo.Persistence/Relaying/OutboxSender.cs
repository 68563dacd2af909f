using System.Diagnostics;
using MassTransit.Configuration;
using MassTransit.Serialization;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Sends stored messages to the broker and awaits its confirms.</summary>
internal sealed class OutboxSender<TDbContext>(
    IBus bus, OutboxInstruments<TDbContext> instruments, EntityFrameworkOutboxOptions<TDbContext> options, TimeProvider time) : IDisposable
    where TDbContext : DbContext
{
    private readonly ConnectHandle _sends = bus.ConnectSendObserver(new SendObserver());

    public void Dispose() => _sends.Dispose();

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

            return new SendOutcome(messages, confirmed, SendVerdict.Confirmed);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            var verdict = e is MassTransitException and not ConnectionException ? SendVerdict.Refused : SendVerdict.Unclear;
            return new SendOutcome(messages, confirmed, verdict, e);
        }
    }

    /// <summary>Whether the broker takes and confirms anything at all: tried with a message that is nothing to anybody.</summary>
    public async Task<bool> Probe(CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.MessageDeliveryTimeout);
        // A span that nobody samples: what hangs on it is in no trace, unless a batch of the relay is, which then asks.
        using var span = new Activity("outbox probe").Start();
        try
        {
            await bus.Publish(new OutboxProbe(), timeout.Token).WaitAsync(timeout.Token);
            return true;
        }
        // Whatever it was: nothing gets through.
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task Send(StoredMessage message, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.MessageDeliveryTimeout);
        var attempt = new OneAttempt(message, SharedSpan.CurrentRelay, options.IsRefusal, time.GetUtcNow());
        // Its span hangs on the one that published it, which its headers name; not on whatever this thread did last.
        Activity.Current = null;
        var endpoint = await bus.GetSendEndpoint(message.DestinationAddress).WaitAsync(timeout.Token);
        // The transport may not notice that its connection is gone, and waits for a confirm whatever the token says.
        await endpoint.Send(new SerializedMessageBody(), attempt, timeout.Token).WaitAsync(timeout.Token);
    }

    /// <summary>Writes the message, once: MassTransit itself would send it again as often as its connection breaks, and a message may be what breaks it.</summary>
    private sealed class OneAttempt(StoredMessage message, ActivityContext? relay, Func<Exception, bool> isRefusal, DateTimeOffset now)
        : IPipe<SendContext<SerializedMessageBody>>
    {
        private int _attempts;

        /// <summary>The span of the relay's batch.</summary>
        public ActivityContext? Relay => relay;

        /// <summary>What the transport said about it.</summary>
        public Exception? Fault { get; set; }

        public Task Send(SendContext<SerializedMessageBody> context)
        {
            // The fault is not the inner exception: MassTransit would find it there, and try again.
            if (++_attempts > 1)
                throw Fault is { } fault && isRefusal(fault) ? new MessageRefusedException(fault.Message) : new InvalidOperationException("The channel closed: " + Fault?.Message);
            context.AddOrUpdatePayload(() => this, _ => this);
            message.CopyTo(context, now);
            return Task.CompletedTask;
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("storedMessage");
    }

    /// <summary>Learns what the transport keeps to itself when it tries again, and links the span that it makes with the relay's.</summary>
    private sealed class SendObserver : ISendObserver
    {
        public Task PreSend<T>(SendContext<T> context) where T : class
        {
            if (context.TryGetPayload<OneAttempt>(out var attempt) && attempt.Relay is { } relay)
                Activity.Current?.AddLink(new ActivityLink(relay));
            return Task.CompletedTask;
        }

        public Task PostSend<T>(SendContext<T> context) where T : class => Task.CompletedTask;

        public Task SendFault<T>(SendContext<T> context, Exception exception) where T : class
        {
            if (context.TryGetPayload<OneAttempt>(out var attempt))
                attempt.Fault = exception;
            return Task.CompletedTask;
        }
    }
}

/// <summary>The broker said no to a message and nothing else: its channel is as good as before.</summary>
internal sealed class MessageRefusedException(string message) : MassTransitException(message);

/// <summary>Says nothing. If the broker confirms it, it confirms.</summary>
internal sealed record OutboxProbe;

/// <summary>How far the messages of one transaction came.</summary>
/// <param name="Messages">What was to be sent.</param>
/// <param name="Confirmed">How many of them, from the first, the broker confirmed.</param>
/// <param name="Verdict">What became of the next one.</param>
/// <param name="Failure">What kept it back.</param>
internal sealed record SendOutcome(IReadOnlyList<StoredMessage> Messages, int Confirmed, SendVerdict Verdict, Exception? Failure = null)
{
    public Guid OutboxId => Messages[0].OutboxId;

    /// <summary>No answer came in time, which harms nobody else. Other failures may have taken the connection or the channel with them.</summary>
    public bool IsUnanswered => Failure is OperationCanceledException or TimeoutException;

    /// <summary>Puts off the transactions that were refused or failed.</summary>
    public static NpgsqlBatchCommand PutOff(SendOutcome[] outcomes) => new(OutboxStatements.PutOff)
    {
        Parameters =
        {
            new() { Value = Array.ConvertAll(outcomes, outcome => outcome.OutboxId) },
            new() { Value = Array.ConvertAll(outcomes, outcome => outcome.Failure is { } failure ? failure.GetType().Name + ": " + failure.Message : null) },
            new() { Value = Array.ConvertAll(outcomes, outcome => outcome.Verdict == SendVerdict.Failed) },
        },
    };
}

/// <summary>What is to become of a message that was sent.</summary>
internal enum SendVerdict
{
    /// <summary>It and all before it arrived.</summary>
    Confirmed,

    /// <summary>The broker said no to this very message (returned as unroutable, …) or did not answer although it answers others: it is put off.</summary>
    Refused,

    /// <summary>It failed by itself, and others got through: it is put off, and parked when that goes on.</summary>
    Failed,

    /// <summary>Its own fault, that of a message beside it, or an outage: nothing is counted.</summary>
    Unclear,
}
