namespace Orafo.Postgres;

/// <summary>Waits longer after each failure, up to a bound, with jitter.</summary>
public sealed class Backoff(TimeSpan shortest, TimeSpan longest, TimeProvider time)
{
    private int _failures;

    /// <summary>It worked.</summary>
    public void Reset() => _failures = 0;

    /// <summary>Returns early, without an error, when cancelled: the caller looks at its token anyway.</summary>
    public async Task Wait(CancellationToken cancellationToken)
    {
        var delay = After(_failures++, shortest, longest);
        await Task.Delay(delay, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>The pause after that many failures: doubled each time, bounded, and then half to one and a half of it.</summary>
    public static TimeSpan After(int failures, TimeSpan shortest, TimeSpan longest)
    {
        var delay = shortest * Math.Pow(2, Math.Min(failures, 20));
        return Jittered(delay > longest ? longest : delay);
    }

#pragma warning disable CA5394 // Jitter needs no secrecy.
    /// <summary>Half to one and a half of it: what begins at the same time does not go on at the same time.</summary>
    public static TimeSpan Jittered(TimeSpan span) => span * (0.5 + Random.Shared.NextDouble());
#pragma warning restore CA5394
}
