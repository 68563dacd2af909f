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
        for (var i = 0; i < Messages; i++)
            await service.PublishPast(new NoteAndAnswer($"{i}", 1), Guid.CreateVersion7());

        var directory = Directory.CreateTempSubdirectory("orafo-ledger-").FullName;
        TestServers.Watchdog.RemoveAtEnd(directory);
        for (var kill = 0; kill < Kills; kill++)
        {
            await using var process = LedgerProcess.Start(service, directory);
            // In the midst of it: something was done since the last kill, and something is left.
            var effects = await service.Eventually(db => db.Effects.CountAsync(), effects => effects > kill * Messages / Kills);
            await process.KillAsync();
            Assert.That(effects, Is.LessThan(2 * Messages), "effects before the last kill");
        }

        await using var last = LedgerProcess.Start(service, directory);
        await service.Eventually(db => db.Effects.CountAsync(), effects => effects >= 2 * Messages);
        await service.Quiet();
        await using var db = service.OpenDb();
        Assert.That(await db.Effects.Select(effect => effect.Of).ToListAsync(),
            Is.EquivalentTo(Enumerable.Range(0, Messages).SelectMany(i => new[] { $"{i}", $"answer to {i}" })));
        Assert.That((await service.Broker.QueuesAsync()).Keys.Where(queue => queue.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);
    }
}
