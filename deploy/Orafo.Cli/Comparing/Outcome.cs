using System.Globalization;
using System.Text.Json.Serialization;

namespace Orafo.Cli.Comparing;

/// <summary>What became of the orders of one run: a step, with one thing going wrong, or nothing.</summary>
internal sealed record Outcome
{
    public required string Step { get; init; }
    public required string Fault { get; init; }

    /// <summary>How the step was set up, where there are several ways.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; init; }

    public required int Orders { get; init; }

    /// <summary>Whose client was told that it is done, or will be.</summary>
    public required int Accepted { get; init; }

    /// <summary>Whose client was told that it failed, or was told nothing in time.</summary>
    public required int Refused { get; init; }

    /// <summary>Accepted, not printed, and nothing is left that would print it. By the printer's record, as all that follows.</summary>
    public required int Lost { get; init; }

    /// <summary>Not printed, but still in the step's table or queue when nothing had happened any more for long.</summary>
    public required int Stuck { get; init; }

    /// <summary>Printed, although the client was not told that it is accepted.</summary>
    public required int HalfDone { get; init; }

    /// <summary>Whole pages beyond the first one of each order.</summary>
    public required int PrintedTwice { get; init; }

    /// <summary>How often the printer was asked for a page and did not print it, or did not say so; a printer that died has forgotten what was before.</summary>
    public required long AskedInVain { get; init; }

    /// <summary>How long clients waited for their answer, whatever it was, in milliseconds.</summary>
    public required double P50Ms { get; init; }

    public required double P99Ms { get; init; }

    /// <summary>Accepted, from the first request to the last answer.</summary>
    public required double OrdersPerSecond { get; init; }

    /// <summary>From the first request; null without a printer, or without a page.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required double? SecondsToLastPage { get; init; }

    /// <summary>From the end of the fault, of a kill from the kill, until an order that was placed after it is accepted and printed; null if none is within half a minute, and without a fault.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required double? SecondsToRecover { get; init; }

    /// <summary>The step's processes and the servers that it uses, per 1000 orders, those that look whether it works again included; the printer is left out. The clock ticks a hundred times a second. Null for a <see cref="Pitfall"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required double? CpuSecondsPer1000Orders { get; init; }

    /// <summary>The most that the step's own processes have had.</summary>
    public required double PeakMemoryMiB { get; init; }

    /// <summary>How often one of the step's own processes has ended, whatever ended it.</summary>
    public required int Deaths { get; init; }

    /// <summary>Whether each accepted order was printed once, and no other.</summary>
    [JsonIgnore]
    public bool IsExact => Lost + Stuck + HalfDone + PrintedTwice == 0;

    /// <summary>The step and how it was set up.</summary>
    [JsonIgnore]
    public string Title => Variant is null ? Step : $"{Step}, {Variant}";

    /// <summary>What tables say of a run.</summary>
    public static IReadOnlyList<(string Heading, Func<Outcome, string> Figure)> Columns { get; } =
    [
        ("step", run => run.Title), ("fault", run => run.Fault),
        ("accepted", run => Whole(run.Accepted)), ("refused", run => Whole(run.Refused)), ("lost", run => Whole(run.Lost)), ("stuck", run => Whole(run.Stuck)),
        ("half done", run => Whole(run.HalfDone)), ("printed twice", run => Whole(run.PrintedTwice)), ("asked in vain", run => Whole(run.AskedInVain)),
        ("p50, ms", run => Whole(run.P50Ms)), ("p99, ms", run => Whole(run.P99Ms)), ("orders/s", run => Tenths(run.OrdersPerSecond)),
        ("last page, s", run => Tenths(run.SecondsToLastPage)), ("recovers in, s", run => Tenths(run.SecondsToRecover)),
        ("CPU-s per 1000", run => Tenths(run.CpuSecondsPer1000Orders)), ("MiB", run => Whole(run.PeakMemoryMiB)), ("deaths", run => Whole(run.Deaths)),
    ];

    /// <summary>For a terminal: in Markdown.</summary>
    public static string Table(IEnumerable<Outcome> outcomes) => string.Join('\n',
    [
        Row(Columns.Select(column => column.Heading)),
        $"|{string.Concat(Columns.Select((_, i) => i < 2 ? "---|" : "---:|"))}",
        .. outcomes.Select(outcome => Row(Columns.Select(column => column.Figure(outcome)))),
        "",
    ]);

    private static string Row(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |";

    private static string Whole(double number) => number.ToString("0", CultureInfo.InvariantCulture);

    private static string Tenths(double? number) => number?.ToString("0.0", CultureInfo.InvariantCulture) ?? "";
}
