namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>How often a consumer was begun with a message that came again, and did not live to see its end.</summary>
/// <remarks>
/// The row commits before the consumer runs and is deleted by the transaction that succeeds, so only a message that comes again has one,
/// and who has one for long is likely to kill its process. Written and deleted by SQL only; the type exists for the model and its migrations.
/// </remarks>
public class InboxAttempt
{
    public Guid MessageId { get; set; }

    /// <summary>As in <see cref="InboxState"/>.</summary>
    public Guid ConsumerId { get; set; }

    public int Attempts { get; set; }

    /// <summary>UTC, by the database's clock: when it was last begun.</summary>
    public DateTime Begun { get; set; }
}
