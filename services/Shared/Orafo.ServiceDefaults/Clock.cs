namespace Orafo.ServiceDefaults;

/// <summary>The clock of what is stored.</summary>
public static class ClockExtensions
{
    /// <summary>Now, to the microsecond, as PostgreSQL keeps it: what is read back later equals what was said at first.</summary>
    public static DateTimeOffset GetStorableNow(this TimeProvider time)
    {
        var now = time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }
}
