using System.Collections.Concurrent;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.ServiceDefaults;

namespace Orafo.Persistence.Tests;

/// <summary>A database of a service that writes down what happens to it.</summary>
public sealed class LedgerDb(DbContextOptions<LedgerDb> options) : DbContext(options)
{
    public DbSet<Effect> Effects => Set<Effect>();
    public DbSet<Tally> Tallies => Set<Tally>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Effect>().ToTable("effects");
        modelBuilder.Entity<Tally>(tally =>
        {
            tally.ToTable("tallies");
            tally.HasKey(x => x.CorrelationId);
            tally.Property(x => x.CorrelationId).ValueGeneratedNever();
            tally.Property(x => x.Notes).HasJson();
        });
        modelBuilder.AddTransactionalOutboxEntities();
    }
}

/// <summary>Written by a consumer: one for each time that a message took effect.</summary>
public sealed class Effect
{
    public long Id { get; init; }
    public required string Of { get; init; }
    public required int Value { get; init; }
}

/// <summary>A saga that counts.</summary>
public sealed class Tally : SagaStateMachineInstance
{
    public Guid CorrelationId { get; set; }
    public string CurrentState { get; set; } = "";
    public int Count { get; set; }
    public IReadOnlyList<string> Notes { get; set; } = [];

    /// <summary>Of what it has scheduled.</summary>
    public Guid? Token { get; set; }
}

public sealed record Note(string Of, int Value);

public sealed record HeardByNobody;

public sealed record NoteAndAnswer(string Of, int Answers);

public sealed record Answer(string Of, int Value);

public sealed record NoteAndFail(string Of);

public sealed record Count(Guid Tally);

public sealed record Counted(Guid Tally, int Count);

public sealed class NoteConsumer(LedgerDb db) : IConsumer<Note>, IConsumer<Answer>
{
    public Task Consume(ConsumeContext<Note> context)
    {
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = context.Message.Value });
        return Task.CompletedTask;
    }

    public Task Consume(ConsumeContext<Answer> context)
    {
        db.Effects.Add(new Effect { Of = "answer to " + context.Message.Of, Value = context.Message.Value });
        return Task.CompletedTask;
    }
}

public sealed class NoteAndAnswerConsumer(LedgerDb db) : IConsumer<NoteAndAnswer>
{
    public async Task Consume(ConsumeContext<NoteAndAnswer> context)
    {
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = 0 });
        for (var i = 0; i < context.Message.Answers; i++)
            await context.Publish(new Answer(context.Message.Of, i));
    }
}

public sealed class NoteAndFailConsumer(LedgerDb db) : IConsumer<NoteAndFail>
{
    public async Task Consume(ConsumeContext<NoteAndFail> context)
    {
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = 0 });
        await db.SaveChangesAsync();
        await context.Publish(new Answer(context.Message.Of, 0));
        throw new InvalidOperationException("This message is poisoned.");
    }
}

/// <summary>Notes whose fault it hears of.</summary>
public sealed class FaultConsumer(LedgerDb db) : IConsumer<Fault<NoteAndFail>>
{
    public Task Consume(ConsumeContext<Fault<NoteAndFail>> context)
    {
        db.Effects.Add(new Effect { Of = "fault of " + context.Message.Message.Of, Value = 0 });
        return Task.CompletedTask;
    }
}

public sealed class TallyMachine : MassTransitStateMachine<Tally>
{
    public TallyMachine()
    {
        InstanceState(tally => tally.CurrentState);
        Event(() => CountAsked, x => x.CorrelateById(context => context.Message.Tally));
        Initially(When(CountAsked).Then(Increment).Publish(Say).TransitionTo(Counting));
        During(Counting, When(CountAsked).Then(Increment).Publish(Say));
    }

    public State Counting { get; private set; } = null!;
    public Event<Count> CountAsked { get; private set; } = null!;

    /// <summary>The count of every tally that the machine had to do with, and of those that were committed.</summary>
    public static ConcurrentDictionary<Guid, int> Counts { get; } = [];

    public static ConcurrentDictionary<Guid, int> Committed { get; } = [];

    private static void Increment(BehaviorContext<Tally> context)
    {
        var count = ++context.Saga.Count;
        Counts[context.Saga.CorrelationId] = count;
        context.AfterCommit(() => Committed[context.Saga.CorrelationId] = count);
        context.Saga.Notes = [.. context.Saga.Notes, $"{context.Saga.Count}"];
    }

    private static Counted Say(BehaviorContext<Tally> context) => new(context.Saga.CorrelationId, context.Saga.Count);
}
