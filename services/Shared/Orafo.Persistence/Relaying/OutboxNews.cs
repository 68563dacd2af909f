using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Orafo.Postgres;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Tells the relays of other processes that a transaction left messages to them, and hears it from others.</summary>
internal sealed class OutboxNews<TDbContext>(
    OutboxSignal<TDbContext> signal, IServiceScopeFactory scopes, OutageLog<TDbContext> log, EntityFrameworkOutboxOptions<TDbContext> options, TimeProvider time)
    : BackgroundService
    where TDbContext : DbContext
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var news = new TableNews(
            "outbox_message", signal.News, Open, e => log.Say(e, "messages are not told of to other processes, or not heard of from them, only looked for"), time);
        var telling = news.Tell(stoppingToken);
        // Who sends nothing need not know.
        if (options.Delivers)
            await news.Hear(signal.Wake, stoppingToken);
        await telling;
    }

    private async Task<NpgsqlConnection> Open(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var pooled = (NpgsqlConnection)scope.ServiceProvider.GetRequiredService<TDbContext>().Database.GetDbConnection();
        var connection = (NpgsqlConnection)((ICloneable)pooled).Clone();
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
