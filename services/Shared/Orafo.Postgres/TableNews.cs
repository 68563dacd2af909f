using Npgsql;

namespace Orafo.Postgres;

/// <summary>Tells other processes that there is something new in a table, after the commit, and hears it from them.</summary>
/// <remarks>
/// NOTIFY takes a lock of the whole server until its transaction ends, so it is sent by itself, and seldom. Nothing depends on it: who does
/// not hear it looks by itself from time to time.
/// </remarks>
/// <param name="table">Found by the search path. The channel is named after it and its oid: one for each schema.</param>
/// <param name="news">Raised by a commit that leaves something there.</param>
/// <param name="open">An open connection, to be disposed of by the caller.</param>
/// <param name="fails">Is told what cannot be told or heard now.</param>
/// <param name="time">The clock of the pauses.</param>
public sealed class TableNews(
    string table, WakeFlag news, Func<CancellationToken, Task<NpgsqlConnection>> open, Action<Exception> fails, TimeProvider time)
{
    /// <summary>However often there is something new meanwhile, others are told once.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(10);

    /// <summary>In seconds. A server that vanishes without a word is missed after it.</summary>
    private const int KeepAlive = 30;

    /// <summary>Tells its own news from those of others.</summary>
    private readonly string _self = Guid.NewGuid().ToString("n");

    /// <summary>Tells, until cancelled.</summary>
    public async Task Tell(CancellationToken stoppingToken)
    {
        while (await IsRaised(stoppingToken))
        {
            try
            {
                await using var connection = await open(stoppingToken);
                await using var tell = new NpgsqlCommand(NewsStatements.Tell, connection) { Parameters = { new() { Value = table }, new() { Value = _self } } };
                await tell.ExecuteNonQueryAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // Others look by themselves meanwhile.
            catch (Exception e)
            {
                fails(e);
            }

            await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Listens, until cancelled, on a connection of its own and of no pool.</summary>
    /// <param name="heard">Another process has something new; or may have, while nobody listened.</param>
    /// <param name="stoppingToken">Ends it.</param>
    public async Task Hear(Action heard, CancellationToken stoppingToken)
    {
        var backoff = new Backoff(ShortestRest, LongestRest, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await OpenListener(stoppingToken);
                connection.Notification += (_, told) =>
                {
                    if (told.Payload != _self)
                        heard();
                };
                await using (var hear = new NpgsqlCommand(NewsStatements.Hear(table), connection))
                    await hear.ExecuteNonQueryAsync(stoppingToken);
                backoff.Reset();
                heard();
                while (true)
                    await connection.WaitAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                fails(e);
                await backoff.Wait(stoppingToken);
            }
        }
    }

    private async Task<bool> IsRaised(CancellationToken cancellationToken)
    {
        try
        {
            return await news.Wait(Timeout.InfiniteTimeSpan, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<NpgsqlConnection> OpenListener(CancellationToken cancellationToken)
    {
        await using var pooled = await open(cancellationToken);
        var settings = new NpgsqlConnectionStringBuilder(pooled.ConnectionString) { Pooling = false, KeepAlive = KeepAlive };
        var connection = pooled.CloneWith(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
