namespace Orafo.Pgq;

/// <summary>A job as a DbContext writes it: what the publisher says of it. The rest the table fills in.</summary>
public sealed class JobRow
{
    public required Guid Id { get; init; }
    public string Payload { get; init; } = "null";
    public string Metadata { get; init; } = "{}";
    public short Priority { get; init; }

    /// <summary>Null: at once.</summary>
    public DateTimeOffset? Due { get; init; }

    public string? DeduplicationKey { get; init; }
    public string? TraceParent { get; init; }
    public string? TraceState { get; init; }

    /// <summary>Whoever deletes a row that another has a lease on gets a concurrency error.</summary>
    public Guid? LeaseToken { get; init; }
}

/// <summary>A job that is over, as a DbContext writes it.</summary>
public sealed class JobHistoryRow
{
    public required Guid Id { get; init; }

    /// <summary>One of <see cref="JobStates"/>.</summary>
    public required string Outcome { get; init; }

    public required short Priority { get; init; }
    public required string GroupKey { get; init; }
    public required string? DeduplicationKey { get; init; }
    public required string Payload { get; init; }
    public required string Metadata { get; init; }
    public required int Attempts { get; init; }
    public required string? Result { get; init; }
    public required string? TraceParent { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset Due { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
}
