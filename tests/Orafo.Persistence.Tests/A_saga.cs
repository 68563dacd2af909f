using Microsoft.EntityFrameworkCore;

namespace Orafo.Persistence.Tests;

public sealed class A_saga
{
    [Test]
    public async Task Takes_every_message_once_although_they_come_all_at_the_same_time()
    {
        await using var service = await LedgerService.Start(instances: 2);
        var tally = Guid.CreateVersion7();
        const int messages = 60;
        await Task.WhenAll(Enumerable.Range(0, messages).Select(_ => service.PublishPast(new Count(tally), Guid.CreateVersion7())));

        await service.Eventually(db => db.Tallies.Select(x => x.Count).SingleOrDefaultAsync(), count => count == messages);
        await service.Quiet();
        await using var db = service.OpenDb();
        var saga = await db.Tallies.SingleAsync();
        Assert.That((saga.CorrelationId, saga.CurrentState, saga.Count), Is.EqualTo((tally, "Counting", messages)));
        Assert.That(saga.Notes, Is.EqualTo(Enumerable.Range(1, messages).Select(count => $"{count}")));
        Assert.That((await service.Broker.QueuesAsync()).Where(queue => queue.Key.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public async Task Commits_with_what_it_says_or_not_at_all()
    {
        await using var service = await LedgerService.Start(instances: 2);
        var tallies = Enumerable.Range(0, 20).Select(_ => Guid.CreateVersion7()).ToArray();
        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(tallies.Select(tally => service.PublishPast(new Count(tally), Guid.CreateVersion7())));
            await service.CutConnections();
        }

        await service.Eventually(db => db.Tallies.CountAsync(tally => tally.Count == 5), count => count == tallies.Length);
        await service.Quiet();
    }
}
