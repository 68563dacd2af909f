using MassTransit;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Orafo.ServiceDefaults;

/// <summary>The one retry policy.</summary>
public static class ReliableDelivery
{
    /// <summary>The server ended a session that idled in a transaction: this process was frozen, and others waited for its locks.</summary>
    private const string IdleInTransactionSessionTimeout = "25P03";

    /// <summary>Retry outside, outbox inside: each attempt gets its own transaction.</summary>
    /// <remarks>
    /// A database that is away is nobody's fault: the message waits for it, however long, and no attempt is counted. Whatever else
    /// a consumer throws is tried again a few times within some seconds; then a <see cref="Fault{T}"/> is published and the message
    /// goes to the queue's <c>_error</c> queue.
    /// </remarks>
    public static void UseReliableDelivery<TDbContext>(this IReceiveEndpointConfigurator endpoint, IRegistrationContext context)
        where TDbContext : DbContext
    {
        endpoint.UseExecute(message => OrderSpan.BelongsTo(message.CorrelationId));
        endpoint.UseMessageRetry(retry => retry.SetRetryPolicy(_ => new ReliableRetryPolicy()));
        endpoint.UseEntityFrameworkOutbox<TDbContext>(context);
    }

    /// <summary>Whether the database was away, shutting down, short of something, or chose this transaction to lose a conflict or to end.</summary>
    /// <remarks>Told by exception type and SQLSTATE (PostgreSQL documentation, appendix A), never by text.</remarks>
    public static bool IsInfrastructure(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is PostgresException postgres)
                return postgres.IsTransient || postgres.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or IdleInTransactionSessionTimeout;
            if (e is NpgsqlException)
                return true;
        }

        return false;
    }
}
