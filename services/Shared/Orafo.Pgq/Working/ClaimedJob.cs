using Npgsql;

namespace Orafo.Pgq;

/// <summary>A row that was claimed.</summary>
internal sealed record ClaimedJob
{
    public required Guid Id { get; init; }
    public required string Group { get; init; }
    public required DateTime Rank { get; init; }
    public required short Priority { get; init; }
    public required string? DeduplicationKey { get; init; }
    public required string Payload { get; init; }
    public required string Metadata { get; init; }
    public required int Attempts { get; init; }
    public required bool IsToBeCancelled { get; init; }
    public required string? TraceParent { get; init; }
    public required string? TraceState { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset Due { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Seconds since it was due.</summary>
    public required double Latency { get; init; }

    public required bool IsSuspect { get; init; }

    /// <summary>It was one of several groups whose turn it was: if one had less than its share, there may be more of the others.</summary>
    public required bool HadCompany { get; init; }

    /// <summary>The same for others to see.</summary>
    public JobStatus Status => new()
    {
        Id = Id,
        State = JobStates.Running,
        Priority = Priority,
        Group = Group,
        DeduplicationKey = DeduplicationKey,
        Payload = Payload,
        Metadata = Metadata,
        Attempts = Attempts,
        Progress = null,
        Result = null,
        Error = null,
        CreatedAt = CreatedAt,
        Due = Due,
        StartedAt = StartedAt,
        FinishedAt = null,
    };

    public static ClaimedJob Read(NpgsqlDataReader row) => new()
    {
        Id = row.GetGuid(0),
        Group = row.GetString(1),
        Rank = row.GetDateTime(2),
        Priority = row.GetInt16(3),
        DeduplicationKey = row.IsDBNull(4) ? null : row.GetString(4),
        Payload = row.GetString(5),
        Metadata = row.GetString(6),
        Attempts = row.GetInt32(7),
        IsToBeCancelled = row.GetBoolean(8),
        TraceParent = row.IsDBNull(9) ? null : row.GetString(9),
        TraceState = row.IsDBNull(10) ? null : row.GetString(10),
        CreatedAt = row.GetFieldValue<DateTimeOffset>(11),
        Due = row.GetFieldValue<DateTimeOffset>(12),
        StartedAt = row.GetFieldValue<DateTimeOffset>(13),
        Latency = row.GetDouble(14),
        IsSuspect = row.GetBoolean(15),
        HadCompany = row.GetBoolean(16),
    };
}
