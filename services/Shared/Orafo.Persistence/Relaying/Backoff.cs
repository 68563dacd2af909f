namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Waits longer after each failure, up to a bound, with jitter.</summary>
internal sealed class Backoff(TimeSpan shortest, TimeSpan longest, TimeProvider time)
{
    private int _failures;

    public void Reset() => _failures = 0;

    /// <summary>Returns early, without an error, when cancelled: the caller looks at its token anyway.</summary>
    public async Task Wait(CancellationToken cancellationToken)
    {
        var delay = shortest * Math.Pow(2, Math.Min(_failures++, 20));
        if (delay > longest)
            delay = longest;
#pragma warning disable CA5394 // Jitter needs no secrecy.
        delay *= 0.5 + Random.Shared.NextDouble();
#pragma warning restore CA5394
        await Task.Delay(delay, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

/// <summary>Is due at once, and then once a minute at most: log lines that say the same again and again.</summary>
internal sealed class OncePerMinute(TimeProvider time)
{
    private readonly Lock _lock = new();
    private long? _last;

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
