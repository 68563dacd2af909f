using MassTransit;

namespace Orafo.Persistence.Tests;

/// <summary>A request goes past the outbox: its answer would never come if it waited for the commit (MassTransit's issue 6188).</summary>
public sealed class A_consumer_that_asks
{
    private const int Askers = 12;

    [TestCase(true, true)]
    [TestCase(true, false)]
    [TestCase(false, true)]
    public async Task Gets_its_answer_while_what_it_published_waits_for_its_commit(bool isPooled, bool savesFirst)
    {
        await using var service = await LedgerService.Start(instances: 0);
        await service.StartInstance(
            bus =>
            {
                bus.AddConsumer<NoteConsumer>().Endpoint(endpoint => endpoint.Name = "note");
                bus.AddConsumer<AskConsumer>().Endpoint(endpoint => endpoint.Name = "ask");
                bus.AddConsumer<AskAndNoteConsumer>().Endpoint(endpoint => endpoint.Name = "ask-and-note");
                bus.AddRequestClient<Ask>();
            },
            isPooled);
        await service.Publish([.. Enumerable.Range(0, Askers).Select(number => new AskAndNote(number, savesFirst))]);

        Assert.That(await service.Effects("told", Askers), Is.EquivalentTo(Enumerable.Range(0, Askers).Select(number => 2 * number)));
        Assert.That(await service.Effects("said before asking", Askers), Is.EquivalentTo(Enumerable.Range(0, Askers)));
        Assert.That(await service.Effects("saved before asking", Askers), Is.EquivalentTo(Enumerable.Range(0, Askers)));
    }
}

public sealed record Ask(int Number);

public sealed record Told(int Twice);

public sealed record AskAndNote(int Number, bool SavesFirst);

public sealed class AskConsumer : IConsumer<Ask>
{
    public Task Consume(ConsumeContext<Ask> context) => context.RespondAsync(new Told(2 * context.Message.Number));
}

public sealed class AskAndNoteConsumer(LedgerDb db, IRequestClient<Ask> client) : IConsumer<AskAndNote>
{
    public async Task Consume(ConsumeContext<AskAndNote> context)
    {
        db.Effects.Add(new Effect { Of = "saved before asking", Value = context.Message.Number });
        await context.Publish(new Note("said before asking", context.Message.Number));
        if (context.Message.SavesFirst)
            await db.SaveChangesAsync();
        var told = await client.GetResponse<Told>(new Ask(context.Message.Number), context.CancellationToken);
        db.Effects.Add(new Effect { Of = "told", Value = told.Message.Twice });
    }
}
