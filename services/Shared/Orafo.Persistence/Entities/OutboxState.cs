namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Named by code written for MassTransit.EntityFrameworkCore. There is no such table here: the messages of a transaction keep its id themselves.</summary>
public class OutboxState
{
    public Guid OutboxId { get; set; }
}
