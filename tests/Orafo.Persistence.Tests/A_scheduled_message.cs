using System.Collections.Concurrent;
using System.Diagnostics;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Orafo.Persistence.Tests;

/// <summary>A message that is to leave later is an outbox row with a due time.</summary>
public sealed class A_scheduled_message
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    /// <summary>Not while the test lasts: what is due then is gone only if it was taken back.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromHours(1);

    [Test]
    public async Task Leaves_when_it_is_due_and_not_before()
    {
        await using var service = await LedgerService.Start();
        var started = Stopwatch.GetTimestamp();
        await InScope(service, scheduler => scheduler.SchedulePublish(Soon, new Note("scheduled", 1)));

        Assert.That(await service.Effects("scheduled", 1), Has.Count.EqualTo(1));
        Assert.That(Stopwatch.GetElapsedTime(started), Is.GreaterThan(Soon - TimeSpan.FromMilliseconds(50)));
    }

    [Test]
    public async Task Outlives_the_process_that_scheduled_it()
    {
        await using var service = await LedgerService.Start();
        await InScope(service, scheduler => scheduler.SchedulePublish(Soon, new Note("outlived", 1)));
        await service.StopInstance(service.Instances[0]);
        await service.StartInstance();

        Assert.That(await service.Effects("outlived", 1), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Is_not_scheduled_by_a_scope_that_does_not_save()
    {
        await using var service = await LedgerService.Start();
        await InScope(service, scheduler => scheduler.SchedulePublish(TimeSpan.FromMilliseconds(500), new Note("unsaved", 1)), saves: false);
        await InScope(service, scheduler => scheduler.SchedulePublish(Soon, new Note("saved", 1)));

        await service.Effects("saved", 1);
        Assert.That(await service.Effects("unsaved", 0), Is.Empty);
    }

    [Test]
    public async Task Is_cancelled_before_it_is_saved_and_after()
    {
        await using var service = await LedgerService.Start();
        await InScope(service, async scheduler =>
        {
            var early = await scheduler.SchedulePublish(Soon, new Note("cancelled", 1));
            await scheduler.CancelScheduledPublish<Note>(early.TokenId);
        });
        ScheduledMessage? scheduled = null;
        await InScope(service, async scheduler => scheduled = await scheduler.SchedulePublish(Late, new Note("cancelled", 2)));
        await InScope(service, scheduler => scheduler.CancelScheduledPublish<Note>(scheduled!.TokenId));
        await InScope(service, scheduler => scheduler.SchedulePublish(Soon, new Note("marker", 1)));

        await service.Effects("marker", 1);
        Assert.That(await service.Effects("cancelled", 0), Is.Empty);
    }

    /// <remarks>The machine schedules a reminder when it begins, and takes it back when it is told in time.</remarks>
    [Test]
    public async Task Reminds_a_saga_unless_the_saga_takes_it_back()
    {
        await using var service = await LedgerService.Start(consumers: bus =>
        {
            bus.AddSagaStateMachine<ReminderMachine, Tally>()
                .EntityFrameworkRepository(saga => saga.ExistingDbContext<LedgerDb>())
                .Endpoint(endpoint => endpoint.Name = "reminder");
            bus.AddConsumer<NoteConsumer, AnswerOnly>().Endpoint(endpoint => endpoint.Name = "note");
        });
        var (reminded, inTime) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await service.Publish(new Begin(reminded, Soon), new Begin(inTime, Late));
        await service.Eventually(db => db.Tallies.CountAsync(), tallies => tallies == 2);
        await service.Publish(new InTime(inTime));

        await service.Eventually(db => db.Tallies.CountAsync(tally => tally.Count == 1 && tally.CorrelationId == reminded), tallies => tallies == 1);
        await service.Quiet();
        await using var db = service.OpenDb();
        Assert.That((await db.Tallies.SingleAsync(tally => tally.CorrelationId == inTime)).Count, Is.Zero, "reminders of what came in time");
    }

    /// <remarks>It is stored before the delivery is acknowledged, and takes effect once, at the third try.</remarks>
    [Test]
    public async Task Is_how_a_delivery_is_put_off()
    {
        await using var service = await LedgerService.Start(consumers: bus =>
        {
            bus.AddConfigureEndpointsCallback((_, _, endpoint) => endpoint.UseScheduledRedelivery(retry => retry.Intervals(300, 300, 300)));
            bus.AddConsumer<ThirdTimeConsumer>().Endpoint(endpoint => endpoint.Name = "third-time");
        });
        await service.Publish(new NoteAndFail("third time"));

        Assert.That(await service.Effects("third time", 1), Is.EqualTo([2]), "redeliveries before it took effect");
    }

    /// <remarks>The relay sleeps until something is due, not for as long as it may.</remarks>
    [Test]
    public async Task Leaves_on_time_when_thousands_are_due_at_once()
    {
        const int Many = 2000;
        await using var service = await LedgerService.Start(instances: 0);
        var instance = await service.StartInstance(
            bus => bus.AddConsumer<ClockConsumer>().Endpoint(endpoint => endpoint.Name = "clock"), outbox: outbox => outbox.QueryDelay = TimeSpan.FromMinutes(1));
        ClockConsumer.Left.Clear();
        var due = DateTime.UtcNow + TimeSpan.FromSeconds(5);
        await InScope(service, async scheduler =>
        {
            for (var i = 0; i < Many; i++)
                await scheduler.SchedulePublish(due, new Note("many", i));
        });
        var stored = DateTime.UtcNow;
        // Something for the relay, so that it looks once more before they are due.
        await using (var scope = instance.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<LedgerDb>();
            await using var transaction = await db.Database.BeginTransactionAsync();
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Note("relayed", 1));
            await db.SaveChangesAsync();
            await transaction.CommitAsync();
        }

        Assert.That(await service.Effects("many", Many), Is.EquivalentTo(Enumerable.Range(0, Many)));
        var late = ClockConsumer.Left.Select(received => received - due).Order().ToArray();
        TestContext.Out.WriteLine($"late by: first {late[0].TotalMilliseconds:0} ms, half {late[late.Length / 2].TotalMilliseconds:0} ms, last {late[^1].TotalMilliseconds:0} ms");
        // To store them takes its time, and none leaves before.
        var longest = TimeSpan.FromSeconds(5) + (stored > due ? stored - due : TimeSpan.Zero);
        Assert.That(late[0], Is.InRange(TimeSpan.FromMilliseconds(-50), longest));
    }

    private static async Task InScope(LedgerService service, Func<IMessageScheduler, Task> schedule, bool saves = true)
    {
        await using var scope = service.Instances[0].Services.CreateAsyncScope();
        await schedule(scope.ServiceProvider.GetRequiredService<IMessageScheduler>());
        if (saves)
            await scope.ServiceProvider.GetRequiredService<LedgerDb>().SaveChangesAsync();
    }
}

