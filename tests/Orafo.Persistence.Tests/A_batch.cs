using MassTransit;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Persistence.Tests;

/// <summary>A consumer of <see cref="Batch{T}"/> sees each message once, whichever batch it comes in (G1).</summary>
public sealed class A_batch
{
    private const int Messages = 60;

    [Test]
    public async Task Is_rid_of_its_duplicates_one_by_one()
    {
        await using var service = await LedgerService.Start(instances: 2, Batches);
        var ids = Enumerable.Range(0, Messages).Select(_ => Guid.CreateVersion7()).ToArray();
        // Each comes twice; the second time with others, so that batches are of old and new ones.
        await Task.WhenAll(ids.Select((id, i) => service.PublishPast(new Note("batch", i), id)));
        await service.Effects("batch", Messages);
        await Task.WhenAll(ids.SelectMany((id, i) => new[]
        {
            service.PublishPast(new Note("batch", i), id),
            service.PublishPast(new Note("batch", Messages + i), Guid.CreateVersion7()),
        }));

        Assert.That(await service.Effects("batch", 2 * Messages), Is.EquivalentTo(Enumerable.Range(0, 2 * Messages)));
        Assert.That(await service.Effects("answer to batch", 2 * Messages), Is.EquivalentTo(Enumerable.Range(0, 2 * Messages)));
        await using var db = service.OpenDb();
        Assert.That(await db.Set<MassTransit.EntityFrameworkCoreIntegration.InboxState>().CountAsync(row => ids.Contains(row.MessageId)), Is.EqualTo(Messages));
    }

    [Test]
    public async Task Leaves_nothing_and_says_nothing_when_its_consumer_fails_and_is_tried_again()
    {
        NoteBatchConsumer.Failures = 2;
        await using var service = await LedgerService.Start(consumers: Batches);
        await Task.WhenAll(Enumerable.Range(0, Messages).Select(i => service.PublishPast(new Note("batch", i), Guid.CreateVersion7())));
        Assert.That(await service.Effects("batch", Messages), Is.EquivalentTo(Enumerable.Range(0, Messages)));
        Assert.That(await service.Effects("answer to batch", Messages), Is.EquivalentTo(Enumerable.Range(0, Messages)));
        Assert.That(NoteBatchConsumer.Failures, Is.LessThanOrEqualTo(0));
    }

    private static void Batches(IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<NoteBatchConsumer>(consumer => consumer.Options<BatchOptions>(batch => batch.SetMessageLimit(16).SetTimeLimit(ms: 200)))
            .Endpoint(endpoint => endpoint.Name = "note-batch");
        bus.AddConsumer<AnswerConsumer>().Endpoint(endpoint => endpoint.Name = "answer");
    }

    public sealed class NoteBatchConsumer(LedgerDb db) : IConsumer<Batch<Note>>
    {
        private static int _failures;

        /// <summary>How many batches are still to fail, after they wrote and published.</summary>
        public static int Failures { get => _failures; set => _failures = value; }

        public async Task Consume(ConsumeContext<Batch<Note>> context)
        {
            foreach (var note in context.Message)
            {
                db.Effects.Add(new Effect { Of = note.Message.Of, Value = note.Message.Value });
                await context.Publish(new Answer(note.Message.Of, note.Message.Value));
            }

            await db.SaveChangesAsync();
            if (Interlocked.Decrement(ref _failures) >= 0)
                throw new InvalidOperationException("This batch is to fail.");
        }
    }

    public sealed class AnswerConsumer(LedgerDb db) : IConsumer<Answer>
    {
        public Task Consume(ConsumeContext<Answer> context)
        {
            db.Effects.Add(new Effect { Of = "answer to " + context.Message.Of, Value = context.Message.Value });
            return Task.CompletedTask;
        }
    }
}
