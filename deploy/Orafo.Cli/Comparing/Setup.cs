namespace Orafo.Cli.Comparing;

/// <summary>How a step is set up for one run.</summary>
internal sealed record Setup
{
    /// <summary>What the talk's times are multiplied by: details 100 ms, a page 5 s, hand-over 200 ms.</summary>
    public required double TimeScale { get; init; }

    /// <summary>How many orders go before those that are measured.</summary>
    public required int WarmUpOrders { get; init; }

    /// <summary>Whether it is left alone afterwards until it is at rest: the just-in-time compiler takes its time, which is not the step's.</summary>
    public bool Rests { get; init; }

    /// <summary>How long the printer takes for a page.</summary>
    public TimeSpan Page { get => field > TimeSpan.Zero ? field : TimeSpan.FromSeconds(5 * TimeScale); init; }

    /// <summary>The same while the step is warmed up: nobody waits for paper then.</summary>
    public TimeSpan WarmUpPage => WarmUpOrders > 1 ? TimeSpan.FromMilliseconds(5) : Page;

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

    /// <summary>How long a fault lasts: longer than anybody waits.</summary>
    public TimeSpan FaultLasts => ClientPatience * 1.25;
}
