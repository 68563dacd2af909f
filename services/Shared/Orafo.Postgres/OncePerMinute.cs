namespace Orafo.Postgres;

/// <summary>Is due at once, and then once a minute at most: log lines that say the same again and again.</summary>
public sealed class OncePerMinute(TimeProvider time)
{
    private readonly Lock _lock = new();
    private long? _last;

    /// <summary>Whether to say it now.</summary>
    public bool IsDue()
    {
        lock (_lock)
        {
            if (_last is { } last && time.GetElapsedTime(last) < TimeSpan.FromMinutes(1))
                return false;
            _last = time.GetTimestamp();
            return true;
        }
    }
}
