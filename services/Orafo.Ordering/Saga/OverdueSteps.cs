using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Contracts;
using Orafo.Ordering.Monitoring;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Saga;

/// <summary>Finds the orders whose step has not answered in its time, and tells the saga.</summary>
/// <remarks>
/// It looks at the orders that are under way, a page at a time, the oldest first: nothing is scheduled for an order that gets on, and a backlog is looked
/// through more slowly instead of harder. Each lapse is told in the transaction that notes it, once, whichever instance finds it; and again when the saga has
/// not moved for long: what it is told may have been put aside (<c>order-saga_error</c>).
/// </remarks>
public sealed class OverdueSteps(
    IServiceScopeFactory scopes, IOptions<StepOptions> options, TimeProvider time, ILogger<OverdueSteps> logger) : BackgroundService
{
    private const int Page = 5000;
    private const int MostAtOnce = 500;
    private Guid _lookedUpTo;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.LookEvery, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
                await Look(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // The next time, then.
            catch (Exception e)
            {
                OrderingLog.OverdueUnknown(logger, ReliableDelivery.IsInfrastructure(e) ? LogLevel.Debug : LogLevel.Error, e);
            }
        }
    }

    private async Task Look(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<OrderingDb>();
        var now = time.GetUtcNow();
        // Ids are time-ordered: what came after this cannot be overdue.
        var end = Guid.CreateVersion7(now - options.Value.Shortest);
        var orders = await db.Database.SqlQueryRaw<StepUnderWay>(SagaStatements.UnderWay, _lookedUpTo, end, Page).ToListAsync(cancellationToken);
        _lookedUpTo = orders.Count < Page ? Guid.Empty : orders[^1].Id;

        var overdue = orders.FindAll(order => now - (order.OverdueToldAt ?? order.Since)
            > (order.OverdueToldAt is null ? options.Value.Limit(order.State, order.WaitsForPaper, order.Attempts) : options.Value.TellAgainAfter));
        foreach (var some in overdue.Chunk(MostAtOnce))
            await Tell(some, cancellationToken);
    }

    private async Task Tell(StepUnderWay[] overdue, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<OrderingDb>();
        var publish = scope.ServiceProvider.GetRequiredService<IPublishEndpoint>();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var found = await db.Database.SqlQueryRaw<Guid>(
            SagaStatements.TellOverdue,
            overdue.Select(order => order.Id).ToArray(), overdue.Select(order => order.Since).ToArray(), overdue.Select(order => order.OverdueToldAt).ToArray(),
            time.GetStorableNow(), StepOptions.Steps).ToListAsync(cancellationToken);
        foreach (var order in overdue.IntersectBy(found, order => order.Id))
            await publish.Publish(new OrderStepOverdue { OrderId = order.Id, Step = order.State, Attempt = order.Attempts }, cancellationToken);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        foreach (var orders in overdue.IntersectBy(found, order => order.Id).GroupBy(order => order.State, StringComparer.Ordinal))
            OrderingLog.Overdue(logger, orders.Count(), orders.Key, orders.Min(order => order.Since));
    }
}

/// <summary>An order that waits for the answer of a step.</summary>
public sealed record StepUnderWay(Guid Id, string State, DateTimeOffset Since, int Attempts, bool WaitsForPaper, DateTimeOffset? OverdueToldAt);
