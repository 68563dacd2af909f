using System.Text.Json.Serialization;

namespace Orafo.Printer;

/// <summary>What is wrong with the device: the body of <c>PUT /faults</c>. What is left out is right. A restart mends everything.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record Faults
{
    public const double LongestSeconds = 3600;

    /// <summary>Switched off: connections end without an answer.</summary>
    public bool Offline { get; init; }

    /// <summary>Takes the request and never answers, nor prints.</summary>
    public bool NoAnswer { get; init; }

    /// <summary>Busy with something else: 503, to come again after so many seconds.</summary>
    public double? BusySeconds { get; init; }

    /// <summary>So many pages are left, then it is out of ink: 503.</summary>
    public int? InkPages { get; init; }

    /// <summary>Each page takes so many seconds longer.</summary>
    public double SlowSeconds { get; init; }

    /// <summary>With this probability, 0 to 1, a page is ruined: 503.</summary>
    public double JamProbability { get; init; }

    /// <summary>The tray of that number ruins every page: 503. The others do not.</summary>
    public int? JammedTray { get; init; }

    /// <summary>The process dies in the middle of the next page, half of which is out.</summary>
    public bool CrashInPage { get; init; }

    /// <summary>The nastiest one: the page is out, and the connection ends without an answer.</summary>
    public bool LoseReplies { get; init; }

    /// <summary>What cannot be, by member; empty if all can.</summary>
    public Dictionary<string, string[]> Mistakes()
    {
        Dictionary<string, string[]> mistakes = new(StringComparer.Ordinal);
        if (BusySeconds is not (null or (>= 0 and <= LongestSeconds)))
            mistakes["busySeconds"] = [$"From 0 to {LongestSeconds}."];
        if (InkPages < 0)
            mistakes["inkPages"] = ["Not less than 0."];
        if (SlowSeconds is not (>= 0 and <= LongestSeconds))
            mistakes["slowSeconds"] = [$"From 0 to {LongestSeconds}."];
        if (JamProbability is not (>= 0 and <= 1))
            mistakes["jamProbability"] = ["From 0 to 1."];
        if (JammedTray < 1)
            mistakes["jammedTray"] = ["From 1."];
        return mistakes;
    }
}

/// <summary>The answer of <c>GET /faults</c>.</summary>
/// <param name="Faults">What is wrong now; of the ink, what is left of it.</param>
/// <param name="Met">How often each was met since the start.</param>
public sealed record FaultReport(Faults Faults, IReadOnlyDictionary<string, long> Met);

/// <summary>The device does not print, and says why.</summary>
public sealed class PrinterException(string reason, TimeSpan? retryAfter = null) : Exception(reason)
{
    /// <summary>When to come again, if it knows.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
