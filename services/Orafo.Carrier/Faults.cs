using System.Text.Json.Serialization;

namespace Orafo.Carrier;

/// <summary>What is wrong with the carrier: the body of <c>PUT /faults</c>. What is left out is right. A restart mends everything.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record Faults
{
    public const double LongestSeconds = 3600;

    /// <summary>Switched off: connections end without an answer.</summary>
    public bool Offline { get; init; }

    /// <summary>Takes the request and never answers, nor does anything.</summary>
    public bool NoAnswer { get; init; }

    /// <summary>Busy with something else: 503, to come again after so many seconds.</summary>
    public double? BusySeconds { get; init; }

    /// <summary>Everything takes so many seconds longer.</summary>
    public double SlowSeconds { get; init; }

    /// <summary>Does not deliver there: 422 for a parcel to this postal code, whenever it is asked.</summary>
    public string? RefusePostalCode { get; init; }

    /// <summary>The process dies before the next booking is written down.</summary>
    public bool CrashBeforeBooking { get; init; }

    /// <summary>The process dies when the next booking has been written down, and nobody told.</summary>
    public bool CrashAfterBooking { get; init; }

    /// <summary>The nastiest one: it is booked, or recalled, and the connection ends without an answer.</summary>
    public bool LoseReplies { get; init; }

    /// <summary>What cannot be, by member; empty if all can.</summary>
    public Dictionary<string, string[]> Mistakes()
    {
        Dictionary<string, string[]> mistakes = new(StringComparer.Ordinal);
        if (BusySeconds is not (null or (>= 0 and <= LongestSeconds)))
            mistakes["busySeconds"] = [$"From 0 to {LongestSeconds}."];
        if (SlowSeconds is not (>= 0 and <= LongestSeconds))
            mistakes["slowSeconds"] = [$"From 0 to {LongestSeconds}."];
        return mistakes;
    }
}

/// <summary>The answer of <c>GET /faults</c>.</summary>
/// <param name="Faults">What is wrong now.</param>
/// <param name="Met">How often each was met since the start.</param>
public sealed record FaultReport(Faults Faults, IReadOnlyDictionary<string, long> Met);
