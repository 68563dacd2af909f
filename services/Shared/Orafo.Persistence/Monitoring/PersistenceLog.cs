using Microsoft.Extensions.Logging;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>What is said besides the handling of a message, where it is MassTransit's <see cref="LogContext"/> that says it.</summary>
internal static partial class PersistenceLog
{
    [LoggerMessage(LogLevel.Warning, "{DbContext}, {Cause}: {Consequence}")]
    public static partial void Away(ILogger logger, Exception e, string dbContext, string cause, string consequence);

    [LoggerMessage(LogLevel.Warning, "A message in the outbox of {DbContext} cannot be sent: {OutboxId}, {MessageType}")]
    public static partial void CannotBeSent(ILogger logger, Exception? e, string dbContext, Guid outboxId, string messageType);

    [LoggerMessage(LogLevel.Warning, "The lock statements of {Provider} are not used for {Subject}: rows are locked by SQL of Orafo.Persistence")]
    public static partial void LocksNotUsed(ILogger logger, string provider, string subject);

    [LoggerMessage(LogLevel.Debug, "Forgot {Count} inbox rows")]
    public static partial void Forgot(ILogger logger, int count);
}
