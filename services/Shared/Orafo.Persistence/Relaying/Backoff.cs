namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Waits longer after each failure, up to a bound, with jitter; and says when a failure is worth a log line.</summary>
internal sealed class Backoff(TimeSpan shortest, TimeSpan longest, TimeProvider time)
{
    private static readonly TimeSpan QuietTime = TimeSpan.FromMinutes(1);
    private int _failures;
    private long? _lastLogged;

    public void Reset() => _failures = 0;

    /// <summary>True at most once a minute.</summary>
    public bool ShouldLog()
    {
        if (_lastLogged is { } last && time.GetElapsedTime(last) < QuietTime)
            return false;
        _lastLogged = time.GetTimestamp();
        return true;
    }

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
