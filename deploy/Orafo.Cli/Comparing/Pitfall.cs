using System.Globalization;

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

/// <summary>An experiment of its own, with orders and times of its own.</summary>
/// <param name="Name">As on the command line and in the report, where it is the fault.</param>
/// <param name="Title">As a heading.</param>
/// <param name="About">What happens in it.</param>
/// <param name="Setup">Of each step.</param>
/// <param name="MemoryMiB">What the step's processes have together; null if all there is.</param>
/// <param name="Entrants">Those that have something to lose, and the last two.</param>
/// <param name="Measure">Places the orders, and counts.</param>
internal sealed record Pitfall(
    string Name, string Title, string About, Setup Setup, int? MemoryMiB, IReadOnlyList<Entrant> Entrants, Func<Step, string?, Contestant, CancellationToken, Task<Outcome>> Measure)
{
    private const int Consumers = 4;

    /// <summary>More of them than fit into the memory.</summary>
    private const int HeavyOrders = 4500;

    private const int DocumentKiB = 240;

    private const int MemoryLimitMiB = 1024;

    /// <summary>A full order of the mesh.</summary>
    private const int MostLines = 200;

    private const int SlowOrders = 6;
    private static readonly TimeSpan Acknowledge = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan SlowPage = Acknowledge * 1.5;

    public static Pitfall OutOfMemory { get; } = new(
        "out-of-memory",
        "When more waits than memory holds",
        string.Create(CultureInfo.InvariantCulture, $"{HeavyOrders} orders, each with a document of {DocumentKiB} KiB (in the mesh: of {MostLines} lines), come while the printer is away. {Consumers} processes of the step (of the mesh: its four services) have {MemoryLimitMiB} MiB together."),
        new() { TimeScale = 0.1, PageSeconds = 0.01, Instances = Consumers, Document = new('x', DocumentKiB * 1024), Lines = MostLines },
        MemoryLimitMiB,
        [
            Entrant.Of("async-http-printer"),
            Entrant.Of("async-rabbit-printer", "no limit to prefetch", "Evolution__Prefetch", "0"),
            Entrant.Of("async-rabbit-printer", "prefetch 2", "Evolution__Prefetch", "2"),
            Entrant.Of("async-pgq"),
            Entrant.Of(Comparing.Step.MeshName),
        ],
        async (step, variant, contestant, stop) =>
        {
            var measurement = await Measurement.Begin(step, contestant, HeavyOrders, stop);
            await Fault.Put(contestant, new { offline = true });
            await measurement.PlaceAtOnce(stop);
            await Fault.Put(contestant, new { });
            var mended = TimeProvider.System.GetUtcNow();
            await measurement.Settle(TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(5), stop);
            return await measurement.Count("out-of-memory", variant, mended);
        });

    public static Pitfall AcknowledgementTimeout { get; } = new(
        "acknowledgement-timeout",
        "When a page takes longer than the broker waits",
        string.Create(CultureInfo.InvariantCulture, $"{SlowOrders} orders, one after another, whose pages take {SlowPage.TotalSeconds:0} s each, two at a time; RabbitMQ takes back what is not acknowledged for {Acknowledge.TotalSeconds:0} s (consumer_timeout). What is stuck would not come for ever; what was printed again, in six pages' time, would come again for ever."),
        new() { TimeScale = 1, PageSeconds = 0.05, ConsumerTimeout = Acknowledge },
        null,
        [
            Entrant.Of("async-rabbit-printer"),
            Entrant.Of("async-rabbit-printer", "reopens its channel", "Evolution__Reopen", "true"),
            Entrant.Of("rabbit-request-response"),
            Entrant.Of("async-pgq"),
            Entrant.Of(Comparing.Step.MeshName),
        ],
        async (step, variant, contestant, stop) =>
        {
            var measurement = await Measurement.Begin(step, contestant, SlowOrders, stop);
            await Fault.Put(contestant, new { slowSeconds = SlowPage.TotalSeconds });
            await measurement.PlaceEvery(SlowPage / 2, stop);
            await measurement.Settle(SlowPage * 3, SlowPage * 6, stop);
            return await measurement.Count("acknowledgement-timeout", variant, mended: null);
        });

    /// <summary>The first one as first: what the other does to the broker stays.</summary>
    public static IReadOnlyList<Pitfall> All { get; } = [OutOfMemory, AcknowledgementTimeout];

    /// <summary>What a process that the kernel kills has used is counted by nobody, and most of an experiment's time passes in waiting: CPU is not told.</summary>
    public async Task<Outcome> Run(Step step, string? variant, Contestant contestant, CancellationToken stop) =>
        await Measure(step, variant, contestant, stop) with { CpuSecondsPer1000Orders = null };

    public MemoryGroup? Memory() => MemoryMiB is { } limit ? MemoryGroup.Create(limit * 1024L * 1024, Consumers) : null;
}
