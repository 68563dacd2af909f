using System.Collections.Concurrent;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Orafo.Persistence.Tests;

/// <summary>Deliveries of an endpoint that wait at the same time commit together, and nobody pays for another (G2, G3).</summary>
public sealed class A_shared_transaction
{
    private const int Messages = 30;

    [Test]
    public async Task Holds_what_many_deliveries_changed_and_said()
    {
        await using var service = await Backlog(bus => bus.AddConsumer<NoteAndAnswerConsumer>().Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (_) => new NoteAndAnswer("shared", 1)), time: new NeverOverdue());

        Assert.That(await service.Effects("shared", Messages), Has.Count.EqualTo(Messages));
        Assert.That(await service.Effects("answer to shared", Messages), Has.Count.EqualTo(Messages));
        Assert.That(await Transactions(service, "shared"), Is.LessThan(Messages / 2), "transactions");
    }

    [Test]
    public async Task Is_not_shared_where_DbContexts_have_no_pool()
    {
        await using var service = await Backlog(bus => bus.AddConsumer<NoteAndAnswerConsumer>().Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (_) => new NoteAndAnswer("alone", 1)), isPooled: false);

        Assert.That(await service.Effects("alone", Messages), Has.Count.EqualTo(Messages));
        Assert.That(await service.Effects("answer to alone", Messages), Has.Count.EqualTo(Messages));
        Assert.That(await Transactions(service, "alone"), Is.EqualTo(Messages), "transactions");
    }

    [Test]
    public async Task Is_taken_apart_when_one_of_its_consumers_fails_and_the_others_take_effect_once()
    {
        await using var service = await Backlog(bus => bus.AddConsumer<PickyConsumer>().Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (i) => new Picky(i)));

        Assert.That(await service.Effects("picky", Messages - 2), Is.EquivalentTo(Enumerable.Range(0, Messages).Where(i => !PickyConsumer.Refuses(i))));
        Assert.That(await service.Effects("answer to picky", Messages - 2), Has.Count.EqualTo(Messages - 2));
        await service.Eventually(async _ => (await service.Broker.QueuesAsync()).GetValueOrDefault("shared_error"), messages => messages == 2);
    }

    [Test]
    public async Task Drops_duplicates_that_come_together()
    {
        var ids = Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7()).ToArray();
        await using var service = await Backlog(bus => bus.AddConsumer<NoteAndAnswerConsumer>().Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (_) => new NoteAndAnswer("duplicate", 1)), i => ids[i % ids.Length]);

        Assert.That(await service.Effects("duplicate", ids.Length), Has.Count.EqualTo(ids.Length));
        Assert.That(await service.Effects("answer to duplicate", ids.Length), Has.Count.EqualTo(ids.Length));
    }

    /// <remarks>Each delivery writes how many there were before it. Transactions are forced to come one after another.</remarks>
    [Test]
    public async Task Lets_a_consumer_that_queries_find_what_those_before_it_changed()
    {
        await using var service = await Backlog(bus => bus.AddConsumer<CountingConsumer>().Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (_) => new CountBefore("counted")));
        Assert.That(await service.Effects("counted", Messages), Is.EqualTo(Enumerable.Range(0, Messages)));

        // By now it is known that it queries.
        await service.Publish([.. Enumerable.Range(0, Messages).Select(object (_) => new CountBefore("counted"))]);
        Assert.That(await service.Effects("counted", 2 * Messages), Is.EqualTo(Enumerable.Range(0, 2 * Messages)));
    }

    [Test]
    public async Task Is_not_committed_when_a_consumer_hides_that_it_read_past_the_others()
    {
        await using var service = await Backlog(bus => bus.AddConsumer<HidingConsumer>().Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (_) => new CountBefore("hidden")));

        Assert.That(await service.Effects("hidden", Messages), Is.EqualTo(Enumerable.Range(0, Messages)));
    }

    /// <remarks>
    /// The delivery that begins in the middle, whichever it is, waits until one has committed that had not begun then: that one may not be in its
    /// group any longer.
    /// </remarks>
    [Test]
    public async Task Lets_those_go_that_would_wait_for_a_slow_consumer()
    {
        WaitingConsumer.Forget();
        await using var service = await Backlog(bus => bus.AddConsumer<WaitingConsumer>().Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (i) => new WaitForLater(i, Place: Messages / 2)));

        Assert.That(await service.Effects("waited", Messages), Is.EquivalentTo(Enumerable.Range(0, Messages)));
    }

    /// <remarks>
    /// What was begun on one DbContext stays with it. The group fails at its poisoned member, and is overdue while its members are run one by one.
    /// </remarks>
    [Test]
    public async Task Keeps_its_members_when_it_is_overdue_after_it_was_taken_apart()
    {
        await using var service = await Backlog(bus => bus.AddConsumer<SlowTheSecondTimeConsumer>().Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (i) => new SlowTheSecondTime(i)));

        Assert.That(await service.Effects("answer to slow", Messages - 1), Has.Count.EqualTo(Messages - 1));
        Assert.That(await service.Effects("slow", 0), Is.EquivalentTo(Enumerable.Range(0, Messages - 1)));
    }

    /// <remarks>A handler that stays behind would be called for every delivery that comes after.</remarks>
    [Test]
    public async Task Leaves_nothing_behind_on_its_DbContext()
    {
        await using var service = await LedgerService.Start(
            consumers: bus => bus.AddConsumer<SubscribingConsumer>().Endpoint(endpoint => endpoint.Name = "shared"));
        for (var i = 1; i <= 5; i++)
        {
            await service.PublishPast(new Picky(i), Guid.CreateVersion7());
            await service.Effects("handled", i);
        }

        Assert.That(await service.Effects("handled", 5), Has.Count.EqualTo(5));
    }

    [Test]
    public async Task Reads_the_sagas_of_its_messages_at_once_and_counts_every_message()
    {
        var tallies = Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7()).ToArray();
        MessageCorrelation.UseCorrelationId<Count>(count => count.Tally);
        await using var service = await Backlog(
            bus => bus.AddSagaStateMachine<TallyMachine, Tally>()
                .EntityFrameworkRepository(saga => saga.ExistingDbContext<LedgerDb>())
                .Endpoint(endpoint => endpoint.Name = "shared"),
            Enumerable.Range(0, Messages).Select(object (i) => new Count(tallies[i % tallies.Length])));

        await service.Eventually(db => db.Tallies.SumAsync(tally => tally.Count), sum => sum == Messages);
        await service.Publish([.. Enumerable.Range(0, Messages).Select(object (i) => new Count(tallies[i % tallies.Length]))]);
        await service.Eventually(db => db.Tallies.SumAsync(tally => tally.Count), sum => sum == 2 * Messages);
        await service.Quiet();
        await using var db = service.OpenDb();
        Assert.That(await db.Tallies.Select(tally => tally.Count).ToListAsync(), Is.All.EqualTo(2 * Messages / tallies.Length));
    }

    /// <remarks>Each delivery writes how many messages were loaded with its own: as many as there are effects of its transaction.</remarks>
    [TestCase(-1)]
    [TestCase(7)]
    public async Task Loads_once_what_its_consumers_need_and_again_for_each_when_it_is_taken_apart(int poisoned)
    {
        await using var service = await Backlog(
            bus =>
            {
                bus.AddConsumer<PrefetchingConsumer>().Endpoint(endpoint => endpoint.Name = "shared");
                bus.AddPrefetch<CompanyPrefetch>();
            },
            Enumerable.Range(0, Messages).Select(object (i) => new Prefetching(i == poisoned)),
            time: new NeverOverdue());

        var sound = poisoned < 0 ? Messages : Messages - 1;
        Assert.That(await service.Effects("prefetched", sound), Has.Count.EqualTo(sound));
        if (poisoned < 0)
            Assert.That(await Transactions(service, "prefetched"), Is.LessThan(Messages / 2), "transactions");
        await using var db = service.OpenDb();
        Assert.That(await db.Database.SqlQuery<int>(
            $"""select (count(*) filter (where value <> members))::int as "Value" from (select value, count(*) over (partition by xmin::text) as members from effects where "of" = 'prefetched') as e""")
            .SingleAsync(), Is.Zero, "deliveries that were loaded with others than those of their transaction");
    }

    /// <remarks>Each delivery writes whether what it was loaded with was looked for.</remarks>
    [Test]
    public async Task Looks_for_what_was_done_before_when_it_has_met_some_and_from_then_on()
    {
        await using var service = await LedgerService.Start(instances: 1, bus =>
        {
            bus.AddConsumer<OnceConsumer>().Endpoint(endpoint => endpoint.Name = "once");
            bus.AddPrefetch<KnownTallies>();
        });
        var (one, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await service.Publish(new Once("new", one));
        Assert.That(await service.Effects("new", 1), Is.EqualTo([0]));
        await service.Publish(new Once("known", one));
        Assert.That(await service.Effects("known", 1), Is.EqualTo([1]));
        await service.Publish(new Once("new after it", other));
        Assert.That(await service.Effects("new after it", 1), Is.EqualTo([1]));
        await using var db = service.OpenDb();
        Assert.That(await db.Tallies.Select(tally => tally.CorrelationId).ToListAsync(), Is.EquivalentTo([one, other]));
    }

    [Test]
    public void Takes_no_other_type_for_a_prefetch() =>
        Assert.That(() => new ServiceCollection().AddPrefetch<PrefetchingConsumer>(), Throws.TypeOf<ConfigurationException>());

    /// <summary>A service that finds a queue with messages in it when it starts.</summary>
    private static async Task<LedgerService> Backlog(
        Action<IBusRegistrationConfigurator> consumer, IEnumerable<object> messages, Func<int, Guid>? messageId = null, bool isPooled = true,
        TimeProvider? time = null)
    {
        var service = await LedgerService.Start(instances: 1, bus => bus.AddConsumer<NoteConsumer, AnswerOnly>().Endpoint(endpoint => endpoint.Name = "note"));
        await service.StopInstance(await service.StartInstance(consumer));
        foreach (var (i, message) in messages.Index())
            await service.PublishPast(message, messageId?.Invoke(i) ?? Guid.CreateVersion7());
        await service.StartInstance(consumer, isPooled, time);
        return service;
    }

    private static async Task<int> Transactions(LedgerService service, string of)
    {
        await using var db = service.OpenDb();
        return await db.Database.SqlQuery<int>($"""select count(distinct xmin::text)::int as "Value" from effects where "of" = {of}""").SingleAsync();
    }

    /// <summary>A clock on which no group is ever overdue, however busy the machine is: who begins together ends together.</summary>
    private sealed class NeverOverdue : TimeProvider
    {
        private static readonly TimeSpan Overdue = TimeSpan.FromMilliseconds(500);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime == Overdue ? Timeout.InfiniteTimeSpan : dueTime, period);
    }
}

