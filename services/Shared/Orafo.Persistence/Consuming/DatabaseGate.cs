using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orafo.Postgres;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>While the database is away, one asks for it and all deliveries wait: unacknowledged, without an attempt, without a word.</summary>
/// <remarks>Otherwise each would ask again and again, and MassTransit would log each time.</remarks>
internal sealed class DatabaseGate<TDbContext>(IServiceScopeFactory scopes, OutageLog<TDbContext> log, TimeProvider time) : IDisposable
    where TDbContext : DbContext
{
    private const string Consequence = "deliveries wait for it";
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stopping = new();
    private Task _open = Task.CompletedTask;

    /// <summary>Whether the server was not there, did not answer, or had no room for a connection: told by type and SQLSTATE. A lost conflict is none.</summary>
    public static bool IsOutage(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is PostgresException postgres)
            {
                return postgres.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow
                    or PostgresErrorCodes.TooManyConnections;
            }

            // Not one that misuses its connection.
            if (e is NpgsqlException npgsql)
                return npgsql.IsTransient;
        }

        return false;
    }

    /// <summary>Returns at once unless the database is known to be away.</summary>
    public Task Pass(CancellationToken cancellationToken)
    {
        var open = Volatile.Read(ref _open);
        return open.IsCompleted ? Task.CompletedTask : open.WaitAsync(cancellationToken);
    }

    /// <summary>Somebody ran into an outage: the gate is closed until the database answers.</summary>
    public void Close(Exception outage)
    {
        log.Say(outage, Consequence);
        lock (_lock)
        {
            if (_open.IsCompleted)
                _open = Task.Run(Answers);
        }
    }

    public void Dispose()
    {
        _stopping.Cancel();
        _stopping.Dispose();
    }

    private async Task Answers()
    {
        // It is no part of the delivery that noticed first.
        Activity.Current = null;
        var backoff = new Backoff(ShortestPause, LongestPause, time);
        var stopping = _stopping.Token;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                await using var opened = await OpenedConnection.Open(scope.ServiceProvider.GetRequiredService<TDbContext>(), stopping);
                await using var ask = new NpgsqlCommand("select", opened.Connection);
                await ask.ExecuteNonQueryAsync(stopping);
                return;
            }
            // Whatever it is, there is no answer yet.
            catch (Exception e)
            {
                if (stopping.IsCancellationRequested)
                    return;
                log.Say(e, Consequence);
                await backoff.Wait(stopping);
            }
        }
    }
}
