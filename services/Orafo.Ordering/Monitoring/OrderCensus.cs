using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Saga;
using Orafo.Postgres;

namespace Orafo.Ordering.Monitoring;

/// <summary>Counts the orders that are not over by state, for the gauges: when somebody asks, and every fifteen seconds at most.</summary>
/// <remarks>
/// Whoever asks gets the last count and has the next one made, so it is as old as the time between two questions. Nobody asks, nobody counts. It reads
/// two partial indexes: the one of the orders that are watched, which is there anyway, and one that only a suspended order enters. Every instance
/// counts all orders.
/// </remarks>
public sealed class OrderCensus : BackgroundService
{
    /// <summary>Of those under way, the oldest, and of those suspended.</summary>
    private const int Most = 10_000;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>What is older is not shown: a gap is better than what was true once.</summary>
    private static readonly TimeSpan Validity = TimeSpan.FromMinutes(2);

    private static readonly string[] States = [.. OrderStates.All.Except(OrderStates.Final)];

    private readonly Meter _meter = new(OrderingInstruments.Name);
    private readonly WakeFlag _asked = new();
    private readonly IServiceScopeFactory _scopes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private Count? _last;

    public OrderCensus(IServiceScopeFactory scopes, TimeProvider time, ILogger<OrderCensus> logger)
    {
        (_scopes, _time, _logger) = (scopes, time, logger);
        _meter.CreateObservableGauge(
            "orafo.orders", () => Ask(state => state?.Orders ?? 0), "{order}", "Orders under way or suspended, by state; the oldest 10,000 of each of the two.");
        _meter.CreateObservableGauge(
            "orafo.orders.oldest", () => Ask(state => state is null ? 0 : (_time.GetUtcNow() - state.OldestAt).TotalSeconds), "s", "Since the oldest of them was placed; 0 if there is none.");
    }

    public override void Dispose()
    {
        base.Dispose();
        _meter.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await _asked.Wait(Timeout.InfiniteTimeSpan, stoppingToken);
                await using var scope = _scopes.CreateAsyncScope();
                var states = await scope.ServiceProvider.GetRequiredService<OrderingDb>().Database
                    .SqlQueryRaw<OrdersInState>(SagaStatements.Census, Most).ToListAsync(stoppingToken);
                Volatile.Write(ref _last, new(_time.GetTimestamp(), states));
                await Task.Delay(Interval, _time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // The next time somebody asks, then.
            catch (Exception e)
            {
                OrderingLog.NotCounted(_logger, e);
            }
        }
    }

    private IEnumerable<Measurement<T>> Ask<T>(Func<OrdersInState?, T> value) where T : struct
    {
        _asked.Raise();
        return Volatile.Read(ref _last) is { } last && _time.GetElapsedTime(last.At) < Validity
            ? States.Select(state => new Measurement<T>(
                value(last.States.Find(orders => orders.State == state)), new KeyValuePair<string, object?>("orafo.state", state)))
            : [];
    }

    private sealed record Count(long At, List<OrdersInState> States);
}

/// <summary>So many orders are in a state, and when the first of them was placed.</summary>
public sealed record OrdersInState(string State, long Orders, DateTimeOffset OldestAt);