public sealed record Picky(int Value);

public sealed record CountBefore(string Of);

public sealed record Prefetching(bool IsPoisoned);

public sealed record Once(string Of, Guid Tally);

/// <summary>Which tallies there are; none, if nobody looked.</summary>
public sealed record Known(bool IsLookedFor, IReadOnlySet<Guid> Tallies);

public sealed class KnownTallies : IPrefetch<LedgerDb, Once, Known>
{
    public async Task<Known> Load(LedgerDb db, IReadOnlyList<Once> messages, bool areNew, CancellationToken cancellationToken) =>
        new(!areNew, areNew ? new HashSet<Guid>() : await db.Tallies.Select(tally => tally.CorrelationId).ToHashSetAsync(cancellationToken));
}

public sealed class OnceConsumer(LedgerDb db) : IConsumer<Once>
{
    public Task Consume(ConsumeContext<Once> context)
    {
        var known = context.Prefetched<Known>();
        if (!known.Tallies.Contains(context.Message.Tally))
            db.Tallies.Add(new Tally { CorrelationId = context.Message.Tally });
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = known.IsLookedFor ? 1 : 0 });
        return Task.CompletedTask;
    }
}

/// <summary>How many messages were loaded together.</summary>
public sealed record Company(int Members);

public sealed class CompanyPrefetch : IPrefetch<LedgerDb, Prefetching, Company>
{
    public Task<Company> Load(LedgerDb db, IReadOnlyList<Prefetching> messages, bool areNew, CancellationToken cancellationToken) =>
        Task.FromResult(new Company(messages.Count));
}

