using System.Collections.Frozen;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Monitoring;
using Orafo.Ordering.Saga;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Notifying;

/// <summary>Has clients told what becomes of their orders, those that want it: who they are is known from memory, and an order pays no round trip for it.</summary>
/// <remarks>
/// The instance that a client speaks to knows at once, others look every few seconds. Until then they tell a client nothing that is new, and write a job
/// for one that has left, which ends without a call: address and secrets are read when it is done. Nobody decides by what is older than three such looks: an
/// order that is settled then waits for a look, and if the database is away, it waits for that in any case.
/// </remarks>
public sealed class KnownCallbacks(
    JobQueue<TellClient> queue, IServiceScopeFactory scopes, IOptions<CallbackOptions> options, TimeProvider time, ILogger<KnownCallbacks> logger) : BackgroundService
{
    private const int Oldest = 3;
    private readonly SemaphoreSlim _look = new(1);
    private volatile Known? _known;

    /// <summary>Has the order's client told of the state that the order has just come to, in the transaction of the delivery.</summary>
    public async Task Tell(BehaviorContext<OrderSaga> order)
    {
        if (options.Value.Key is null || !await Has(order.Saga.Client, order.CancellationToken))
            return;
        queue.Publish(order.GetPayload<IServiceProvider>().GetRequiredService<OrderingDb>(), TellClient.Of(order.Saga));
        order.AfterCommit(queue.Wake);
    }

    /// <summary>Looks now.</summary>
    public Task Look(CancellationToken cancellationToken) => Look(TimeSpan.Zero, cancellationToken);

    /// <summary>Whether the client wants to be told, as far as is known.</summary>
    internal async ValueTask<bool> Has(string client, CancellationToken cancellationToken)
    {
        var oldest = options.Value.LookEvery * Oldest;
        if (_known is not { } known || time.GetElapsedTime(known.At) > oldest)
            await Look(oldest, cancellationToken);
        return _known!.Clients.Contains(client);
    }

    public override void Dispose()
    {
        base.Dispose();
        _look.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.Key is null)
            return;
        using var timer = new PeriodicTimer(options.Value.LookEvery, time);
        do
        {
            try
            {
                // Whoever has looked since the last time has done it for all.
                await Look(options.Value.LookEvery / 2, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // Whoever needs to know looks again, and the next time is as good.
            catch (Exception e)
            {
                OrderingLog.CallbacksUnknown(logger, ReliableDelivery.IsInfrastructure(e) ? LogLevel.Debug : LogLevel.Error, e);
            }
        }
        while (await Ticks(timer, stoppingToken));
    }

    private static async Task<bool> Ticks(PeriodicTimer timer, CancellationToken stoppingToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>One at a time; whoever waited for another one's look, and can do with its age, has it.</summary>
    private async Task Look(TimeSpan oldest, CancellationToken cancellationToken)
    {
        await _look.WaitAsync(cancellationToken);
        try
        {
            if (_known is { } known && time.GetElapsedTime(known.At) < oldest)
                return;
            var at = time.GetTimestamp();
            await using var scope = scopes.CreateAsyncScope();
            var clients = await scope.ServiceProvider.GetRequiredService<OrderingDb>().Callbacks.Select(callback => callback.Client).ToListAsync(cancellationToken);
            _known = new(clients.ToFrozenSet(StringComparer.Ordinal), at);
        }
        finally
        {
            _look.Release();
        }
    }

    private sealed record Known(FrozenSet<string> Clients, long At);
}
