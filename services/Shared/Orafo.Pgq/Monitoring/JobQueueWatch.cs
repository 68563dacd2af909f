using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orafo.Postgres;

namespace Orafo.Pgq;

/// <summary>Counts the jobs in the table now and then, and keeps its history: partitions for the coming days, none that are too old.</summary>
internal sealed class JobQueueWatch<TPayload>(JobQueue<TPayload> queue, TimeSpan keepHistory, TimeProvider time, ILogger<JobQueueWatch<TPayload>> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan BetweenKeeping = TimeSpan.FromHours(1);

    private readonly OncePerMinute _warnings = new(time);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? keptAt = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (keptAt is not { } last || time.GetElapsedTime(last) >= BetweenKeeping)
                {
                    await Keep(stoppingToken);
                    keptAt = time.GetTimestamp();
                }

                queue.Instruments.Read(queue.Name, await Read(stoppingToken));
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                queue.Instruments.Forget(queue.Name);
                if (_warnings.IsDue())
                    PgqLog.Away(logger, e, queue.Name, "its jobs cannot be counted, or its history not be kept, now");
            }

            await Task.Delay(Backoff.Jittered(Interval), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Keep(CancellationToken cancellationToken)
    {
        await using var keep = queue.Database.CreateCommand(queue.Statements.KeepHistory);
        keep.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = keepHistory });
        await keep.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<QueueReading> Read(CancellationToken cancellationToken)
    {
        await using var watch = queue.Database.CreateCommand(queue.Statements.Watch);
        await using var reader = await watch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetDouble(5));
    }
}
