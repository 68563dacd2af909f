using System.Collections.Concurrent;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Ordering.Monitoring;
using Orafo.Ordering.Saga;
using Orafo.Postgres;

namespace Orafo.Ordering.Intake;

/// <summary>Lets requests wait until an order needs nothing more (<see cref="OrderStates.Settled"/>), or until it has come a step further.</summary>
/// <remarks>
/// The saga says so after its commit, in the same process. What another instance commits is found by one query a second for all that wait. Nobody
/// waits, nobody asks.
/// </remarks>
public sealed class OrderWatch : BackgroundService
{
    private const int MostWaiting = 1000;

    /// <summary>So that one client leaves room for others.</summary>
    internal const int MostOfAClient = 400;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<OrderWaiter, Guid> _waiting = [];
    private readonly IServiceScopeFactory _scopes;
    private readonly TimeProvider _time;
    private readonly ILogger<OrderWatch> _logger;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly CancellationToken _stopping;
    private int _isWoken;

    public OrderWatch(IServiceScopeFactory scopes, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<OrderWatch> logger) =>
        (_scopes, _stopping, _time, _logger) = (scopes, lifetime.ApplicationStopping, time, logger);

    /// <summary>How many wait.</summary>
    internal int Waiting => _waiting.Count;

    /// <summary>The order needs nothing more, and that is committed.</summary>
    public void Settle(Guid settled) => Tell(settled, isSettled: true);

    /// <summary>The order has come to another state, and that is committed.</summary>
    public void Move(Guid moved) => Tell(moved, isSettled: false);

    /// <summary>From here on it is noticed when the order is settled: look at it after this, and wait then.</summary>
    /// <returns>To be disposed of; null if too many wait already, of this client or of all.</returns>
    public OrderWaiter? TryWatch(Guid order, string client) => TryAdd(order, client, transitions: null);

    /// <summary>From here on each step of the order is noticed that comes after those that the caller has <see cref="OrderWaiter.Seen"/>.</summary>
    /// <returns>To be disposed of; null if too many wait already, of this client or of all.</returns>
    public OrderWaiter? TryFollow(Guid order, string client) => TryAdd(order, client, transitions: int.MaxValue);

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
                OrderingLog.NobodyTold(_logger, e);
            }
        }
    }

    private OrderWaiter? TryAdd(Guid order, string client, int? transitions)
    {
        if (_waiting.Count >= MostWaiting || _waiting.Count(waiting => waiting.Key.Client == client) >= MostOfAClient)
            return null;
        var waiter = new OrderWaiter(client, transitions, leaver => _waiting.TryRemove(leaver, out _), _stopping);
        _waiting[waiter] = order;
        // Somebody has to ask what other instances commit.
        Wake();
        return waiter;
    }

    private void Tell(Guid about, bool isSettled)
    {
        foreach (var (waiter, order) in _waiting)
        {
            if (order == about && (isSettled || waiter.Seen is not null))
                waiter.Tell();
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
        var sagas = scope.ServiceProvider.GetRequiredService<OrderingDb>().Sagas.Where(saga => orders.Contains(saga.CorrelationId));
        // Who only waits for the end need not have the timelines read.
        if (!Array.Exists(waiting, waiter => waiter.Key.Seen is not null))
            sagas = sagas.Where(saga => OrderStates.Settled.Contains(saga.CurrentState));
        var found = await sagas
            .Select(saga => new { saga.CorrelationId, saga.CurrentState, saga.Timeline })
            .ToDictionaryAsync(saga => saga.CorrelationId, cancellationToken);
        foreach (var (waiter, order) in waiting)
        {
            if (found.TryGetValue(order, out var saga)
                && (waiter.Seen is { } seen ? OrderStatus.TransitionsOf(saga.Timeline) > seen : OrderStates.IsSettled(saga.CurrentState)))
                waiter.Tell();
        }
    }
}

/// <summary>Waits for news of one order.</summary>
public sealed class OrderWaiter : IDisposable
{
    private readonly WakeFlag _news = new();
    private readonly Action<OrderWaiter> _leave;
    private readonly CancellationToken _stopping;
    private readonly bool _isFollowing;
    private volatile int _seen;

    internal OrderWaiter(string client, int? seen, Action<OrderWaiter> leave, CancellationToken stopping) =>
        (Client, _isFollowing, _seen, _leave, _stopping) = (client, seen is not null, seen ?? 0, leave, stopping);

    /// <summary>Whose request it is.</summary>
    internal string Client { get; }

    /// <summary>How many transitions the one who follows an order has seen; null of one who waits for its end.</summary>
    public int? Seen
    {
        get => _isFollowing ? _seen : null;
        set => _seen = value ?? 0;
    }

    /// <summary>Returns true when there is news, false after <paramref name="limit"/>, or at once if the process stops or the client hangs up.</summary>
    public async Task<bool> Wait(TimeSpan limit, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping);
        try
        {
            return await _news.Wait(limit, end.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public void Dispose() => _leave(this);

    internal void Tell() => _news.Raise();
}

/// <summary>Tells those who follow an order that it has come to another state.</summary>
public sealed class OrderWatchObserver(OrderWatch watch) : IStateObserver<OrderSaga>
{
    public Task StateChanged(BehaviorContext<OrderSaga> context, State currentState, State previousState)
    {
        var id = context.Saga.CorrelationId;
        context.AfterCommit(() => watch.Move(id));
        return Task.CompletedTask;
    }
}
