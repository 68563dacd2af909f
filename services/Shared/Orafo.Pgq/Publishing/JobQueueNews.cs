using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orafo.Postgres;

namespace Orafo.Pgq;

/// <summary>Tells the workers of other processes that there are new jobs, and hears it from them.</summary>
internal sealed class JobQueueNews<TPayload>(JobQueue<TPayload> queue, TimeProvider time, ILogger<JobQueueNews<TPayload>> logger) : BackgroundService
{
    private readonly OncePerMinute _warnings = new(time);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var news = new TableNews(queue.Name, queue.News, cancellation => queue.Database.OpenConnectionAsync(cancellation).AsTask(), Warn, time);
        var telling = news.Tell(stoppingToken);
        // Who does no jobs need not know.
        if (queue.Workers is { } look)
            await news.Hear(look, stoppingToken);
        await telling;
    }

    private void Warn(Exception e)
    {
        if (_warnings.IsDue())
            PgqLog.Away(logger, e, queue.Name, "new jobs are not told of to other processes, or not heard of from them, only looked for");
    }
}
