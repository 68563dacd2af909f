using Microsoft.Extensions.Logging;

namespace Orafo.Pgq;

/// <summary>What workers say. No payload, no metadata: they may be personal.</summary>
internal static partial class PgqLog
{
    [LoggerMessage(LogLevel.Warning, "Queue {Queue}, job {JobId} is rejected: {Reason}")]
    public static partial void Rejected(ILogger logger, string queue, Guid jobId, string reason);

    [LoggerMessage(LogLevel.Error, "Queue {Queue}, job {JobId} is parked after {Attempts} attempts: {Error}")]
    public static partial void Parked(ILogger logger, string queue, Guid jobId, int attempts, string error);

    [LoggerMessage(LogLevel.Warning, "Queue {Queue}: the leases on {Jobs} jobs ran out, their workers died or hang; {Parked} of them are parked, the others are done again")]
    public static partial void Reaped(ILogger logger, string queue, int jobs, int parked);

    [LoggerMessage(LogLevel.Warning, "Queue {Queue}, job {JobId}: its lease was lost, so how it ended here is not written")]
    public static partial void Lost(ILogger logger, string queue, Guid jobId);

    [LoggerMessage(LogLevel.Error, "Queue {Queue}, job {JobId}: nobody could be told that its payload cannot be read")]
    public static partial void InvalidNotTold(ILogger logger, Exception e, string queue, Guid jobId);

    [LoggerMessage(LogLevel.Warning, "Queue {Queue}: {Consequence}; trying again with pauses (said once a minute)")]
    public static partial void Away(ILogger logger, Exception e, string queue, string consequence);
}
