namespace Orafo.Pgq;

/// <summary>Groups that nothing can be done for at the moment, as their jobs have found out: a circuit breaker for each.</summary>
internal sealed class GroupPauses(TimeProvider time)
{
    /// <summary>A group that nobody has tried since for that long may never come again.</summary>
    private static readonly TimeSpan Forgotten = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Paused> _of = new(StringComparer.Ordinal);

    /// <summary>Nobody begins a job of the group for that long; a longer pause than that goes on.</summary>
    public void Pause(string group, TimeSpan length)
    {
        lock (_lock)
        {
            if (!_of.TryGetValue(group, out var pause) || pause.IsOver || Left(pause) < length)
                _of[group] = new(time.GetTimestamp(), length, IsOver: false);
        }
    }

    /// <summary>A job of the group was done, or failed by itself. One that was under way before a pause does not end it.</summary>
    /// <returns>Whether all may be begun now.</returns>
    public bool End(string group)
    {
        lock (_lock)
            return _of.TryGetValue(group, out var pause) && pause.IsOver && _of.Remove(group);
    }

    /// <summary>Until the next pause is over; null if there is none.</summary>
    public TimeSpan? UntilNextEnd()
    {
        lock (_lock)
            return _of.Values.Where(pause => !pause.IsOver).Min(pause => (TimeSpan?)Left(pause));
    }

    /// <summary>The groups that are paused, and how many of their jobs may be under way: none, or one to try.</summary>
    public Dictionary<string, int> Limits()
    {
        lock (_lock)
        {
            foreach (var (group, pause) in _of.ToList())
            {
                if (Left(pause) < -Forgotten)
                    _of.Remove(group);
                else if (Left(pause) <= TimeSpan.Zero)
                    _of[group] = pause with { IsOver = true };
            }

            return _of.ToDictionary(of => of.Key, of => of.Value.IsOver ? 1 : 0, StringComparer.Ordinal);
        }
    }

    private TimeSpan Left(Paused pause) => pause.Length - time.GetElapsedTime(pause.Since);

    private sealed record Paused(long Since, TimeSpan Length, bool IsOver);
}
