using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Intake;

/// <summary>Lets requests wait until an order needs nothing more: completed, rejected, or suspended until somebody decides.</summary>
/// <remarks>
/// The saga says so after its commit, in the same process. What another instance commits is found by one query a second for all that wait. Nobody
/// waits, nobody asks.
/// </remarks>
public sealed class OrderWatch : BackgroundService
{
    private const int MostWaiting = 1000;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly string[] Settled =
        [nameof(OrderStateMachine.Completed), nameof(OrderStateMachine.Rejected), nameof(OrderStateMachine.Suspended)];

    private readonly ConcurrentDictionary<TaskCompletionSource, Guid> _waiting = [];
    private readonly IServiceScopeFactory _scopes;
    private readonly TimeProvider _time;
    private readonly ILogger<OrderWatch> _logger;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly CancellationToken _stopping;
    private int _isWoken;

    public OrderWatch(IServiceScopeFactory scopes, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<OrderWatch> logger) =>
        (_scopes, _stopping, _time, _logger) = (scopes, lifetime.ApplicationStopping, time, logger);

    /// <summary>Whether an order in this state needs nothing more.</summary>
    public static bool IsSettled(string state) => Settled.Contains(state, StringComparer.Ordinal);

    /// <summary>The order needs nothing more, and that is committed.</summary>
    public void Settle(Guid settled)
    {
        foreach (var (waiter, order) in _waiting)
        {
            if (order == settled)
                waiter.TrySetResult();
        }
    }

    /// <summary>From here on it is noticed when the order is settled: look at it after this, and wait then.</summary>
    /// <returns>To be disposed of; null if too many wait already.</returns>
    public OrderWaiter? TryWatch(Guid order)
    {
        if (_waiting.Count >= MostWaiting)
            return null;
        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[settled] = order;
        // Somebody has to ask what other instances commit.
        Wake();
        return new OrderWaiter(settled.Task, () => _waiting.TryRemove(settled, out _), _stopping);
    }

    public override void Dispose()
    {
        base.Dispose();
        _wake.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await ((Task)_wake.WaitAsync(_waiting.IsEmpty ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, stoppingToken))
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // Lowered before it looks: who begins to wait from here on raises it again.
            Volatile.Write(ref _isWoken, 0);
            await Task.Delay(Interval, _time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await Look(stoppingToken);
            }
            // They wait on, or until their time is up.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                _logger.LogDebug(e, "Nobody can be told now that an order is settled");
            }
        }
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _isWoken, 1) == 0)
            _wake.Release();
    }

    private async Task Look(CancellationToken cancellationToken)
    {
        var waiting = _waiting.ToArray();
        if (waiting.Length == 0)
            return;
        await using var scope = _scopes.CreateAsyncScope();
        var orders = waiting.Select(waiter => waiter.Value).Distinct().ToArray();
        var settled = await scope.ServiceProvider.GetRequiredService<OrderingDb>().Sagas
            .Where(saga => orders.Contains(saga.CorrelationId) && Settled.Contains(saga.CurrentState))
            .Select(saga => saga.CorrelationId)
            .ToHashSetAsync(cancellationToken);
        foreach (var (waiter, order) in waiting)
        {
            if (settled.Contains(order))
                waiter.TrySetResult();
        }
    }
}

/// <summary>Waits for the end of one order.</summary>
public sealed class OrderWaiter(Task settled, Action leave, CancellationToken stopping) : IDisposable
{
    /// <summary>Returns when the order is settled, or after <paramref name="limit"/>; at once if the process stops or the client hangs up.</summary>
    public async Task Wait(TimeSpan limit, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping);
        await settled.WaitAsync(limit, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => leave();
}
