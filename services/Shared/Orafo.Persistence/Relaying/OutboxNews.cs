using System.Data.Common;
using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Tells the relays of other processes that a transaction left messages to them, and hears it from others.</summary>
/// <remarks>
/// NOTIFY takes a lock of the whole server until its transaction ends, so it is sent after the commit, by itself, and seldom. Nothing depends
/// on it: who does not hear it finds the messages within QueryDelay.
/// </remarks>
internal sealed class OutboxNews<TDbContext>(
    OutboxSignal<TDbContext> signal, IServiceScopeFactory scopes, OutageLog<TDbContext> log, EntityFrameworkOutboxOptions<TDbContext> options, TimeProvider time)
    : BackgroundService
    where TDbContext : DbContext
{
    /// <summary>However many transactions commit meanwhile, others are told once.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(10);

    /// <summary>In seconds. A server that vanishes without a word is missed after it.</summary>
    private const int KeepAlive = 30;

    /// <summary>Tells its own news from those of others.</summary>
    private readonly string _self = Guid.NewGuid().ToString("n");

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        // Who sends nothing need not know.
        options.Delivers ? Task.WhenAll(Tell(stoppingToken), Hear(stoppingToken)) : Tell(stoppingToken);

    private async Task Tell(CancellationToken stoppingToken)
    {
        while (await signal.HasNews(stoppingToken))
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<TDbContext>().Database;
                await db.OpenConnectionAsync(stoppingToken);
                await using var tell = new NpgsqlCommand(NewsStatements.Tell, (NpgsqlConnection)db.GetDbConnection()) { Parameters = { new() { Value = _self } } };
                await tell.ExecuteNonQueryAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (DbException e)
            {
                log.Say(e, "other processes are not told of messages");
            }

            await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Hear(CancellationToken stoppingToken)
    {
        var backoff = new Backoff(ShortestRest, LongestRest, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await Connect(stoppingToken);
                connection.Notification += (_, news) =>
                {
                    if (news.Payload != _self)
                        signal.Wake();
                };
                await using (var hear = new NpgsqlCommand(NewsStatements.Hear, connection))
                    await hear.ExecuteNonQueryAsync(stoppingToken);
                backoff.Reset();
                // What was said while nobody listened.
                signal.Wake();
                while (true)
                    await connection.WaitAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // The relay looks by itself meanwhile.
            catch (Exception e)
            {
                log.Say(e, "what other processes store is not heard of, only looked for");
                await backoff.Wait(stoppingToken);
            }
        }
    }

    /// <summary>A connection of its own, of no pool: it listens as long as it is open.</summary>
    private async Task<NpgsqlConnection> Connect(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var pooled = (NpgsqlConnection)scope.ServiceProvider.GetRequiredService<TDbContext>().Database.GetDbConnection();
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
