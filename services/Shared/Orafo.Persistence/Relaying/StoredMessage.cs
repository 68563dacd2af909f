using MassTransit.Context;
using MassTransit.Metadata;
using MassTransit.Middleware;
using MassTransit.Serialization;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>An outbox row as MassTransit sends it again: the same ids, headers and body.</summary>
internal sealed class StoredMessage : OutboxMessageContext
{
    private static readonly Dictionary<string, object> None = [];
    private readonly Dictionary<string, object> _headers = None;

    public required long SequenceNumber { get; init; }
    public required Guid OutboxId { get; init; }
    public required Guid MessageId { get; init; }
    public required string ContentType { get; init; }
    public required string MessageType { get; init; }

    /// <summary>As it goes to the broker.</summary>
    public required byte[] Bytes { get; init; }

    public int Failures { get; init; }
    public required Uri DestinationAddress { get; init; }
    public Guid? RequestId { get; init; }
    public Guid? CorrelationId { get; init; }
    public Guid? ConversationId { get; init; }
    public Guid? InitiatorId { get; init; }
    public DateTime? ExpirationTime { get; init; }
    public Uri? SourceAddress { get; init; }
    public Uri? ResponseAddress { get; init; }
    public Uri? FaultAddress { get; init; }
    public DateTime? SentTime { get; init; }

    public required Dictionary<string, object> HeaderValues
    {
        get => _headers;
        init => (_headers, Headers) = (value, value.Count == 0 ? EmptyHeaders.Instance : new DictionarySendHeaders(value!));
    }

    public Headers Headers { get; private init; } = EmptyHeaders.Instance;
    public required IReadOnlyDictionary<string, object> Properties { get; init; }
    public HostInfo Host => HostMetadataCache.Host;
    Guid? MessageContext.MessageId => MessageId;
    string OutboxMessageContext.Body => StoredBody.ToText(Bytes, ContentType);

    /// <summary>Reads a row of <see cref="OutboxStatements.Claim"/>.</summary>
    public static StoredMessage Read(NpgsqlDataReader row) => new()
    {
        SequenceNumber = row.GetInt64(0),
        OutboxId = row.GetGuid(1),
        MessageId = row.GetGuid(2),
        ConversationId = GuidOrNull(row, 3),
        CorrelationId = GuidOrNull(row, 4),
        InitiatorId = GuidOrNull(row, 5),
        RequestId = GuidOrNull(row, 6),
        SourceAddress = UriAt(row, 7),
        DestinationAddress = new Uri(row.GetString(8)),
        ResponseAddress = UriAt(row, 9),
        FaultAddress = UriAt(row, 10),
        SentTime = row.GetDateTime(11),
        ExpirationTime = row.IsDBNull(12) ? null : row.GetDateTime(12),
        HeaderValues = Dictionary(StringOrNull(row, 13)) ?? None,
        Properties = Dictionary(StringOrNull(row, 14)) ?? None,
        ContentType = row.GetString(15),
        MessageType = row.GetString(16),
        Bytes = StoredBody.ToBytes(row.GetString(17), row.GetString(15)),
        Failures = row.GetInt32(18),
    };

    /// <summary>The same from a row that is still in memory.</summary>
    public static StoredMessage Of(OutboxMessage message) => new()
    {
        SequenceNumber = message.SequenceNumber,
        OutboxId = message.OutboxId,
        MessageId = message.MessageId,
        ConversationId = message.ConversationId,
        CorrelationId = message.CorrelationId,
        InitiatorId = message.InitiatorId,
        RequestId = message.RequestId,
        SourceAddress = Uri(message.SourceAddress),
        DestinationAddress = message.InMemory!.Destination,
        ResponseAddress = Uri(message.ResponseAddress),
        FaultAddress = Uri(message.FaultAddress),
        SentTime = message.SentTime,
        ExpirationTime = message.ExpirationTime,
        // Whoever sends it, a header arrives as the same: what is no text becomes what JSON makes of it.
        HeaderValues = message.InMemory.Headers.Values.All(value => value is string) ? message.InMemory.Headers : Dictionary(message.Headers) ?? None,
        Properties = message.InMemory.Properties,
        ContentType = message.ContentType,
        MessageType = message.MessageType,
        Bytes = message.InMemory.Body,
    };

    /// <summary>Makes what is sent the message that was published.</summary>
    public void CopyTo(SendContext context, DateTimeOffset now)
    {
        context.MessageId = MessageId;
        context.RequestId = RequestId;
        context.ConversationId = ConversationId;
        context.CorrelationId = CorrelationId;
        context.InitiatorId = InitiatorId;
        context.SourceAddress = SourceAddress;
        context.ResponseAddress = ResponseAddress;
        context.FaultAddress = FaultAddress;
        context.SupportedMessageTypes = MessageType.Split(';');
        if (ExpirationTime is { } expiration)
            context.TimeToLive = expiration - now.UtcDateTime;
        foreach (var (key, value) in HeaderValues)
            context.Headers.Set(key, value, overwrite: true);
        if (Properties.Count > 0 && context is TransportSendContext transport)
            transport.ReadPropertiesFrom(Properties);
        context.Serializer = new StoredBody(Bytes, ContentType);
    }

    private static Uri? Uri(string? address) => address is null ? null : new Uri(address);

    private static Guid? GuidOrNull(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetGuid(column);

    private static Uri? UriAt(NpgsqlDataReader row, int column) => Uri(StringOrNull(row, column));

    private static string? StringOrNull(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static Dictionary<string, object>? Dictionary(string? json) =>
        json is null ? null : SystemTextJsonMessageSerializer.Instance.DeserializeDictionary<object>(json);
}
