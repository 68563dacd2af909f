using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Persistence.Tests;

/// <summary>A process that has just started goes through its work once, and nobody ever sees it.</summary>
public sealed class A_rehearsal
{
    [TestCase(true)]
    [TestCase(false)]
    public async Task Runs_the_consumer_and_its_writes_and_keeps_and_says_nothing(bool isPooled)
    {
        await using var service = await LedgerService.Start(instances: 0);
        var instance = await service.StartInstance(isPooled: isPooled);
        await Rehearsal.Run<NoteAndAnswerConsumer, NoteAndAnswer>(instance.Services, new NoteAndAnswer("rehearsed", 3), null, CancellationToken.None);
        await Rehearsal.Run<Tally, Count>(instance.Services, new Count(Guid.CreateVersion7()), null, CancellationToken.None);

        var found = new Tally { CorrelationId = Guid.CreateVersion7(), CurrentState = nameof(TallyMachine.Counting), Count = 7 };
        await Rehearsal.Run<Tally, Count>(instance.Services, new Count(found.CorrelationId), db => db.Add(found), CancellationToken.None);
        var real = new Count(Guid.CreateVersion7());
        await service.Publish(real);
        await service.Eventually(_ => Task.FromResult(TallyMachine.Committed.GetValueOrDefault(real.Tally)), count => count == 1);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((TallyMachine.Counts[found.CorrelationId], found.Count), Is.EqualTo((8, 7)), "what was prepared is loaded");
            Assert.That(TallyMachine.Committed.Keys, Has.No.Member(found.CorrelationId));
        }

        await service.Publish(new Note("real", 1));
        Assert.That(await service.Effects("real", 1), Is.EqualTo(new[] { 1 }));
        await using var db = service.OpenDb();
        using (Assert.EnterMultipleScope())
        {
            // A sequence is not rolled back: it tells that the rehearsal's row was written before the real one.
            Assert.That((await db.Effects.SingleAsync()).Id, Is.EqualTo(2));
            Assert.That((await db.Tallies.SingleAsync()).CorrelationId, Is.EqualTo(real.Tally));
            Assert.That(await db.Set<InboxState>().CountAsync(), Is.EqualTo(2), "only the real messages are remembered");
        }
    }

    [Test]
    public async Task Takes_its_queue_with_it()
    {
        await using var service = await LedgerService.Start();
        await service.Eventually(
            async _ => string.Join(", ", (await service.Broker.QueuesAsync()).Keys.Order(StringComparer.Ordinal)),
            queues => queues == "note, note-and-answer, note-and-fail, tally");
        await service.Quiet();
    }
}
