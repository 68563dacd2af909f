using Microsoft.Extensions.Logging;

namespace Orafo.ServiceDefaults;

/// <summary>How a system outside of ours is dealt with when it fails.</summary>
/// <param name="FailuresInARow">After so many of them without a success between it is left alone for a while.</param>
/// <param name="FirstPause">How long at first; it doubles.</param>
/// <param name="LongestPause">What it doubles up to.</param>
/// <param name="LongestRetryAfter">If it wants to be asked later than this, it is asked then.</param>
public sealed record RemoteLimits(int FailuresInARow, TimeSpan FirstPause, TimeSpan LongestPause, TimeSpan LongestRetryAfter);

/// <summary>A system outside of ours: so many calls at a time, and none for a while after too many failures in a row (a circuit breaker).</summary>
/// <param name="what">It is, for the log: <c>printer main</c>.</param>
/// <param name="parallelism">Calls at a time.</param>
/// <param name="limits">When it fails.</param>
/// <param name="time">Its pauses'.</param>
/// <param name="logger">Is told when it fails again and again, and when it works again.</param>
public sealed class RemoteSystem(string what, int parallelism, RemoteLimits limits, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly SemaphoreSlim _hands = new(parallelism);
    private readonly Lock _lock = new();
    private int _failures;
    private int _pauses;
    private TimeSpan _pause;
    private long _pausedAt;

    /// <summary>Whether it is, for a while, because it failed.</summary>
    public bool IsLeftAlone => Left is not null;

    /// <summary>Whether it was left alone because it failed, and no call has come to a good end since: also while one is under way that tries again.</summary>
    public bool IsFailing
    {
        get
        {
            lock (_lock)
                return _pauses > 0;
        }
    }

    /// <summary>How long it is still left alone.</summary>
    private TimeSpan? Left
    {
        get
        {
            lock (_lock)
                return _pause - time.GetElapsedTime(_pausedAt) is var left && left > TimeSpan.Zero ? left : null;
        }
    }

    /// <summary>Calls it when it is its turn. A call that throws is to be reported by <see cref="Failed"/>.</summary>
    /// <returns>Null if it was called; how long the system is left alone, if that is so by then and nothing was tried.</returns>
    public async Task<TimeSpan?> TryCall(Func<Task> call, CancellationToken cancellationToken)
    {
        await _hands.WaitAsync(cancellationToken);
        try
        {
            if (Left is { } left)
                return left;
            await call();
            Works();
            return null;
        }
        finally
        {
            _hands.Release();
        }
    }

    /// <summary>A call failed.</summary>
    /// <param name="error">Why.</param>
    /// <param name="retryAfter">When the system wants to be asked again, if it said so.</param>
    /// <returns>How long it is left alone; null if it may be that call.</returns>
    public TimeSpan? Failed(string error, TimeSpan? retryAfter)
    {
        lock (_lock)
        {
            _failures++;
            // Calls that were under way together fail together: that is one reason for a pause, not many.
            if (_failures >= limits.FailuresInARow && Left is null)
            {
                if (_pauses == 0)
                    ServiceLog.LeftAlone(logger, what, error);
                Pause(Least(limits.FirstPause * Math.Pow(2, Math.Min(_pauses++, 20)), limits.LongestPause));
            }

            if (retryAfter is { } asked && Least(asked, limits.LongestRetryAfter) is var wanted && wanted > (Left ?? TimeSpan.Zero))
                Pause(wanted);
            return Left;
        }
    }

    public void Dispose() => _hands.Dispose();

    /// <summary>One that was under way when the others failed does not end the pause.</summary>
    private void Works()
    {
        lock (_lock)
        {
            if (_pauses > 0)
                ServiceLog.WorksAgain(logger, what);
            (_failures, _pauses) = (0, 0);
        }
    }

    private void Pause(TimeSpan pause) => (_pause, _pausedAt) = (pause, time.GetTimestamp());

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
