using System.Collections.Concurrent;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Orafo.Persistence.Tests;

/// <summary>Several processes on one database tell each other what they cannot send themselves.</summary>
public sealed class Several_processes
{
    private static readonly TimeSpan Never = TimeSpan.FromDays(1);

    [Test]
    public async Task Hear_at_once_of_messages_that_another_one_does_not_send()
    {
        await using var service = await LedgerService.Start(instances: 0);
        // It looks for nothing by itself: it has to be told.
        await service.StartInstance(outbox: outbox => outbox.QueryDelay = Never);
        var silent = await service.StartInstance(_ => { }, outbox: outbox => outbox.UseBusOutbox(bus => bus.DisableDeliveryService()));
        for (var i = 0; i < 5; i++)
        {
            await LedgerService.Publish(silent, new Note("told", i));
            Assert.That(await service.Effects("told", i + 1), Has.Count.EqualTo(i + 1));
        }

        // The one that hears has to say it again to the server when its connection is gone.
        await using (var db = service.OpenDb())
            await db.Database.ExecuteSqlRawAsync("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like '%listen%'");
        await LedgerService.Publish(silent, new Note("told again", 1));
        Assert.That(await service.Effects("told again", 1), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Are_left_what_one_stores_that_has_stopped()
    {
        await using var service = await LedgerService.Start(instances: 0);
        // What the stop wakes is to run before the stop goes on: that takes processors that have something else to do.
        using var end = new CancellationTokenSource();
        var others = Array.ConvertAll(new object[Environment.ProcessorCount], _ => new Thread(() => SpinWait.SpinUntil(() => end.IsCancellationRequested)));
        Array.ForEach(others, other => other.Start());
        try
        {
            for (var i = 1; i <= 20; i++)
            {
                var stopped = await service.StartInstance(_ => { });
                await stopped.StopAsync().WaitAsync(Testing.Eventually.Patience);
                await LedgerService.Publish(stopped, new Note("left", i));
                await using var db = service.OpenDb();
                var kept = await db.Set<OutboxMessage>()
                    .AnyAsync(message => message.MessageType.Contains(nameof(Note)) && message.Attempts == 0 && message.Due > DateTime.UtcNow);
                Assert.That(kept, Is.False, $"The {i}th kept a lease: nobody else sends it.");
            }
        }
        finally
        {
            await end.CancelAsync();
            Array.ForEach(others, other => other.Join());
        }
    }

    [Test]
    public async Task Say_nothing_of_what_they_send_themselves()
    {
        await using var service = await LedgerService.Start();
        await LedgerService.HandsOff(service.Instances[0]);
        var silent = await service.StartInstance(_ => { }, outbox: outbox => outbox.UseBusOutbox(bus => bus.DisableDeliveryService()));
        ConcurrentQueue<string> heard = [];
        await using var connection = new NpgsqlConnection(service.Database + ";Pooling=false");
        await connection.OpenAsync();
        connection.Notification += (_, news) => heard.Enqueue(news.Payload);
        await using (var listen = new NpgsqlCommand("do $$ begin execute format('listen %I', 'outbox_message_' || 'outbox_message'::regclass::oid); end $$", connection))
            await listen.ExecuteNonQueryAsync();

        for (var i = 0; i < 100; i++)
            await service.Publish(new NoteAndAnswer("own", 1));
        await service.Effects("answer to own", 100);
        // Notifications come in the order in which they were sent, each with its sender.
        await LedgerService.Publish(silent, new Note("other's", 1));
        await connection.WaitAsync(new CancellationTokenSource(TimeSpan.FromMinutes(1)).Token);
        await service.Effects("other's", 1);
        Assert.That(heard.Distinct().ToList(), Has.Count.EqualTo(1));
    }
}
