using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Orafo.Postgres;

namespace Orafo.ServiceDefaults;

/// <summary>Unhealthy until the database has every migration that the service knows. Once it has, nobody asks again: a database that is older than its services is not made.</summary>
internal sealed class SchemaHealth<TDbContext>(IServiceScopeFactory scopes, TimeProvider time, ILogger<SchemaHealth<TDbContext>> logger) : IHealthCheck
    where TDbContext : DbContext
{
    private readonly OncePerMinute _warnings = new(time);
    private volatile bool _isComplete;

    /// <summary>Looks from time to time, until it is complete or nobody waits any longer.</summary>
    /// <exception cref="OperationCanceledException">Nobody does.</exception>
    public async Task WaitUntilItIsThere(CancellationToken cancellationToken)
    {
        var backoff = new Backoff(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5), time);
        while ((await CheckHealthAsync(new HealthCheckContext(), cancellationToken)).Status != HealthStatus.Healthy)
        {
            await backoff.Wait(cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (_isComplete)
            return HealthCheckResult.Healthy();
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var missing = (await scope.ServiceProvider.GetRequiredService<TDbContext>().Database.GetPendingMigrationsAsync(cancellationToken)).FirstOrDefault();
            if (missing is null)
            {
                _isComplete = true;
                return HealthCheckResult.Healthy();
            }

            if (_warnings.IsDue())
                ServiceLog.NotMigrated(logger, missing, typeof(TDbContext).Assembly.GetName().Name!);
            return HealthCheckResult.Unhealthy($"The database lacks the migration {missing}.");
        }
        // That it is away, another check says.
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return HealthCheckResult.Unhealthy("Nobody knows whether the database is migrated.", e);
        }
    }
}
