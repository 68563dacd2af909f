namespace Orafo.Pgq;

/// <summary>A job to be published.</summary>
/// <param name="Payload">What is to be done. Stored as JSON.</param>
public sealed record NewJob<TPayload>(TPayload Payload)
{
    /// <summary>Its primary key. Time-ordered unless given.</summary>
    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>What workers filter by, queries look for, and groups are made of.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = EmptyMetadata;

    /// <summary>From −1000 to 1000: so many head starts of the queue (a minute each, unless it says otherwise) goes it ahead of those that come at the same time.</summary>
    public short Priority { get; init; }

    /// <summary>Not to be run before. Not in the past (one minute is forgiven, for clocks differ), and within ten years.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>How long it waits from the publish on, by the database's clock.</summary>
    public TimeSpan? Delay { get; init; }

    /// <summary>While a job with this key is not over, another one is not published. At most 200 characters.</summary>
    public string? DeduplicationKey { get; init; }

    private static IReadOnlyDictionary<string, string> EmptyMetadata { get; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
