namespace Orafo.Cli.Comparing;

/// <summary>How a step is set up for one run.</summary>
internal sealed record Setup
{
    /// <summary>What the talk's times are multiplied by: details 100 ms, a page 5 s, hand-over 200 ms.</summary>
    public required double TimeScale { get; init; }

    /// <summary>How many orders go before those that are measured.</summary>
    public int WarmUpOrders { get; init; } = 1;

    /// <summary>How long the printer takes for a page.</summary>
    public double PageSeconds { get => field > 0 ? field : 5 * TimeScale; init; }

    /// <summary>Of a small program; the mesh has its services.</summary>
    public int Instances { get; init; } = 1;

    /// <summary>What stands on each page besides; of a small program.</summary>
    public string Document { get; init; } = "";

    /// <summary>Of each order of the mesh.</summary>
    public int Lines { get; init; } = 1;

    /// <summary>Environment variables.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>(StringComparer.Ordinal);

    /// <summary>How long the broker waits for an acknowledgement; null if as long as usual.</summary>
    public TimeSpan? ConsumerTimeout { get; init; }

    /// <summary>What its processes have to do with; null if with all there is.</summary>
    public MemoryGroup? Memory { get; init; }

    /// <summary>How long a client waits for its answer.</summary>
    public TimeSpan ClientPatience => TimeSpan.FromSeconds(60 * TimeScale + 1);
}
