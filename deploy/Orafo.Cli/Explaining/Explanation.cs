using System.Globalization;
using System.Text.Json;

namespace Orafo.Cli.Explaining;

/// <summary>What the mesh knows about one order at this moment.</summary>
internal sealed record OrderFacts
{
    public required Guid Id { get; init; }
    public required string State { get; init; }

    /// <summary>When the step was asked for the last time.</summary>
    public required DateTimeOffset StepSince { get; init; }

    public required int StepAttempts { get; init; }
    public string? SuspendedIn { get; init; }
    public string? SuspendedBecause { get; init; }
    public string? InvoiceNumber { get; init; }
    public bool WaitsForPaper { get; init; }

    /// <summary>Why it was rejected.</summary>
    public IReadOnlyList<string> Reasons { get; init; } = [];

    public string? CancelledBecause { get; init; }
    public string? CancellationRefusedBecause { get; init; }
    public IReadOnlyList<TimelineEntry> Timeline { get; init; } = [];
    public IReadOnlyList<UnsentFact> Unsent { get; init; } = [];
    public PrintJobFact? PrintJob { get; init; }

    /// <summary>What the carrier has still to do for it.</summary>
    public IReadOnlyList<CarrierJobFact> CarrierJobs { get; init; } = [];

    /// <summary>As the intake estimates it; null if it cannot, or does not answer.</summary>
    public DateTimeOffset? EstimatedCompletionAt { get; init; }

    /// <summary>Of the step's command; null if the broker could not be asked.</summary>
    public QueueFact? Queue { get; init; }
}

/// <summary>As the saga's row has it.</summary>
internal sealed record TimelineEntry(string State, DateTimeOffset At, string? On, string? TraceId, string? Reason, string? By = null);

/// <summary>A message that is stored with its sender.</summary>
internal sealed record UnsentFact(string Service, string Message, int Attempts, string? Error);

internal sealed record PrintJobFact(string State, string Printer, int Attempts, DateTimeOffset Due, string? Error);

/// <param name="Retry">The command that tries it again.</param>
/// <param name="IsRecall">Otherwise the parcel is to be booked.</param>
internal sealed record CarrierJobFact(string Retry, bool IsRecall, string State, int Attempts, DateTimeOffset Due, string? Error);

internal sealed record QueueFact(string Name, string Service, long Messages, int Consumers, long GivenUp);

/// <summary>Where an order is, since when, what it waits for, what was tried, what to do.</summary>
internal static class Explanation
{
    public static IEnumerable<string> Of(OrderFacts order, DateTimeOffset now) =>
    [
        Invariant($"Order {order.Id}: {order.State}{Since(order, now)}"),
        .. What(order).Select(line => "  " + line),
        .. order.EstimatedCompletionAt is { } estimate ? [Invariant($"  It will probably be done at {estimate:yyyy-MM-dd HH:mm:ss}Z.")] : Array.Empty<string>(),
        .. order.CancellationRefusedBecause is { } refused ? [$"  It could not be cancelled: {refused}"] : Array.Empty<string>(),
        "Timeline",
        .. order.Timeline.Select(entry => Invariant(
            $"  {entry.At:yyyy-MM-dd HH:mm:ss.fff}Z  {entry.State,-14}  {entry.On ?? "POST /orders",-22}{(entry.By is null ? "" : $"  by {entry.By}")}{(entry.TraceId is null ? "" : $"  trace {entry.TraceId}")}{(entry.Reason is null ? "" : $"  {entry.Reason}")}")),
    ];

    private static string Since(OrderFacts order, DateTimeOffset now) => order.State switch
    {
        "Completed" or "Rejected" or "Cancelled" => "",
        "Suspended" => order.Timeline is [.., var last] ? $" since {Time(last.At, now)}" : "",
        _ => Invariant($", asked {(order.StepAttempts == 1 ? "once" : $"{order.StepAttempts} times, the last time")} {Time(order.StepSince, now)}"),
    };

