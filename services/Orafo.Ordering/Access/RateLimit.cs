namespace Orafo.Ordering.Access;

/// <summary>So many at once, and so many a second in the long run, for each key: a token bucket, told from the time alone.</summary>
/// <remarks>
/// The generic cell rate algorithm (ITU-T I.371): of each key, when its bucket will be full again. Nothing has to fill buckets meanwhile; the partitions of
/// System.Threading.RateLimiting have a timer each that fires ten times a second, and three of them kept an idle intake awake. A bucket that is
/// full is as good as none, and is forgotten.
/// </remarks>
internal sealed class RateLimit<TKey>(int burst, int perSecond, TimeProvider time) where TKey : notnull
{
    private const int FewestForgotten = 1000;

    private readonly long _interval = Math.Max(1, time.TimestampFrequency / perSecond);
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, long> _fullAt = [];
    private int _forgetAt = FewestForgotten;

    /// <summary>How many buckets are not full, about.</summary>
    internal int Remembered => _fullAt.Count;

    /// <returns>Null if there was one to take; otherwise in what time there is.</returns>
    public TimeSpan? Take(TKey key)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            var fullAt = Math.Max(now, _fullAt.GetValueOrDefault(key, now));
            var left = fullAt + _interval - (now + (burst * _interval));
            if (left > 0)
                return time.GetElapsedTime(0, left);
            _fullAt[key] = fullAt + _interval;
            if (_fullAt.Count >= _forgetAt)
                Forget(now);
            return null;
        }
    }

    /// <summary>Those that are full; the more there are, the more seldom.</summary>
    private void Forget(long now)
    {
        foreach (var (key, fullAt) in _fullAt)
        {
            if (fullAt <= now)
                _fullAt.Remove(key);
        }

        _forgetAt = Math.Max(FewestForgotten, 2 * _fullAt.Count);
    }
}
