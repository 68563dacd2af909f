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
        SourceAddress = UriOrNull(row, 7),
        DestinationAddress = new Uri(row.GetString(8)),
        ResponseAddress = UriOrNull(row, 9),
        FaultAddress = UriOrNull(row, 10),
        SentTime = row.GetDateTime(11),
        ExpirationTime = row.IsDBNull(12) ? null : row.GetDateTime(12),
        Headers = Dictionary(row, 13) is { } headers ? new DictionarySendHeaders(headers!) : EmptyHeaders.Instance,
        Properties = Dictionary(row, 14) ?? None,
        ContentType = row.GetString(15),
        MessageType = row.GetString(16),
        Body = row.GetString(17),
    };

    private static Guid? GuidOrNull(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetGuid(column);

    private static Uri? UriOrNull(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : new Uri(row.GetString(column));

    private static Dictionary<string, object>? Dictionary(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : SystemTextJsonMessageSerializer.Instance.DeserializeDictionary<object>(row.GetString(column));
}
