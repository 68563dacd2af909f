using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Orafo.Postgres;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Says that something is away: once a minute for each cause, however many run into it.</summary>
internal sealed class OutageLog<TDbContext>(TimeProvider time, ILogger<OutageLog<TDbContext>> logger) where TDbContext : DbContext
{
    private readonly ConcurrentDictionary<string, OncePerMinute> _causes = [];

    /// <param name="e">What was run into.</param>
    /// <param name="consequence">What it means, as part of a sentence.</param>
    public void Say(Exception e, string consequence)
    {
        var cause = CauseOf(e);
        if (_causes.GetOrAdd(cause, _ => new OncePerMinute(time)).IsDue())
            PersistenceLog.Away(logger, e, typeof(TDbContext).Name, cause, consequence);
    }

    private static string CauseOf(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is DbException)
                return "database";
            if (e is ConnectionException)
                return "broker";
        }

        return exception.GetType().Name;
    }
}
