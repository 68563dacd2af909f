using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Saga;
using Orafo.Testing;

namespace Orafo.Ordering.Tests;

public sealed class An_overdue_step
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    [Test]
    public async Task Is_asked_for_again_then_suspends_the_order_and_goes_on_when_it_is_resumed()
    {
        await using var service = await OrderingService.Start(Steps());
        var order = Order();
        await service.Store(order);

        var suspended = await service.Sees(db => Saga(db, order.Id), saga => saga.CurrentState == "Suspended");
        Assert.That((suspended.SuspendedIn, suspended.StepAttempts, suspended.IsWatched), Is.EqualTo(("GettingDetails", 2, false)));
        // The first time, whoever stored the order asked.
        Assert.That(await service.Hears<GetOrderDetails>(), Has.Count.EqualTo(1));

        await service.Deliver(new ResumeOrder { OrderId = order.Id });
        Assert.That((await service.Hears<GetOrderDetails>(2))[1].Lines, Is.EqualTo(order.Lines));
    }

    /// <remarks>A page and more of them; each lapse is told once, whoever finds it.</remarks>
    [Test]
    public async Task Is_told_once_by_whichever_instance_finds_it()
    {
        const int Many = 1200;
        await using var service = await OrderingService.Start(Steps());
        await using var other = await OrderingService.Start(service.Database, Steps());
        var orders = Enumerable.Range(0, Many).Select(_ => Order()).ToList();
        await service.Store(orders);

        await service.Sees(db => db.Sagas.CountAsync(saga => saga.CurrentState == "Suspended"), count => count == Many);
        var sagas = await service.Look(db => db.Sagas.AsNoTracking().ToListAsync());
        Assert.That(sagas.Select(saga => string.Join(' ', saga.Timeline.Select(step => step.State))), Is.All.EqualTo("GettingDetails GettingDetails Suspended"));
        await service.Sees(db => db.Set<MassTransit.EntityFrameworkCoreIntegration.OutboxMessage>().CountAsync(), left => left == 0);
    }

    /// <remarks>Who finds it is asked by nobody, so what comes of it is another trace.</remarks>
    [Test]
    public async Task Is_linked_with_the_request_that_placed_the_order()
    {
        ConcurrentQueue<Activity> spans = [];
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "MassTransit",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using var service = await OrderingService.Start(Steps());
        var order = Order();
        ActivityContext placed;
        using (var request = new Activity("request").Start())
        {
            placed = request.Context;
            await service.Store(order);
        }

        await Eventually.Holds(
            () => spans.Any(span => span.TraceId != placed.TraceId && span.Links.Any(link => (link.Context.TraceId, link.Context.SpanId) == (placed.TraceId, placed.SpanId))), "it is linked");
    }

    [Test]
    public async Task Is_not_found_in_an_order_that_gets_on_is_suspended_or_over()
    {
        await using var service = await OrderingService.Start(Steps(TimeSpan.FromHours(1)));
        var (slow, late) = (Order(), Order());
        await service.Store(slow, late);
        // Of the one that is over, an older version left the mark.
        await service.Look(db => db.Database.ExecuteSqlRawAsync(
            "update order_saga set correlation_id = {1}, step_since = now() - interval '2 hours', current_state = 'Completed' where correlation_id = {0}",
            late.Id, Guid.CreateVersion7(DateTimeOffset.UtcNow.AddHours(-2))));

        await service.Sees(db => db.Sagas.CountAsync(saga => saga.CurrentState == "Completed" && !saga.IsWatched), count => count == 1);
        Assert.That((await service.Look(db => Saga(db, slow.Id))).Timeline, Has.Count.EqualTo(1));
    }

    /// <remarks>What the saga was told is lost, as a message in an error queue is.</remarks>
    [Test]
    public async Task Is_told_again_if_the_saga_does_nothing_about_it()
    {
        var steps = Steps();
        await using var service = await OrderingService.Start(steps);
        var (told, toldJustNow) = (Order(), Order());
        await service.Look(async db =>
        {
            db.AddRange(Begun(told, DateTimeOffset.UtcNow.AddHours(-2)), Begun(toldJustNow, DateTimeOffset.UtcNow));
            return await db.SaveChangesAsync();
        });

        await service.Sees(db => Saga(db, told.Id), saga => saga.CurrentState == "Suspended");
        Assert.That((await service.Look(db => Saga(db, toldJustNow.Id))).StepAttempts, Is.EqualTo(1));

        static OrderSaga Begun(Order order, DateTimeOffset toldAt)
        {
            var saga = OrderSaga.Begin(order);
            (saga.StepSince, saga.OverdueToldAt) = (DateTimeOffset.UtcNow.AddHours(-3), toldAt);
            return saga;
        }
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void Has_a_time_that_is_longer_than_nothing(int minutes) =>
        Assert.That(new StepOptions { HandingOver = TimeSpan.FromMinutes(minutes) }.AreSound, Is.False);

    private static StepOptions Steps(TimeSpan? limit = null) =>
        new() { GettingDetails = limit ?? Short, MostAttempts = 2, LookEvery = TimeSpan.FromMilliseconds(50), Invoicing = TimeSpan.FromHours(1) };

    private static Order Order() => new()
    {
        Id = Guid.CreateVersion7(),
        Client = "shop",
        CustomerNumber = "C-1001",
        Lines = [new() { Sku = "MUG-01", Quantity = 1 }],
        SubmittedAt = DateTimeOffset.UtcNow,
    };

    private static Task<OrderSaga> Saga(OrderingDb db, Guid id) => db.Sagas.AsNoTracking().SingleAsync(saga => saga.CorrelationId == id);
}
