using Microsoft.EntityFrameworkCore;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>With kill -9, wherever it is just then (G2, G3).</summary>
public sealed class A_process_that_is_killed
{
    private const int Messages = 1000;
    private const int Kills = 4;

    [Test]
    public async Task Has_each_message_take_effect_once()
    {
        // It sends and looks on; the other process does the work.
        await using var service = await LedgerService.Start(consumers: _ => { });
        await service.StopInstance(await service.StartInstance(LedgerProcess.Consumers));
        var sent = 0;
        await Publish(Messages);

        var directory = Directory.CreateTempSubdirectory("orafo-ledger-").FullName;
        TestServers.Watchdog.RemoveAtEnd(directory);
        for (var kill = 0; kill < Kills; kill++)
        {
            var before = await service.Eventually(db => db.Effects.CountAsync(), _ => true);
            await using var process = LedgerProcess.Start(service, directory);
            // In the midst of it: something was done since the last kill, and something is left, however quick it was.
            var effects = await service.Eventually(db => db.Effects.CountAsync(), effects => effects > before);
            await process.KillAsync();
            await Publish(Messages / Kills);
            Assert.That(effects, Is.LessThan(2 * sent), "effects before the last kill");
        }

        await using var last = LedgerProcess.Start(service, directory);
        await service.Eventually(db => db.Effects.CountAsync(), effects => effects >= 2 * sent);
        await service.Quiet();
        await using var db = service.OpenDb();
        Assert.That(await db.Effects.Select(effect => effect.Of).ToListAsync(),
            Is.EquivalentTo(Enumerable.Range(0, sent).SelectMany(i => new[] { $"{i}", $"answer to {i}" })));
        Assert.That((await service.Broker.QueuesAsync()).Keys.Where(queue => queue.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);

        async Task Publish(int messages)
        {
            for (var end = sent + messages; sent < end; sent++)
                await service.PublishPast(new NoteAndAnswer($"{sent}", 1), Guid.CreateVersion7());
        }
    }
}
