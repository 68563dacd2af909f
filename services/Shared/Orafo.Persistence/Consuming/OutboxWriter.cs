using MassTransit.Context;
using MassTransit.Serialization;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Turns what one transaction publishes into outbox rows, in the order in which it was published.</summary>
internal sealed class OutboxWriter(TimeProvider time)
{
    private readonly Lock _lock = new();
    private List<OutboxMessage> _messages = [];

    public void Add<T>(SendContext<T> context) where T : class
    {
        var message = ToMessage(context);
        lock (_lock)
            _messages.Add(message);
    }

    /// <summary>Hands the messages out; what is added later belongs to the next transaction.</summary>
    public List<OutboxMessage> Take()
    {
        List<OutboxMessage> messages;
        lock (_lock)
        {
            if (_messages.Count == 0)
                return [];
            (messages, _messages) = (_messages, []);
        }

        var outboxId = Guid.CreateVersion7();
        foreach (var message in messages)
            message.OutboxId = outboxId;
        messages[0].IsFirst = true;
        return messages;
    }

    /// <summary>Writes messages in the order in which they are given, in one statement.</summary>
    public static NpgsqlBatchCommand Insert(IReadOnlyList<OutboxMessage> messages)
    {
        NpgsqlParameter Column<T>(Func<OutboxMessage, T> value) => new NpgsqlParameter<T[]> { TypedValue = [.. messages.Select(value)] };
        return new NpgsqlBatchCommand(OutboxStatements.Insert)
        {
            Parameters =
            {
                Column(x => x.OutboxId), Column(x => x.IsFirst), Column(x => x.MessageId), Column(x => x.ConversationId),
                Column(x => x.CorrelationId), Column(x => x.InitiatorId), Column(x => x.RequestId), Column(x => x.SourceAddress),
                Column(x => x.DestinationAddress), Column(x => x.ResponseAddress), Column(x => x.FaultAddress), Column(x => x.SentTime),
                Column(x => x.ExpirationTime), Column(x => x.Headers), Column(x => x.Properties), Column(x => x.ContentType),
                Column(x => x.MessageType), Column(x => x.Body),
            },
        };
    }

    private OutboxMessage ToMessage<T>(SendContext<T> context) where T : class
    {
        var sent = context.SentTime ?? time.GetUtcNow().UtcDateTime;
        return new OutboxMessage
        {
            MessageId = context.MessageId ?? throw new MessageException(typeof(T), "A message without an id cannot be sent reliably."),
            ConversationId = context.ConversationId,
            CorrelationId = context.CorrelationId,
            InitiatorId = context.InitiatorId,
            RequestId = context.RequestId,
            SourceAddress = context.SourceAddress?.ToString(),
            DestinationAddress = context.DestinationAddress?.ToString()
                ?? throw new MessageException(typeof(T), "A message without a destination cannot be sent."),
            ResponseAddress = context.ResponseAddress?.ToString(),
            FaultAddress = context.FaultAddress?.ToString(),
            SentTime = sent,
            ExpirationTime = sent + context.TimeToLive,
            Headers = Serialize(context.Headers.GetAll()),
            Properties = context is TransportSendContext<T> transport ? Serialize(PropertiesOf(transport)) : null,
            ContentType = (context.ContentType ?? context.Serialization.DefaultContentType).ToString(),
            MessageType = string.Join(';', context.SupportedMessageTypes),
            Body = context.Serializer.GetMessageBody(context).GetString(),
        };
    }

    private static Dictionary<string, object> PropertiesOf<T>(TransportSendContext<T> context) where T : class
    {
        var properties = new Dictionary<string, object>(StringComparer.OrdinalIgnoreCase);
        context.WritePropertiesTo(properties);
        return properties;
    }

    private static string? Serialize(IEnumerable<KeyValuePair<string, object>> values) =>
        SystemTextJsonMessageSerializer.Instance.SerializeDictionary(values);
}
