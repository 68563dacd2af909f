namespace Orafo.Pgq;

/// <summary>How an attempt ended. An exception is <see cref="RetryLater"/> with its message.</summary>
public abstract record JobOutcome
{
    private JobOutcome()
    {
    }

    /// <summary>For traces.</summary>
    internal string Name => this is WrittenOutcome written ? written.Outcome.Name : GetType().Name[..^"Outcome".Length].ToLowerInvariant();

    /// <summary>The job is over.</summary>
    /// <param name="result">For the history.</param>
    public static JobOutcome Done(string? result = null) => new DoneOutcome(result);

    /// <summary>The job is tried again, or parked if its attempts are used up.</summary>
    /// <param name="error">Why.</param>
    /// <param name="after">How long it waits; the worker's pause for that attempt unless given.</param>
    /// <param name="atLeast">It waits for the worker's pause, but no less than this.</param>
    /// <exception cref="ArgumentOutOfRangeException">Less than nothing, or more than ten years.</exception>
    public static JobOutcome RetryLater(string error, TimeSpan? after = null, TimeSpan? atLeast = null)
    {
        Check(after);
        Check(atLeast);
        return new RetryOutcome(error, after, atLeast);

        static void Check(TimeSpan? pause, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(pause))] string? name = null)
        {
            if (pause < TimeSpan.Zero || pause > TimeSpan.FromDays(3653))
                throw new ArgumentOutOfRangeException(name, pause, "From nothing to ten years.");
        }
    }

    /// <summary>Nobody tries it until an operator says so, however many attempts are left.</summary>
    /// <param name="error">Why.</param>
    public static JobOutcome Park(string error) => new ParkOutcome(error);

    /// <summary>The job is over: to try again is of no use.</summary>
    /// <param name="reason">For the history.</param>
    public static JobOutcome Reject(string reason) => new RejectOutcome(reason);

    /// <summary>As if it had not been begun: no attempt, and it keeps its place in line. Unless its group is paused, it may be begun again at once.</summary>
    public static JobOutcome GiveBack() => new ReleasedOutcome();

    internal sealed record DoneOutcome(string? Result) : JobOutcome;

    internal sealed record RetryOutcome(string Error, TimeSpan? After = null, TimeSpan? AtLeast = null) : JobOutcome;

    /// <summary>It is to be parked: the handler says so, or nobody can read the payload.</summary>
    internal sealed record ParkOutcome(string Error) : JobOutcome;

    internal sealed record RejectOutcome(string Reason) : JobOutcome;

    /// <summary>It was to be cancelled, and the handler stopped.</summary>
    internal sealed record CancelledOutcome : JobOutcome;

    /// <summary>The worker stops, or the handler did not begin it.</summary>
    internal sealed record ReleasedOutcome : JobOutcome;

    /// <summary>The handler's own transaction has written it.</summary>
    internal sealed record WrittenOutcome(JobOutcome Outcome) : JobOutcome;
}
