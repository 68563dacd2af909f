namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The trace a consumed message leaves: it commits with the message's effects, so that a second delivery finds it.</summary>
/// <remarks>Written and deleted by SQL only; the type exists for the model and its migrations.</remarks>
public class InboxState
{
    public Guid MessageId { get; set; }

    /// <summary>A hash of endpoint, consumer and message type: two consumers of one endpoint each handle the message once.</summary>
    public Guid ConsumerId { get; set; }

    /// <summary>UTC, by the database's clock.</summary>
    public DateTime Consumed { get; set; }
}