public sealed class PrefetchingConsumer(LedgerDb db) : IConsumer<Prefetching>
{
    public Task Consume(ConsumeContext<Prefetching> context)
    {
        if (context.Message.IsPoisoned)
            throw new InvalidOperationException("This message is poisoned.");
        db.Effects.Add(new Effect { Of = "prefetched", Value = context.Prefetched<Company>().Members });
        return Task.CompletedTask;
    }
}

/// <param name="Value">Its own.</param>
/// <param name="Place">Of the one that waits, in the order in which they begin.</param>
public sealed record WaitForLater(int Value, int Place);

/// <summary>Fails for two of its messages, after it has changed and said something.</summary>
public sealed class PickyConsumer(LedgerDb db) : IConsumer<Picky>
{
    public static bool Refuses(int value) => value is 7 or 20;

    public async Task Consume(ConsumeContext<Picky> context)
    {
        db.Effects.Add(new Effect { Of = "picky", Value = context.Message.Value });
        await context.Publish(new Answer("picky", context.Message.Value));
        if (Refuses(context.Message.Value))
            throw new InvalidOperationException("This message is poisoned.");
    }
}

public sealed record SlowTheSecondTime(int Value);

/// <summary>Fails for the last message. The others take 100 ms when they are run again.</summary>
public sealed class SlowTheSecondTimeConsumer(LedgerDb db) : IConsumer<SlowTheSecondTime>
{
    private const int Poisoned = 29;
    private static readonly ConcurrentDictionary<Guid, bool> Seen = [];

