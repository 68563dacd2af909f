using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>Comes again after every crash. It is put away in the end, and those that came with it are not (G6).</summary>
public sealed class A_message_that_kills_its_process
{
    private const int Innocent = 50;

    /// <summary>Of five attempts, each counted; before them comes the one in company, which is not counted.</summary>
    private const int Deaths = 6;

    [Test]
    public async Task Is_put_away_with_a_Fault_after_some_attempts_and_the_innocent_take_effect_once()
    {
        await using var service = await LedgerService.Start(consumers: bus =>
            bus.AddConsumer<DangerousFaultConsumer>().Endpoint(endpoint => endpoint.Name = "faults"));
        // It is there to make the queue, so that all messages come to one process at once.
        await service.StopInstance(await service.StartInstance(LedgerProcess.Consumers));
        for (var i = 0; i <= Innocent; i++)
            await service.PublishPast(new Dangerous(i, Kills: i == Innocent / 2), Guid.CreateVersion7());

        var directory = Directory.CreateTempSubdirectory("orafo-ledger-").FullName;
        TestServers.Watchdog.RemoveAtEnd(directory);
        var deaths = 0;
        while (true)
        {
            using var patience = new CancellationTokenSource(Testing.Eventually.Patience);
            await using var process = LedgerProcess.Start(service, directory);
            var isPutAway = PutAway(service, patience.Token);
            if (await Task.WhenAny(process.Exited, isPutAway) == isPutAway)
            {
                await isPutAway;
                Assert.That(await service.Effects("survived", Innocent, isQuiet: false), Is.EquivalentTo(Enumerable.Range(0, Innocent + 1).Where(i => i != Innocent / 2)));
                await service.Quiet();
                break;
            }

            Assert.That(await process.Exited, Is.EqualTo(128 + ChildProcess.Kill), await File.ReadAllTextAsync(Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal).Last()));
            Assert.That(++deaths, Is.LessThanOrEqualTo(Deaths), "deaths");
        }

        Assert.That(deaths, Is.EqualTo(Deaths));
        Assert.That((await service.Broker.QueuesAsync())["dangerous_error"], Is.EqualTo(1));
        Assert.That(await service.Effects(nameof(CrashLimitException), 1), Is.EqualTo(new[] { Innocent / 2 }));
        await using var db = service.OpenDb();
        Assert.That(await db.Set<InboxAttempt>().CountAsync(), Is.Zero, "attempts still counted");
    }

    private static async Task PutAway(LedgerService service, CancellationToken cancellationToken)
    {
        while ((await service.Broker.QueuesAsync()).GetValueOrDefault("dangerous_error") == 0)
            await Task.Delay(25, cancellationToken); // The interval of looking, not the time to wait.
    }
}

public sealed record Dangerous(int Value, bool Kills);

/// <summary>Takes its time, so that a crash finds many of them begun.</summary>
public sealed class DangerousConsumer(LedgerDb db) : IConsumer<Dangerous>
{
    public async Task Consume(ConsumeContext<Dangerous> context)
    {
        if (context.Message.Kills)
        {
            ChildProcess.Signal(Environment.ProcessId, ChildProcess.Kill);
            await Task.Delay(Timeout.Infinite); // Dead before anything else happens: it waits for nothing.
        }

        await db.Database.ExecuteSqlRawAsync("-- Independent\nselect pg_sleep(0.02)");
        db.Effects.Add(new Effect { Of = "survived", Value = context.Message.Value });
    }
}

/// <summary>Notes what the message was put away for.</summary>
public sealed class DangerousFaultConsumer(LedgerDb db) : IConsumer<Fault<Dangerous>>
{
    public Task Consume(ConsumeContext<Fault<Dangerous>> context)
    {
        db.Effects.Add(new Effect { Of = context.Message.Exceptions[0].ExceptionType.Split('.')[^1], Value = context.Message.Message.Value });
        return Task.CompletedTask;
    }
}
