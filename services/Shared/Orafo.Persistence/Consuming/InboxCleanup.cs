using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orafo.Postgres;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Forgets inbox rows that are older than the duplicate detection window: once a minute, or once a window that is shorter.</summary>
/// <remarks>
/// Not while the broker is away: what waits in its queues may be older than the window when it comes back,
/// and must still be told from its duplicates.
/// </remarks>
internal sealed class InboxCleanup<TDbContext>(
    IBusControl bus, IServiceScopeFactory scopes, EntityFrameworkOutboxOptions<TDbContext> options, OutageLog<TDbContext> log, TimeProvider time,
    ILogger<InboxCleanup<TDbContext>> logger)
    : BackgroundService
    where TDbContext : DbContext
{
    private const int BatchSize = 10_000;
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var interval = options.DuplicateDetectionWindow < LongestInterval ? options.DuplicateDetectionWindow : LongestInterval;
        using var timer = new PeriodicTimer(interval, time);
        var backoff = new Backoff(interval, TimeSpan.FromMinutes(10), time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
                while (bus.CheckHealth().Status == BusHealthStatus.Healthy && await Forget(stoppingToken) == BatchSize)
                    PersistenceLog.Forgot(logger, BatchSize);
                backoff.Reset();
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // Whatever it is, the next clean-up is as good; a service must not end for it.
            catch (Exception e)
            {
                log.Say(e, "the inbox cannot be cleaned up now");
                await backoff.Wait(stoppingToken);
            }
        }
    }

    private async Task<int> Forget(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        await using var opened = await OpenedConnection.Open(scope.ServiceProvider.GetRequiredService<TDbContext>(), cancellationToken);
        await using var forget = new NpgsqlCommand(InboxStatements.Forget, opened.Connection)
        {
            Parameters = { new() { Value = options.DuplicateDetectionWindow }, new() { Value = BatchSize } },
        };
        var forgotten = await forget.ExecuteNonQueryAsync(cancellationToken);
        if (forgotten < BatchSize)
        {
            await using var attempts = new NpgsqlCommand(InboxStatements.ForgetOldAttempts, opened.Connection)
            {
                Parameters = { new() { Value = options.DuplicateDetectionWindow } },
            };
            await attempts.ExecuteNonQueryAsync(cancellationToken);
        }

        return forgotten;
    }
}