public sealed record Begin(Guid Tally, TimeSpan Delay);

public sealed record InTime(Guid Tally);

public sealed record Reminder(Guid Tally);

public sealed class ReminderMachine : MassTransitStateMachine<Tally>
{
    public ReminderMachine()
    {
        InstanceState(tally => tally.CurrentState);
        Event(() => Begun, e => e.CorrelateById(context => context.Message.Tally));
        Event(() => CameInTime, e => e.CorrelateById(context => context.Message.Tally));
        Schedule(() => Remind, tally => tally.Token, schedule => schedule.Received = e => e.CorrelateById(context => context.Message.Tally));

        Initially(When(Begun)
            .Schedule(Remind, context => new Reminder(context.Message.Tally), context => context.Message.Delay)
            .TransitionTo(Waiting));
        During(Waiting,
            When(CameInTime).Unschedule(Remind),
            When(Remind.Received).Then(context => context.Saga.Count++));
    }

    public State Waiting { get; private set; } = null!;
    public Event<Begin> Begun { get; private set; } = null!;
    public Event<InTime> CameInTime { get; private set; } = null!;
    public Schedule<Tally, Reminder> Remind { get; private set; } = null!;
}

/// <summary>Notes when the messages came.</summary>
public sealed class ClockConsumer(LedgerDb db) : IConsumer<Note>
{
    public static ConcurrentQueue<DateTime> Left { get; } = [];

    public Task Consume(ConsumeContext<Note> context)
    {
        if (context.Message.Of == "many")
            Left.Enqueue(DateTime.UtcNow);
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = context.Message.Value });
        return Task.CompletedTask;
    }
}

/// <summary>Fails twice: it is put off at once, without a retry in between.</summary>
public sealed class ThirdTimeConsumer(LedgerDb db) : IConsumer<NoteAndFail>
{
    public Task Consume(ConsumeContext<NoteAndFail> context)
    {
        var redelivered = context.GetRedeliveryCount();
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = redelivered });
        return redelivered < 2 ? throw new InvalidOperationException("Not yet.") : Task.CompletedTask;
    }
}
