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

    /// <summary>How long clients waited for their answer, whatever it was, in milliseconds.</summary>
    public required double P50Ms { get; init; }

    public required double P99Ms { get; init; }

    /// <summary>Accepted, from the first request to the last answer.</summary>
    public required double OrdersPerSecond { get; init; }

    /// <summary>From the first request; null without a printer, or without a page.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required double? SecondsToLastPage { get; init; }

    /// <summary>From the end of the fault, of a kill from the kill, to the next page; null without one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required double? SecondsToRecover { get; init; }

    /// <summary>The step's processes and the servers that it uses, per 1000 orders; the printer is left out. Null for a <see cref="Pitfall"/>.</summary>
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

    public static string Table(IEnumerable<Outcome> outcomes) => string.Join('\n',
    [
        "| step | fault | accepted | refused | lost | stuck | half done | printed twice | p50, ms | p99, ms | orders/s | last page, s | recovers in, s | CPU-s per 1000 | MiB | deaths |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        .. outcomes.Select(outcome => string.Create(CultureInfo.InvariantCulture,
            $"| {outcome.Title} | {outcome.Fault} | {outcome.Accepted} | {outcome.Refused} | {outcome.Lost} | {outcome.Stuck} | {outcome.HalfDone} | {outcome.PrintedTwice} | {outcome.P50Ms:0} | {outcome.P99Ms:0} | {outcome.OrdersPerSecond:0.0} | {outcome.SecondsToLastPage:0.0} | {outcome.SecondsToRecover:0.0} | {outcome.CpuSecondsPer1000Orders:0.0} | {outcome.PeakMemoryMiB:0} | {outcome.Deaths} |")),
        "",
    ]);
}
