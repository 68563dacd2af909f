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

    public required long SequenceNumber { get; init; }
    public required Guid OutboxId { get; init; }
    public required Guid MessageId { get; init; }
    public required string ContentType { get; init; }
    public required string MessageType { get; init; }
    public required string Body { get; init; }
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
    public required Headers Headers { get; init; }
    public required IReadOnlyDictionary<string, object> Properties { get; init; }
    public HostInfo Host => HostMetadataCache.Host;
    Guid? MessageContext.MessageId => MessageId;

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
        Headers = Dictionary(StringOrNull(row, 13)) is { } headers ? new DictionarySendHeaders(headers!) : EmptyHeaders.Instance,
        Properties = Dictionary(StringOrNull(row, 14)) ?? None,
        ContentType = row.GetString(15),
        MessageType = row.GetString(16),
        Body = row.GetString(17),
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
        DestinationAddress = new Uri(message.DestinationAddress),
        ResponseAddress = Uri(message.ResponseAddress),
        FaultAddress = Uri(message.FaultAddress),
        SentTime = message.SentTime,
        ExpirationTime = message.ExpirationTime,
        Headers = Dictionary(message.Headers) is { } headers ? new DictionarySendHeaders(headers!) : EmptyHeaders.Instance,
        Properties = Dictionary(message.Properties) ?? None,
        ContentType = message.ContentType,
        MessageType = message.MessageType,
        Body = message.Body,
    };

    private static Uri? Uri(string? address) => address is null ? null : new Uri(address);

    private static Guid? GuidOrNull(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetGuid(column);

    private static Uri? UriAt(NpgsqlDataReader row, int column) => Uri(StringOrNull(row, column));

    private static string? StringOrNull(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static Dictionary<string, object>? Dictionary(string? json) =>
        json is null ? null : SystemTextJsonMessageSerializer.Instance.DeserializeDictionary<object>(json);
}
