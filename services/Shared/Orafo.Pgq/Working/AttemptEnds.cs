using System.Text;
using Npgsql;
using NpgsqlTypes;
using Orafo.Postgres;

namespace Orafo.Pgq;

/// <summary>A job that came to its end, for the history.</summary>
internal sealed record EndedJob(Lease Lease, string Outcome, string? Result, string? Error);

/// <summary>A job that is given back.</summary>
internal sealed record PutOffJob(Lease Lease, string Error, TimeSpan Pause, bool IsParked);

/// <summary>What is written of an attempt: that the job is over, or that it is tried again or parked; or neither, if there is nothing to write.</summary>
internal sealed record AttemptEnd
{
    public AttemptEnd(Lease lease, JobOutcome outcome, JobWorkerOptions options)
    {
        var isUsedUp = lease.Job.Attempts >= options.MaxAttempts;
        Ended = outcome switch
        {
            JobOutcome.DoneOutcome done => new(lease, JobStates.Done, done.Result, null),
            JobOutcome.RejectOutcome rejected => new(lease, JobStates.Rejected, null, rejected.Reason),
            JobOutcome.CancelledOutcome => new(lease, JobStates.Cancelled, null, null),
            _ => null,
        };
        PutOff = outcome switch
        {
            JobOutcome.RetryOutcome retry => new(lease, retry.Error, PauseOf(retry, lease, options), isUsedUp),
            JobOutcome.ParkOutcome park => new(lease, park.Error, TimeSpan.Zero, IsParked: true),
            // Should its transaction not have committed; otherwise this finds nothing.
            JobOutcome.WrittenOutcome { Outcome: JobOutcome.RetryOutcome or JobOutcome.ParkOutcome } own => new AttemptEnd(lease, own.Outcome, options).PutOff,
            _ => null,
        };
    }

    public EndedJob? Ended { get; }

    public PutOffJob? PutOff { get; }

    private static TimeSpan PauseOf(JobOutcome.RetryOutcome retry, Lease lease, JobWorkerOptions options)
    {
        if (retry.After is { } given)
            return given;
        var pause = Backoff.After(lease.Job.Attempts - 1, options.FirstPause, options.LongestPause);
        return retry.AtLeast > pause ? retry.AtLeast.Value : pause;
    }
}

/// <summary>The parameters of statements that write many jobs.</summary>
internal static class AttemptEnds
{
    public static IEnumerable<NpgsqlParameter> Parameters(List<EndedJob> jobs) =>
    [
        .. Leases(jobs.Select(job => job.Lease)),
        new NpgsqlParameter<string[]> { TypedValue = [.. jobs.Select(job => job.Outcome)] },
        Texts(jobs.Select(job => job.Result)),
        Texts(jobs.Select(job => job.Error)),
    ];

    public static IEnumerable<NpgsqlParameter> Parameters(List<PutOffJob> jobs) =>
    [
        .. Leases(jobs.Select(job => job.Lease)),
        Texts(jobs.Select(job => job.Error)),
        new NpgsqlParameter<TimeSpan[]> { TypedValue = [.. jobs.Select(job => job.Pause)] },
        new NpgsqlParameter<bool[]> { TypedValue = [.. jobs.Select(job => job.IsParked)] },
    ];

    public static IEnumerable<NpgsqlParameter> Leases(IEnumerable<Lease> leases)
    {
        Lease[] all = [.. leases];
        return
        [
            new NpgsqlParameter<Guid[]> { TypedValue = Array.ConvertAll(all, lease => lease.Job.Id) },
            new NpgsqlParameter<Guid[]> { TypedValue = Array.ConvertAll(all, lease => lease.Token) },
        ];
    }

    /// <summary>The same as PostgreSQL can keep it: no NUL, no half of a character. Of a result or an error the first 4000 characters are kept.</summary>
    public static string Storable(string text)
    {
        const int Longest = 4000;
        var start = text.Length <= Longest ? text : text[..(char.IsHighSurrogate(text[Longest - 1]) ? Longest - 1 : Longest)];
        // Writes halves of characters as replacement characters.
        return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(start)).Replace('\0', ' ');
    }

    private static NpgsqlParameter Texts(IEnumerable<string?> texts) => new()
    {
        Value = texts.Select(text => text is null ? null : Storable(text)).ToArray(),
        NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
    };
}