    private static IEnumerable<string> What(OrderFacts order) => order.State switch
    {
        "Completed" => ["It is done: nothing is waited for."],
        "Rejected" => order.Reasons.Prepend("It could not be taken, and nothing was done for it."),
        "Cancelled" => [$"Everything is undone. {order.CancelledBecause}"],
        "Suspended" =>
        [
            $"It was suspended in {order.SuspendedIn}: {order.SuspendedBecause}",
            .. Print(order),
            .. Carrier(order),
            $"To do: mend what is wrong, then ./orafo resume {order.Id}; or ./orafo cancel {order.Id}",
        ],
        _ => WaitsFor(order).DefaultIfEmpty("The step is at work, or its answer is on its way."),
    };

    private static IEnumerable<string> WaitsFor(OrderFacts order)
    {
        foreach (var message in order.Unsent)
        {
            yield return message.Error is null
                ? $"{message.Message} has not left {message.Service} yet: the broker has not confirmed it."
                : Invariant($"{message.Message} has not left {message.Service}, tried {message.Attempts} times: {message.Error} To do: ./orafo outbox");
        }

        foreach (var line in Print(order).Concat(Carrier(order)))
            yield return line;
        if (order.PrintJob is not null || order.CarrierJobs.Count > 0 || order.Queue is not { } queue)
            yield break;
        if (queue.Consumers == 0)
            yield return $"Nobody takes from the queue {queue.Name}: {queue.Service} is away. To do: ./orafo status, ./orafo logs {queue.Service}";
        if (queue.Messages > 0)
            yield return Invariant($"{queue.Messages} messages wait in the queue {queue.Name}, or are being worked on.");
        if (queue.GivenUp > 0)
            yield return Invariant($"{queue.GivenUp} messages were given up on and lie in the queue {queue.Name}_error; one may be this order's. To do: ./orafo logs {queue.Service}");
    }

    private static IEnumerable<string> Print(OrderFacts order) => order.PrintJob switch
    {
        null => [],
        { State: "parked" } job =>
        [
            Invariant($"Invoice {order.InvoiceNumber} did not get onto paper at {job.Printer} in {job.Attempts} attempts: {job.Error}"),
            $"To do: ./orafo print retry {order.Id}, print redirect {order.Id} --to PRINTER, or print cancel {order.Id} (delivered electronically)",
        ],
        { State: "running" } job => [Invariant($"Invoice {order.InvoiceNumber} is being printed at {job.Printer}, attempt {job.Attempts}.")],
        var job =>
        [
            Invariant($"Invoice {order.InvoiceNumber} waits for the printer {job.Printer}{(job.Attempts == 0 ? "" : $", tried {job.Attempts} times, next {job.Due:HH:mm:ss}Z")}{(job.Error is null ? "." : $": {job.Error}")}"),
        ],
    };

    private static IEnumerable<string> Carrier(OrderFacts order) => order.CarrierJobs.SelectMany(job => job switch
    {
        { State: "parked" } =>
        [
            Invariant($"The carrier has not {(job.IsRecall ? "given the parcel back" : "taken the parcel")} in {job.Attempts} attempts: {job.Error}"),
            $"To do: mend what is wrong, then {job.Retry}",
        ],
        { State: "running" } => [Invariant($"The carrier is being asked to {(job.IsRecall ? "give the parcel back" : "take the parcel")}, attempt {job.Attempts}.")],
        _ => new[]
        {
            Invariant($"The parcel is to be {(job.IsRecall ? "called back from" : "booked with")} the carrier{(job.Attempts == 0 ? "" : $", tried {job.Attempts} times, next {job.Due:HH:mm:ss}Z")}{(job.Error is null ? "." : $": {job.Error}")}"),
        },
    });

    private static string Time(DateTimeOffset at, DateTimeOffset now)
    {
        var ago = now - at;
        var length = ago.TotalMinutes < 2 ? $"{ago.TotalSeconds:0} s" : ago.TotalHours < 2 ? $"{ago.TotalMinutes:0} min" : ago.TotalDays < 2 ? $"{ago.TotalHours:0} h" : $"{ago.TotalDays:0} days";
        return Invariant($"{at:yyyy-MM-dd HH:mm:ss}Z ({length} ago)");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What the saga's row has as JSON.</summary>
    public static IReadOnlyList<T> Read<T>(string? json) => json is null ? [] : JsonSerializer.Deserialize<T[]>(json, JsonSerializerOptions.Web) ?? [];
}
