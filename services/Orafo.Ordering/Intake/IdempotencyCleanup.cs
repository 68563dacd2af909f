using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Ordering.Monitoring;
using Orafo.Postgres;

namespace Orafo.Ordering.Intake;

/// <summary>Forgets idempotency keys that were kept for long enough: every ten minutes, or once in that time if it is shorter.</summary>
internal sealed class IdempotencyCleanup(NpgsqlDataSource database, IOptions<IntakeOptions> intake, TimeProvider time, ILogger<IdempotencyCleanup> logger) : BackgroundService
{
    private const int BatchSize = 1000;
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var keep = intake.Value.KeepIdempotencyKeys;
        var interval = keep < LongestInterval ? keep : LongestInterval;
        var backoff = new Backoff(interval, TimeSpan.FromHours(1), time);
        using var timer = new PeriodicTimer(interval, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
                while (await Forget(time.GetUtcNow() - keep, stoppingToken) == BatchSize)
                    OrderingLog.KeysForgotten(logger, BatchSize);
                backoff.Reset();
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // Whatever it is, the next clean-up is as good; the intake must not end for it.
            catch (Exception e)
            {
                OrderingLog.KeysNotForgotten(logger, e.Message);
                await backoff.Wait(stoppingToken);
            }
        }
    }

    private async Task<int> Forget(DateTimeOffset before, CancellationToken cancellationToken)
    {
        await using var forget = database.CreateCommand(IdempotencyStatements.Forget);
        forget.Parameters.Add(new() { Value = before });
        forget.Parameters.Add(new() { Value = BatchSize });
        return await forget.ExecuteNonQueryAsync(cancellationToken);
    }
}
