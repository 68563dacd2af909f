using MassTransit.Context;
using MassTransit.Serialization;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Turns what one transaction publishes into outbox rows, in the order in which it was published.</summary>
internal sealed class OutboxWriter(TimeProvider time)
{
    private readonly Lock _lock = new();
    private List<OutboxMessage> _messages = [];
    private List<Guid> _cancelled = [];
    private List<(Action Wake, ExecutionContext? Context)> _afterCommit = [];
    private Guid _outboxId;

    public void Add<T>(SendContext<T> context) where T : class
    {
        TraceHeaders.Write(context);
        var message = ToMessage(context);
        lock (_lock)
            _messages.Add(message);
    }

    /// <summary>Hands the messages out; what is added later belongs to the next transaction.</summary>
    /// <param name="isContinued">They belong to the transaction of those that were handed out before.</param>
    public List<OutboxMessage> Take(bool isContinued = false)
    {
        List<OutboxMessage> messages;
        lock (_lock)
        {
            if (_messages.Count == 0)
                return [];
            (messages, _messages) = (_messages, []);
        }

        var isFirst = !isContinued || _outboxId == Guid.Empty;
        if (isFirst)
            _outboxId = Guid.CreateVersion7();
        foreach (var message in messages)
        {
            // What is scheduled leaves by itself.
            if (message.IsScheduled)
                continue;
            (message.OutboxId, message.IsFirst) = (_outboxId, isFirst);
            isFirst = false;
        }

        return messages;
    }

    /// <summary>Somebody is to be woken when it is committed.</summary>
    public void AfterCommit(Action wake)
    {
        lock (_lock)
            _afterCommit.Add((wake, ExecutionContext.Capture()));
    }

    /// <summary>It is.</summary>
    public void Committed()
    {
        List<(Action Wake, ExecutionContext? Context)> wakes;
        lock (_lock)
            (wakes, _afterCommit) = (_afterCommit, []);
        foreach (var (wake, context) in wakes)
        {
            try
            {
                // In the delivery's own (span, log scopes), whoever commits for it.
                if (context is null)
                    wake();
                else
                    ExecutionContext.Run(context, static wake => ((Action)wake!)(), wake);
            }
            // The delivery has succeeded, whatever becomes of those who wait for it.
            catch (Exception e)
            {
                LogContext.Error?.Log(e, "Somebody could not be woken after a commit");
            }
        }
    }

    /// <summary>Takes a scheduled message back, whether it is still here or stored by a transaction before this one.</summary>
    public void Cancel(Guid token)
    {
        lock (_lock)
        {
            _messages.RemoveAll(message => message.OutboxId == token);
            _cancelled.Add(token);
        }
    }

    /// <summary>Hands out the tokens of what is to be deleted, before anything is inserted.</summary>
    public List<Guid> TakeCancelled()
    {
        lock (_lock)
        {
            var cancelled = _cancelled;
            _cancelled = [];
            return cancelled;
        }
    }

    /// <summary>Deletes the scheduled messages with these tokens.</summary>
    public static NpgsqlBatchCommand Delete(IReadOnlyCollection<Guid> tokens) =>
        new(OutboxStatements.Cancel) { Parameters = { new NpgsqlParameter<Guid[]> { TypedValue = [.. tokens] } } };

    /// <summary>Deletes a scheduled message now, in the DbContext's transaction if it has one.</summary>
    public static Task Cancel(DbContext db, Guid token, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlRawAsync(OutboxStatements.Cancel.Replace("$1", "{0}", StringComparison.Ordinal), [new[] { token }], cancellationToken);

    /// <summary>Writes messages in the order in which they are given, in one statement.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="lease">How long no relay takes them.</param>
    public static NpgsqlBatchCommand Insert(IReadOnlyList<OutboxMessage> messages, TimeSpan lease)
    {
        NpgsqlParameter Column<T>(Func<OutboxMessage, T> value) => messages.Count == 1
            ? new NpgsqlParameter<T> { TypedValue = value(messages[0]) }
            : new NpgsqlParameter<T[]> { TypedValue = [.. messages.Select(value)] };
        return new NpgsqlBatchCommand(messages.Count == 1 ? OutboxStatements.InsertOne : OutboxStatements.Insert)
        {
            Parameters =
            {
                Column(x => x.OutboxId), Column(x => x.IsFirst), Column(x => x.IsScheduled ? x.Due : (DateTime?)null), Column(x => x.MessageId), Column(x => x.ConversationId),
                Column(x => x.CorrelationId), Column(x => x.InitiatorId), Column(x => x.RequestId), Column(x => x.SourceAddress),
                Column(x => x.DestinationAddress), Column(x => x.ResponseAddress), Column(x => x.FaultAddress), Column(x => x.SentTime),
                Column(x => x.ExpirationTime), Column(x => x.Headers), Column(x => x.Properties), Column(x => x.ContentType),
                Column(x => x.MessageType), Column(x => x.Body), new NpgsqlParameter<TimeSpan> { TypedValue = lease },
            },
        };
    }

    private OutboxMessage ToMessage<T>(SendContext<T> context) where T : class
    {
        var sent = context.SentTime ?? time.GetUtcNow().UtcDateTime;
        var delay = context.Delay;
        // The transport would put it off once more.
        context.Delay = null;
        var destination = context.DestinationAddress ?? throw new MessageException(typeof(T), "A message without a destination cannot be sent.");
        var contentType = (context.ContentType ?? context.Serialization.DefaultContentType).ToString();
        // First: a raw serializer says in the headers what an envelope would.
        var body = context.Serializer.GetMessageBody(context).GetBytes();
        var headers = new Dictionary<string, object>(context.Headers.GetAll(), StringComparer.OrdinalIgnoreCase);
        var properties = new Dictionary<string, object>(StringComparer.OrdinalIgnoreCase);
        if (context is TransportSendContext<T> transport)
            transport.WritePropertiesTo(properties);
        return new OutboxMessage
        {
            OutboxId = delay is null ? Guid.Empty : context.ScheduledMessageId ?? Guid.CreateVersion7(),
            IsFirst = delay is not null,
            IsScheduled = delay is not null,
            Due = delay is null ? default : time.GetUtcNow().UtcDateTime + delay.Value,
            MessageId = context.MessageId ?? throw new MessageException(typeof(T), "A message without an id cannot be sent reliably."),
            ConversationId = context.ConversationId,
            CorrelationId = context.CorrelationId,
            InitiatorId = context.InitiatorId,
            RequestId = context.RequestId,
            SourceAddress = context.SourceAddress?.ToString(),
            DestinationAddress = destination.ToString(),
            ResponseAddress = context.ResponseAddress?.ToString(),
            FaultAddress = context.FaultAddress?.ToString(),
            SentTime = sent,
            ExpirationTime = sent + context.TimeToLive,
            Headers = Serialize(headers),
            Properties = Serialize(properties),
            ContentType = contentType,
            MessageType = string.Join(';', context.SupportedMessageTypes),
            Body = StoredBody.ToText(body, contentType),
            InMemory = new MessageInMemory(body, headers, properties, destination),
        };
    }

    private static string? Serialize(Dictionary<string, object> values) =>
        values.Count == 0 ? null : SystemTextJsonMessageSerializer.Instance.SerializeDictionary(values);
}
