namespace Orafo.Postgres;

/// <summary>Wakes one who waits, however often it is raised meanwhile. It may be raised when nobody waits any more.</summary>
#pragma warning disable CA1001 // A semaphore has nothing to give back unless it is asked for its handle.
public sealed class WakeFlag
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim _semaphore = new(0);
    private int _raised;

    /// <summary>Whoever waits, or waits next, is woken.</summary>
    public void Raise()
    {
        if (Interlocked.Exchange(ref _raised, 1) == 0)
            _semaphore.Release();
    }

    /// <summary>Returns true when it was raised, false after <paramref name="timeout"/>.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<bool> Wait(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var isRaised = await _semaphore.WaitAsync(timeout, cancellationToken);
        // Lowered before the caller looks: what is raised from here on wakes it again.
        if (isRaised)
            Volatile.Write(ref _raised, 0);
        return isRaised;
    }
}
