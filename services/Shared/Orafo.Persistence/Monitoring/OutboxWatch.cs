using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Looks into the outbox now and then, for the gauges and for the health check: degraded while its oldest message is too old.</summary>
/// <remarks>It says nothing while the database is away: that has a check of its own.</remarks>
internal sealed class OutboxWatch<TDbContext>(
    IServiceScopeFactory scopes, OutboxInstruments<TDbContext> instruments, EntityFrameworkOutboxOptions<TDbContext> options, TimeProvider time)
    : BackgroundService, IHealthCheck
    where TDbContext : DbContext
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(instruments.LastReading is { } reading && reading.Lag > options.LagLimit
            ? HealthCheckResult.Degraded($"{reading.Waiting} messages wait, the oldest for {reading.Lag.TotalSeconds:0} s; {reading.Parked} transactions are parked.")
            : HealthCheckResult.Healthy());

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                instruments.LastReading = await Read(stoppingToken);
            }
            // The database is away, or the process stops: nothing is known.
            catch (Exception)
            {
                instruments.LastReading = null;
            }
        }
        while (await Next(timer, stoppingToken));
    }

    private static async Task<bool> Next(PeriodicTimer timer, CancellationToken stoppingToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<OutboxReading> Read(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        await using var opened = await OpenedConnection.Open(scope.ServiceProvider.GetRequiredService<TDbContext>(), cancellationToken);
        await using var look = new NpgsqlCommand(OutboxStatements.Watch, opened.Connection);
        await using var row = await look.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new(row.GetInt64(0), TimeSpan.FromSeconds(row.GetDouble(1)), row.GetInt64(2), row.GetInt64(3));
    }
}
