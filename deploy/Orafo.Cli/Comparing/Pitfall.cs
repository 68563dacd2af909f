using System.Globalization;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Comparing;

/// <summary>A step as it takes part in a <see cref="Pitfall"/>.</summary>
/// <param name="Step">Which.</param>
/// <param name="Variant">How it is set up, where there are several ways.</param>
/// <param name="Environment">The environment variables that do so.</param>
internal sealed record Entrant(string Step, string? Variant, IReadOnlyDictionary<string, string?> Environment)
{
    public static Entrant Of(string step) => new(step, null, new Dictionary<string, string?>(StringComparer.Ordinal));

    public static Entrant Of(string step, string variant, string name, string value) =>
        new(step, variant, new Dictionary<string, string?>(StringComparer.Ordinal) { [name] = value });
}

/// <summary>An experiment of its own.</summary>
/// <param name="Name">As on the command line and in the report, where it is the fault.</param>
/// <param name="Title">As a heading.</param>
/// <param name="About">What happens in it.</param>
/// <param name="Orders">How many.</param>
/// <param name="Setup">Of each step.</param>
/// <param name="IsShortOfMemory">Whether its processes have no more than <see cref="Memory"/> together.</param>
/// <param name="Entrants">Those that have something to lose, and whoever has not.</param>
/// <param name="Place">Places the orders and waits for their end: who recovers from what went wrong says when.</param>
internal sealed record Pitfall(
    string Name, string Title, string About, int Orders, Setup Setup, bool IsShortOfMemory, IReadOnlyList<Entrant> Entrants,
    Func<Measurement, Contestant, CancellationToken, Task<TimeSpan?>> Place)
{
    private const string OutOfMemoryName = "out-of-memory";
    private const string RedeliveryName = "redelivery";
    private const string AcknowledgementTimeoutName = "acknowledgement-timeout";
    private const int Consumers = 2;
    private const int ConsumersMiB = 256;
    private const int ServicesMiB = 1024;

    /// <summary>Less than a print job of step 6 may have.</summary>
    private const int DocumentKiB = 240;

    /// <summary>For a hundred of the other runs; all documents together are more than the consumers have memory for.</summary>
    private const int HeavyOrders = 1400;

    /// <summary>A full order of the mesh.</summary>
    private const int MostLines = 200;

    private const int SlowOrders = 6;

    /// <summary>The last one as last: what it does to the broker stays.</summary>
    public static IReadOnlyList<string> Names { get; } = [OutOfMemoryName, RedeliveryName, AcknowledgementTimeoutName];

    /// <summary>All of them.</summary>
    /// <param name="orders">As in the other runs.</param>
    /// <param name="timeScale">What the talk's times are multiplied by.</param>
    public static IReadOnlyList<Pitfall> All(int orders, double timeScale) =>
        [OutOfMemory(HeavyOrders * Math.Max(100, orders) / 100, timeScale), Redelivery(orders, timeScale), AcknowledgementTimeout(Math.Min(SlowOrders, orders), timeScale)];

    public MemoryGroup? Memory(Step step)
    {
        var (processes, memory) = step.Name == Comparing.Step.MeshName ? (MeshService.All.Count, ServicesMiB) : (Consumers, ConsumersMiB);
        return IsShortOfMemory ? MemoryGroup.Create((long)memory * 1024 * 1024, processes) : null;
    }

    public async Task<Outcome> Run(Step step, string? variant, Contestant contestant, CancellationToken stop)
    {
        var measurement = new Measurement(step, contestant, Orders);
        var outcome = await measurement.Count(Name, variant, await Place(measurement, contestant, stop));
        // What a process that the kernel kills has used is counted by nobody, and most of the last one's time passes in waiting.
        return Name == RedeliveryName ? outcome : outcome with { CpuSecondsPer1000Orders = null };
    }

    private static Pitfall OutOfMemory(int orders, double timeScale)
    {
        var setup = new Setup
        {
            TimeScale = timeScale * 5,
            Page = TimeSpan.FromSeconds(timeScale / 2),
            Instances = Consumers,
            WarmUpOrders = 1,
            Document = new('x', DocumentKiB * 1024),
            Lines = MostLines,
        };
        return new(
            OutOfMemoryName,
            "When more waits than memory holds",
            string.Create(CultureInfo.InvariantCulture,
                $"{orders} orders, each with a document of {DocumentKiB} KiB, {orders * DocumentKiB / 1024} MiB in all, come while the printer is away; {Consumers} processes of the step have {ConsumersMiB} MiB together. The mesh has {ServicesMiB} MiB for its four services, and orders of {MostLines} lines, the most that it takes, which are smaller."),
            orders, setup, IsShortOfMemory: true,
            [
                Entrant.Of("async-http-printer"),
                Entrant.Of("async-rabbit-printer", "no limit to prefetch", "Evolution__Prefetch", "0"),
                Entrant.Of("async-rabbit-printer", "prefetch 2", "Evolution__Prefetch", "2"),
                Entrant.Of("async-pgq"),
                Entrant.Of(Comparing.Step.MeshName),
            ],
            async (measurement, contestant, stop) =>
            {
                await contestant.Printer.Put(new { offline = true });
                await measurement.PlaceAtOnce(stop);
                await contestant.Printer.Put(new { });
                await measurement.Settle(TimeSpan.FromSeconds(20), TimeSpan.FromMinutes(5) * orders / HeavyOrders, stop);
                return null;
            });
    }

    private static Pitfall Redelivery(int orders, double timeScale)
    {
        var setup = new Setup { TimeScale = timeScale, WarmUpOrders = orders };
        return new(
            RedeliveryName,
            "What becomes of a page that failed",
            string.Create(CultureInfo.InvariantCulture,
                $"The printer is away for {setup.FaultLasts.TotalSeconds:0.##} s. Step 4 gives back what failed (nack with requeue), or puts it away (reject, to the dead-letter queue, where it is stuck until somebody comes); how often each step asked the printer in vain meanwhile, says the printer."),
            orders, setup, IsShortOfMemory: false,
            [
                Entrant.Of("async-rabbit-printer", "requeues", "Evolution__OnFailure", "requeue"),
                Entrant.Of("async-rabbit-printer", "rejects", "Evolution__OnFailure", "reject"),
                Entrant.Of("async-pgq"),
            ],
            async (measurement, _, stop) =>
            {
                var recovered = await measurement.PlaceDuring(Fault.All.Single(fault => fault.Name == "offline"), setup, stop);
                await measurement.Settle(Comparison.Quiet, TimeSpan.MaxValue, stop);
                return recovered;
            });
    }

    private static Pitfall AcknowledgementTimeout(int orders, double timeScale)
    {
        var timeout = TimeSpan.FromSeconds(Math.Max(5, Math.Round(250 * timeScale)));
        var (page, quick) = (timeout * 1.3, TimeSpan.FromMilliseconds(50));
        return new(
            AcknowledgementTimeoutName,
            "When a page takes longer than the broker waits",
            string.Create(CultureInfo.InvariantCulture,
                $"{orders} orders, one after another, whose pages take {page.TotalSeconds:0.#} s each, two at a time; RabbitMQ takes back what is not acknowledged for {timeout.TotalSeconds:0.#} s (consumer_timeout). What is stuck would not come for ever; what was printed again, in six pages' time, would come again for ever."),
            orders,
            // Clients wait for five pages and more. The printer is slowed down and not started again, which takes a second: a RabbitMQ 3.10 whose channel has slept looks twice
            // in a moment, closes the channel twice, and RabbitMQ.Client closes the connection for that.
            new() { TimeScale = timeout.TotalSeconds / 8, Page = quick, WarmUpOrders = 1, ConsumerTimeout = timeout },
            IsShortOfMemory: false,
            [
                Entrant.Of("async-rabbit-printer"),
                Entrant.Of("async-rabbit-printer", "reopens its channel", "Evolution__Reopen", "true"),
                Entrant.Of("rabbit-request-response"),
                Entrant.Of("async-pgq"),
                Entrant.Of(Comparing.Step.MeshName),
            ],
            async (measurement, contestant, stop) =>
            {
                await contestant.Printer.Put(new { slowSeconds = (page - quick).TotalSeconds });
                await measurement.PlaceEvery(page / 2, stop);
                await measurement.Settle(page * 3, page * 6, stop);
                return null;
            });
    }
}