    public async Task Consume(ConsumeContext<SlowTheSecondTime> context)
    {
        if (context.Message.Value == Poisoned)
            throw new InvalidOperationException("This message is poisoned.");
        if (!Seen.TryAdd(context.MessageId!.Value, true))
            await db.Database.ExecuteSqlRawAsync("-- Independent\nselect pg_sleep(0.1)");
        db.Effects.Add(new Effect { Of = "slow", Value = context.Message.Value });
        await context.Publish(new Answer("slow", context.Message.Value));
    }
}

public sealed class SubscribingConsumer(LedgerDb db) : IConsumer<Picky>
{
    public Task Consume(ConsumeContext<Picky> context)
    {
        db.SavingChanges += (_, _) => db.Effects.Add(new Effect { Of = "handled", Value = context.Message.Value });
        return Task.CompletedTask;
    }
}

public sealed class CountingConsumer(LedgerDb db) : IConsumer<CountBefore>
{
    /// <summary>Deliveries in other transactions wait; those of the same one do not.</summary>
    public const string OneTransactionAtATime = IndependentQuery.Mark + "\nselect pg_advisory_xact_lock(1)";

    public async Task Consume(ConsumeContext<CountBefore> context)
    {
        await db.Database.ExecuteSqlRawAsync(OneTransactionAtATime);
        db.Effects.Add(new Effect { Of = context.Message.Of, Value = await db.Effects.CountAsync(effect => effect.Of == context.Message.Of) });
    }
}

public sealed class HidingConsumer(LedgerDb db) : IConsumer<CountBefore>
{
    public async Task Consume(ConsumeContext<CountBefore> context)
    {
        await db.Database.ExecuteSqlRawAsync(CountingConsumer.OneTransactionAtATime);
        var before = -1;
        try
        {
            before = await db.Effects.CountAsync(effect => effect.Of == context.Message.Of);
        }
        // What it hides is what is tested.
        catch (Exception)
        {
        }

        db.Effects.Add(new Effect { Of = context.Message.Of, Value = before });
    }
}

public sealed class WaitingConsumer(LedgerDb db, IServiceScopeFactory scopes) : IConsumer<WaitForLater>
{
    private static readonly HashSet<int> Begun = [];

    public static void Forget()
    {
        lock (Begun)
            Begun.Clear();
    }

    public async Task Consume(ConsumeContext<WaitForLater> context)
    {
        if (Begin(context.Message) is { } begun)
        {
            await using var scope = scopes.CreateAsyncScope();
            var committed = scope.ServiceProvider.GetRequiredService<LedgerDb>();
            while (!await committed.Effects.AnyAsync(effect => !begun.Contains(effect.Value)))
                await Task.Delay(25, context.CancellationToken); // The interval of looking, not the time to wait.
        }

        db.Effects.Add(new Effect { Of = "waited", Value = context.Message.Value });
    }

    /// <returns>The values of those that have begun, for the one that is to wait; null for the others.</returns>
    private static int[]? Begin(WaitForLater message)
    {
        lock (Begun)
            return Begun.Add(message.Value) && Begun.Count == message.Place ? [.. Begun] : null;
    }
}

/// <summary>Answers go to the queue they go to in the other tests.</summary>
public sealed class AnswerOnly : ConsumerDefinition<NoteConsumer>;
