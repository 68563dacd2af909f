using MassTransit.Context;
using MassTransit.Serialization;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Turns what one transaction publishes into outbox rows, in the order in which it was published.</summary>
internal sealed class OutboxWriter(TimeProvider time)
{
    private readonly Lock _lock = new();
    private List<OutboxMessage> _messages = [];
    private Guid _outboxId = Guid.CreateVersion7();

    public void Add<T>(SendContext<T> context) where T : class
    {
        var message = ToMessage(context);
        lock (_lock)
            _messages.Add(message);
    }

    /// <summary>Hands the messages to the DbContext; what is added later belongs to its next transaction.</summary>
    public void MoveTo(DbContext db)
    {
        List<OutboxMessage> messages;
        lock (_lock)
        {
            if (_messages.Count == 0)
                return;
            (messages, _messages) = (_messages, []);
            foreach (var message in messages)
                message.OutboxId = _outboxId;
            _outboxId = Guid.CreateVersion7();
        }

        messages[0].IsFirst = true;
        db.Set<OutboxMessage>().AddRange(messages);
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
