using Npgsql;

namespace Orafo.Pgq;

/// <summary>Where a job may be.</summary>
public static class JobStates
{
    /// <summary>Not to be run before its time: it was published so, or is tried again then.</summary>
    public const string Scheduled = "scheduled";

    /// <summary>In line.</summary>
    public const string Waiting = "waiting";

    /// <summary>A worker has a lease on it.</summary>
    public const string Running = "running";

    /// <summary>Its lease ran out more than once: perhaps it kills its workers. Each of them does one such job at a time.</summary>
    public const string Suspect = "suspect";

    /// <summary>Its attempts are used up, or its payload cannot be read: it waits for an operator's decision.</summary>
    public const string Parked = "parked";

    /// <summary>Those of jobs that are not over.</summary>
    public static IReadOnlyList<string> NotOver { get; } = [Scheduled, Waiting, Running, Suspect, Parked];

    /// <summary>Over: done.</summary>
    public const string Done = "done";

    /// <summary>Over: the handler said that trying again is of no use.</summary>
    public const string Rejected = "rejected";

    /// <summary>Over: somebody cancelled it.</summary>
    public const string Cancelled = "cancelled";
}

/// <summary>What the table says of a job.</summary>
public sealed record JobStatus
{
    public required Guid Id { get; init; }

    /// <summary>One of <see cref="JobStates"/>.</summary>
    public required string State { get; init; }

    public required short Priority { get; init; }
    public required string Group { get; init; }
    public required string? DeduplicationKey { get; init; }

    /// <summary>JSON, as PostgreSQL writes it.</summary>
    public required string Payload { get; init; }

    /// <summary>JSON, as PostgreSQL writes it.</summary>
    public required string Metadata { get; init; }

    /// <summary>How often it was begun.</summary>
    public required int Attempts { get; init; }

    /// <summary>What the handler last said about how far it is.</summary>
    public required string? Progress { get; init; }

    /// <summary>What the handler said at the end.</summary>
    public required string? Result { get; init; }

    /// <summary>Why it was tried again, parked, rejected or cancelled last.</summary>
    public required string? Error { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset Due { get; init; }
    public required DateTimeOffset? StartedAt { get; init; }
    public required DateTimeOffset? FinishedAt { get; init; }

    internal static JobStatus Read(NpgsqlDataReader row) => new()
    {
        Id = row.GetGuid(0),
        State = row.GetString(1),
        Priority = row.GetInt16(2),
        Group = row.GetString(3),
        DeduplicationKey = row.IsDBNull(4) ? null : row.GetString(4),
        Payload = row.GetString(5),
        Metadata = row.GetString(6),
        Attempts = row.GetInt32(7),
        Progress = row.IsDBNull(8) ? null : row.GetString(8),
        Result = row.IsDBNull(9) ? null : row.GetString(9),
        Error = row.IsDBNull(10) ? null : row.GetString(10),
        CreatedAt = row.GetFieldValue<DateTimeOffset>(11),
        Due = row.GetFieldValue<DateTimeOffset>(12),
        StartedAt = row.IsDBNull(13) ? null : row.GetFieldValue<DateTimeOffset>(13),
        FinishedAt = row.IsDBNull(14) ? null : row.GetFieldValue<DateTimeOffset>(14),
    };
}
