using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Persistence.Tests;

/// <summary>Inbox rows are kept for the window of duplicate detection, and no longer (G2).</summary>
public sealed class A_remembered_message
{
    private const int Many = 200_000;

    [Test]
    public async Task Is_forgotten_after_seven_days_and_not_before()
    {
        await using var service = await LedgerService.Start(instances: 0);
        await Remember(service, Many, age: TimeSpan.FromDays(7) + TimeSpan.FromMinutes(1));
        await Remember(service, Many, age: TimeSpan.FromDays(7) - TimeSpan.FromHours(1));
        await service.StartInstance(time: new ShortMinutes());
        var ids = Enumerable.Range(0, 100).Select(_ => Guid.CreateVersion7()).ToArray();
        await Task.WhenAll(ids.Select(id => service.PublishPast(new Note("remembered", 1), id)));

        await service.Eventually(Remembered, rows => rows <= Many + ids.Length);
        await Task.WhenAll(ids.Select(id => service.PublishPast(new Note("remembered", 1), id)));
        Assert.That(await service.Effects("remembered", ids.Length), Has.Count.EqualTo(ids.Length));
        Assert.That(await service.Eventually(Remembered, _ => true), Is.EqualTo(Many + ids.Length));
    }

    [Test]
    public async Task Is_not_forgotten_while_the_broker_is_away()
    {
        await using var service = await LedgerService.Start(instances: 0);
        var time = new ShortMinutes();
        var instance = await service.StartInstance(time: time);
        await service.Broker.DeleteAsync();
        await service.Eventually(_ => Task.FromResult(instance.Services.GetRequiredService<IBusControl>().CheckHealth().Status), status => status != BusHealthStatus.Healthy);
        await Remember(service, 1000, age: TimeSpan.FromDays(8));

        var before = time.Minutes;
        await service.Eventually(_ => Task.FromResult(time.Minutes), minutes => minutes >= before + 10);
        Assert.That(await service.Eventually(Remembered, _ => true), Is.EqualTo(1000));

        await service.Broker.CreateAsync();
        await service.Eventually(Remembered, rows => rows == 0);
    }

    private static Task<int> Remembered(LedgerDb db) => db.Set<InboxState>().CountAsync();

    private static async Task Remember(LedgerService service, int messages, TimeSpan age)
    {
        await using var db = service.OpenDb();
        await db.Database.ExecuteSqlAsync(
            $"insert into inbox_state (message_id, consumer_id, consumed) select gen_random_uuid(), gen_random_uuid(), now() - {age} from generate_series(1, {messages})");
    }

    /// <summary>A clock on which what is done once a minute is done ten times a second.</summary>
    private sealed class ShortMinutes : TimeProvider
    {
        private int _minutes;

        /// <summary>How often a timer of a minute has gone off.</summary>
        public int Minutes => Volatile.Read(ref _minutes);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (period != TimeSpan.FromMinutes(1))
                return base.CreateTimer(callback, state, dueTime, period);
            return base.CreateTimer(
                x =>
                {
                    callback(x);
                    Interlocked.Increment(ref _minutes);
                },
                state, TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(0.1));
        }
    }
}
