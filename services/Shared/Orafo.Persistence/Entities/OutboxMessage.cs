namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>A message that was published or sent in a transaction and that the broker has not confirmed yet.</summary>
/// <remarks>The broker's confirm deletes the row. What is left in the table is what has not left the house.</remarks>
public class OutboxMessage
{
    /// <summary>Rises within a transaction: the order in which its messages leave.</summary>
    public long SequenceNumber { get; set; }

    /// <summary>The transaction that wrote the message.</summary>
    public Guid OutboxId { get; set; }

    /// <summary>Set on the first message still here of its transaction. Who locks it owns the whole transaction.</summary>
    public bool IsFirst { get; set; }

    /// <summary>UTC, by the database's clock: no relay takes it before. Until then it is scheduled, put off, or being sent by its writer.</summary>
    public DateTime Due { get; set; }

    /// <summary>Whether somebody asked for it to be sent at <see cref="Due"/>.</summary>
    internal bool IsScheduled { get; init; }

    /// <summary>How often the broker refused it, returned it, or did not answer. Outages do not count.</summary>
    public int Attempts { get; set; }

    /// <summary>How often sending it failed although others got through (it closes the channel, cannot be written, …). After three times it is parked.</summary>
    public int Failures { get; set; }

    /// <summary>Why it is still here.</summary>
    public string? LastError { get; set; }

    public Guid MessageId { get; set; }
    public Guid? ConversationId { get; set; }
    public Guid? CorrelationId { get; set; }
    public Guid? InitiatorId { get; set; }
    public Guid? RequestId { get; set; }
    public string? SourceAddress { get; set; }
    public required string DestinationAddress { get; set; }
    public string? ResponseAddress { get; set; }
    public string? FaultAddress { get; set; }

    /// <summary>UTC.</summary>
    public DateTime SentTime { get; set; }

    /// <summary>UTC. After it nobody wants the message.</summary>
    public DateTime? ExpirationTime { get; set; }

    /// <summary>Message headers as JSON; the trace context is among them.</summary>
    public string? Headers { get; set; }

    /// <summary>What only the transport understands (routing key …), as JSON.</summary>
    public string? Properties { get; set; }

    public required string ContentType { get; set; }

    /// <summary>The message's type and its supertypes as URNs, separated by semicolons.</summary>
    public required string MessageType { get; set; }

    /// <summary>As it goes to the broker: text as it is, anything else in Base64.</summary>
    public required string Body { get; set; }

    /// <summary>The same while it is still in memory, so that nothing need be read again from text.</summary>
    internal MessageInMemory? InMemory { get; init; }
}

/// <summary>What a message's text columns were made of.</summary>
internal sealed record MessageInMemory(byte[] Body, Dictionary<string, object> Headers, IReadOnlyDictionary<string, object> Properties, Uri Destination);
