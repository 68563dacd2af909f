namespace Orafo.Invoicing.Printing;

/// <summary>An invoice that wants to be on paper.</summary>
/// <remarks>waiting → printing (leased) → printed; back to waiting after a failure; parked when nobody tries any longer.</remarks>
public sealed class PrintJob
{
    public const string Waiting = "waiting";
    public const string Printing = "printing";
    public const string Printed = "printed";
    public const string Parked = "parked";

    public required string InvoiceNumber { get; init; }
    public required Guid OrderId { get; init; }
    public string State { get; private set; } = Waiting;
    public int Attempts { get; private set; }

    /// <summary>By the database's clock.</summary>
    public required DateTimeOffset NextAttemptAt { get; set; }

    /// <summary>Who prints it now; a worker whose token is not this one any longer has lost the job.</summary>
    public Guid? LeaseToken { get; private set; }

    /// <summary>By the database's clock: from then on the job may be claimed by another.</summary>
    public DateTimeOffset? LeaseExpiresAt { get; private set; }

    public string? LastError { get; private set; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; private set; }

    /// <summary>A new job that is printed at once.</summary>
    public void LeaseTo(Guid token, DateTimeOffset until) => (State, Attempts, LeaseToken, LeaseExpiresAt) = (Printing, Attempts + 1, token, until);

    /// <summary>The page is out. Saved only by whoever still has the lease.</summary>
    public void Finish(DateTimeOffset now) =>
        (State, FinishedAt, LeaseToken, LeaseExpiresAt, LastError) = (Printed, now, null, null, null);

    /// <summary>An operator's decision: back in line, with all attempts before it.</summary>
    public void TryAgain(DateTimeOffset now) => (State, Attempts, NextAttemptAt, FinishedAt) = (Waiting, 0, now, null);
}
