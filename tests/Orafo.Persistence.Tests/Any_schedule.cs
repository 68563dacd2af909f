using System.Collections.Concurrent;
using System.Globalization;
using CsCheck;
using MassTransit;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Persistence.Tests;

/// <summary>
/// Messages come more than once, late and in any order, to two instances whose connections are cut at any moment: each takes effect once,
/// and a saga counts each once (G2, G3, G10).
/// </summary>
/// <remarks>
/// A failing schedule is printed with its seed, to be run again with <c>CsCheck_Seed</c>. <c>ORAFO_SCHEDULES</c> says how many are tried.
/// Each has messages and sagas of its own; they share the instances, and what the one before them left behind.
/// </remarks>
public sealed class Any_schedule
{
    private const int Notes = 6;
    private const int Counts = 6;
    private const int Tallies = 2;
    private const string Iterations = "ORAFO_SCHEDULES";

    private static readonly Gen<Step> Steps = Gen.Frequency(
        (60, Gen.Select(Gen.Int[0, Notes + Counts - 1], Gen.Int[1, 3], (message, copies) => new Step(StepKind.Deliver, message, copies))),
        (20, Gen.Int[1, 40].Select(milliseconds => new Step(StepKind.Pause, milliseconds, 0))),
        (6, Gen.Const(new Step(StepKind.CutDatabase, 0, 0))),
        (6, Gen.Const(new Step(StepKind.CutWire, 0, 0))),
        (1, Gen.Const(new Step(StepKind.CutBroker, 0, 0))));

    [Test]
    public async Task Has_each_message_take_effect_once()
    {
        await using var service = await LedgerService.Start();
        await using var wires = new Wires(service);
        await service.StartInstance(wires: wires);
        var consumed = new Deliveries();
        foreach (var instance in service.Instances)
        {
            await LedgerService.IsReady(instance);
            instance.Services.GetRequiredService<IBusControl>().ConnectReceiveObserver(consumed);
        }

        var iterations = int.TryParse(Environment.GetEnvironmentVariable(Iterations), CultureInfo.InvariantCulture, out var more) ? more : 15;
        List<Run> runs = [];
        await Steps.List[5, 40].SampleAsync(
            async schedule =>
            {
                var run = new Run();
                runs.Add(run);
                await Play(service, wires, run, schedule);
                await service.Eventually(db => db.Effects.CountAsync(effect => effect.Of.EndsWith(run.Name)), effects => effects >= 2 * Notes);
                await service.Eventually(db => CountOf(db, run), count => count >= Counts);
                await service.Eventually(_ => Task.FromResult(run.Sent.Sum(message => Math.Max(0, message.Value - consumed.Of(message.Key)))), missing => missing == 0);
                await Check(service, run);
            },
            writeLine: TestContext.Out.WriteLine, iter: iterations, threads: 1, print: schedule => string.Join(", ", schedule));

        // Whatever came late.
        await service.Quiet();
        foreach (var run in runs)
            await Check(service, run);
        Assert.That(runs, Has.Count.GreaterThanOrEqualTo(iterations));
        Assert.That((await service.Broker.QueuesAsync()).Keys.Where(queue => queue.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);
    }

    private static async Task Play(LedgerService service, Wires wires, Run run, IReadOnlyList<Step> schedule)
    {
        foreach (var step in schedule)
        {
            switch (step.Kind)
            {
                case StepKind.Deliver:
                    for (var i = 0; i < step.Copies; i++)
                        await Deliver(service, run, step.Value);
                    break;
                case StepKind.Pause:
                    await Task.Delay(step.Value); // Part of the schedule: it lets as much happen as happens in this time.
                    break;
                case StepKind.CutDatabase:
                    await service.CutConnections();
                    break;
                case StepKind.CutWire:
                    wires.Database.CutAll();
                    break;
                case StepKind.CutBroker:
                    wires.Broker.CutAll();
                    break;
            }
        }

        // What the schedule has left out comes last.
        for (var message = 0; message < Notes + Counts; message++)
        {
            if (!run.Sent.ContainsKey(run.Ids[message]))
                await Deliver(service, run, message);
        }
    }

    /// <remarks>By the instance whose connection to the broker stays.</remarks>
    private static async Task Deliver(LedgerService service, Run run, int message)
    {
        object body = message < Notes ? new NoteAndAnswer($"{message} of {run.Name}", 1) : new Count(run.Tallies[message % Tallies]);
        await service.PublishPast(body, run.Ids[message]);
        run.Sent[run.Ids[message]] = run.Sent.GetValueOrDefault(run.Ids[message]) + 1;
    }

    private static async Task Check(LedgerService service, Run run)
    {
        await using var db = service.OpenDb();
        var effects = await db.Effects.Where(effect => effect.Of.EndsWith(run.Name)).Select(effect => effect.Of).ToListAsync();
        Assert.That(effects, Is.EquivalentTo(Enumerable.Range(0, Notes).SelectMany(i => new[] { $"{i} of {run.Name}", $"answer to {i} of {run.Name}" })));
        Assert.That(await CountOf(db, run), Is.EqualTo(Counts), "counted by the sagas");
    }

    private static Task<int> CountOf(LedgerDb db, Run run) => db.Tallies.Where(tally => run.Tallies.Contains(tally.CorrelationId)).SumAsync(tally => tally.Count);

    private enum StepKind
    {
        Deliver,
        Pause,
        CutDatabase,
        CutWire,
        CutBroker,
    }

    /// <param name="Kind">What is done.</param>
    /// <param name="Value">The message, or the milliseconds.</param>
    /// <param name="Copies">How often it is delivered.</param>
    private sealed record Step(StepKind Kind, int Value, int Copies)
    {
        public override string ToString() => Kind switch
        {
            StepKind.Deliver => $"{Copies} x {(Value < Notes ? "note" : "count")} {Value}",
            StepKind.Pause => $"{Value} ms",
            _ => Kind.ToString(),
        };
    }

    /// <summary>The messages of one schedule.</summary>
    private sealed class Run
    {
        public string Name { get; } = Guid.CreateVersion7().ToString();
        public Guid[] Ids { get; } = [.. Enumerable.Range(0, Notes + Counts).Select(_ => Guid.CreateVersion7())];
        public Guid[] Tallies { get; } = [.. Enumerable.Range(0, Any_schedule.Tallies).Select(_ => Guid.CreateVersion7())];

        /// <summary>How many copies of each there are.</summary>
        public Dictionary<Guid, int> Sent { get; } = [];
    }

    /// <summary>How often each message came and was done with.</summary>
    private sealed class Deliveries : IReceiveObserver
    {
        private readonly ConcurrentDictionary<Guid, int> _counts = [];

        public int Of(Guid message) => _counts.GetValueOrDefault(message);

        public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

        public Task PostReceive(ReceiveContext context)
        {
            if (context.GetMessageId() is { } id)
                _counts.AddOrUpdate(id, 1, static (_, count) => count + 1);
            return Task.CompletedTask;
        }

        public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType) where T : class => Task.CompletedTask;

        public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception) where T : class => Task.CompletedTask;

        public Task ReceiveFault(ReceiveContext context, Exception exception) => Task.CompletedTask;
    }
}
