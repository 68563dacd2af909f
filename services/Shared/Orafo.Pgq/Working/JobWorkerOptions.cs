using System.Text.Json;

namespace Orafo.Pgq;

/// <summary>How jobs of one queue are done by one process.</summary>
public sealed class JobWorkerOptions
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <summary>Of a filter: each of them that reads like a number doubles what its metadata may look like.</summary>
    private const int MostMembers = 8;

    /// <summary>How many jobs are done at a time: 1 to 1000.</summary>
    public int Parallelism { get; set; } = 8;

    /// <summary>How many jobs of one group are done at a time; as many as there are hands unless given. So one group that is slow cannot take all of them.</summary>
    public int? MaxPerGroup { get; set; }

    /// <summary>How long a job stays with a worker that does not renew its lease, because it died or hangs. Renewed three times in that time.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often a worker that hears of nothing looks by itself, about.</summary>
    public TimeSpan PollingInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How often a job is begun before it is parked; also one that kills its worker each time, which is begun three times at least.</summary>
    public int MaxAttempts { get; set; } = 10;

    /// <summary>The pause after the first failed attempt; it doubles, with jitter.</summary>
    public TimeSpan FirstPause { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>What it doubles up to, about.</summary>
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    ///     Only jobs whose metadata have all these members; a number or a boolean there is what it reads as text, as for groups. What a filter leaves out is
    ///     read nevertheless: many of them in line before the others cost time.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Filter { get; set; }

    /// <summary>No job whose metadata have one of these members. One that lacks the member is done.</summary>
    public IReadOnlyDictionary<string, string>? Except { get; set; }

    /// <summary>How long jobs that are over are remembered: a day at least; dropped by whole days (UTC).</summary>
    public TimeSpan KeepHistory { get; set; } = TimeSpan.FromDays(30);

    /// <summary>How long a handler may go on when the process stops, before its token is cancelled. Less than the host's shutdown time-out.</summary>
    public TimeSpan StopPatience { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Is told of a job whose payload cannot be read. It is parked.</summary>
    public Func<JobStatus, JsonException, Task>? OnInvalid { get; set; }


    /// <exception cref="InvalidOperationException">They make no sense.</exception>
    internal void Check()
    {
        if (Parallelism is < 1 or > 1000)
            throw new InvalidOperationException($"{nameof(Parallelism)} is from 1 to 1000, not {Parallelism}.");
        if (MaxPerGroup < 1)
            throw new InvalidOperationException($"{nameof(MaxPerGroup)} is at least 1, not {MaxPerGroup}.");
        if (MaxAttempts < 1)
            throw new InvalidOperationException($"{nameof(MaxAttempts)} is at least 1, not {MaxAttempts}.");
        if (Lease < TimeSpan.FromSeconds(1) || Lease > Longest)
            throw new InvalidOperationException($"{nameof(Lease)} is from a second to a day, not {Lease}.");
        if (PollingInterval > Longest || LongestPause > Longest || StopPatience > Longest)
            throw new InvalidOperationException($"{nameof(PollingInterval)}, {nameof(LongestPause)} and {nameof(StopPatience)} are a day at most.");
        if (PollingInterval <= TimeSpan.Zero || FirstPause < TimeSpan.Zero || LongestPause < FirstPause || StopPatience < TimeSpan.Zero)
            throw new InvalidOperationException($"{nameof(PollingInterval)} is more than nothing, no pause less than nothing, and {nameof(LongestPause)} not less than {nameof(FirstPause)}.");
        if (Filter?.Count > MostMembers)
            throw new InvalidOperationException($"{nameof(Filter)} has {MostMembers} members at most, not {Filter.Count}.");
        if (KeepHistory < TimeSpan.FromDays(1))
            throw new InvalidOperationException($"{nameof(KeepHistory)} is at least a day, not {KeepHistory}.");
    }
}
