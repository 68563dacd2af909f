using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Orafo.Pgq;

/// <summary>A job while it is done.</summary>
public sealed class Job<TPayload>
{
    private readonly JobQueue<TPayload> _queue;
    private readonly Lease _lease;
    private readonly JobWorkerOptions _options;
    private readonly GroupPauses _pauses;

    internal Job(JobQueue<TPayload> queue, Lease lease, JobWorkerOptions options, GroupPauses pauses, TPayload payload) =>
        (_queue, _lease, _options, _pauses, Payload, Metadata) = (queue, lease, options, pauses, payload, Read(lease.Job.Metadata));

    public Guid Id => _lease.Job.Id;

    /// <summary>What is to be done.</summary>
    public TPayload Payload { get; }

    /// <summary>As it was published; what is no text in it is given as JSON.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Whom it shares with; empty if nobody said so.</summary>
    public string Group => _lease.Job.Group;

    /// <summary>1 the first time.</summary>
    public int Attempt => _lease.Job.Attempts;

    /// <summary>By the database's clock, like the other times.</summary>
    public DateTimeOffset CreatedAt => _lease.Job.CreatedAt;

    /// <summary>When it was to be done.</summary>
    public DateTimeOffset Due => _lease.Job.Due;

    /// <summary>When this attempt began.</summary>
    public DateTimeOffset StartedAt => _lease.Job.StartedAt;

    /// <summary>If this one fails, the job is parked.</summary>
    public bool IsLastAttempt => Attempt >= _options.MaxAttempts;

    internal bool IsEnded { get; private set; }

    internal bool HasPausedGroup { get; private set; }

    /// <summary>Says what it is about: beside every line that is logged of this attempt from now on, as its id and its trace are.</summary>
    /// <param name="name">As the line is to name it: <c>OrderId</c>.</param>
    /// <param name="subject">Nothing personal.</param>
    public void IsAbout(string name, object subject) => _lease.LogScope.Subject = new(name, subject);

    /// <summary>
    ///     What all jobs of its group need is away: this worker begins no other one for that long. Then it begins one; if that does not pause the group
    ///     again, all. Those that are under way go on.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than nothing, or more than a day.</exception>
    public void PauseGroup(TimeSpan time)
    {
        if (time < TimeSpan.Zero || time > TimeSpan.FromDays(1))
            throw new ArgumentOutOfRangeException(nameof(time), time, "From nothing to a day.");
        HasPausedGroup = true;
        _pauses.Pause(Group, time);
    }

    /// <summary>Says how far it is, for those who look at the job.</summary>
    /// <param name="progress">At most 1000 characters.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="LeaseLostException">The lease ran out.</exception>
    public async Task ReportAsync(string progress, CancellationToken cancellationToken = default)
    {
        if (progress.Length > 1000)
            throw new ArgumentException($"What is said of a job's progress may have 1000 characters, not {progress.Length}.", nameof(progress));
        await using var report = _queue.Database.CreateCommand(_queue.Statements.Report);
        report.Parameters.Add(new() { Value = Id });
        report.Parameters.Add(new() { Value = _lease.Token });
        report.Parameters.Add(new() { Value = AttemptEnds.Storable(progress) });
        if (await report.ExecuteNonQueryAsync(cancellationToken) == 0)
            throw new LeaseLostException();
    }

    /// <summary>Ends the attempt in the handler's own transaction: so it ended if and only if that commits. The handler then returns the same outcome.</summary>
    /// <param name="transaction">On the database of the queue; READ COMMITTED, for the lease is renewed meanwhile.</param>
    /// <param name="outcome">Any: a job that is tried later, or parked, can be so together with what else is written about it.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="LeaseLostException">The lease ran out: roll back.</exception>
    public async Task EndAsync(NpgsqlTransaction transaction, JobOutcome outcome, CancellationToken cancellationToken = default)
    {
        var end = new AttemptEnd(_lease, outcome, _options);
        await using var command = new NpgsqlCommand(
            end.Ended is null ? _queue.Statements.PutOffWaiting : _queue.Statements.FinishWaiting, transaction.Connection, transaction);
        foreach (var parameter in end.Ended is { } ended ? AttemptEnds.Parameters([ended]) : AttemptEnds.Parameters([end.PutOff!]))
            command.Parameters.Add(parameter);
        _lease.IsEnding = true;
        try
        {
            if (await command.ExecuteScalarAsync(cancellationToken) is null)
                throw new LeaseLostException();
            IsEnded = true;
        }
        finally
        {
            _lease.IsEnding = IsEnded;
        }
    }

    /// <summary>Ends the job with the next SaveChanges of the DbContext: it is over if and only if that commits. The handler then returns Done.</summary>
    /// <remarks>If the lease ran out, by the database's clock, or another worker has the job, SaveChanges fails with a DbUpdateConcurrencyException.</remarks>
    /// <param name="db">Has the queue in its model.</param>
    /// <param name="result">For the history.</param>
    /// <exception cref="LeaseLostException">The lease ran out: write nothing.</exception>
    public void Finish(DbContext db, string? result = null)
    {
        if (_lease.IsLost)
            throw new LeaseLostException();
        var job = _lease.Job;
        db.Set<JobRow>(_queue.Name).Remove(new JobRow { Id = job.Id, LeaseToken = _lease.Token });
        db.Set<JobHistoryRow>(JobQueueModelExtensions.HistoryOf(_queue.Name)).Add(new JobHistoryRow
        {
            Id = job.Id,
            Outcome = JobStates.Done,
            Priority = job.Priority,
            GroupKey = job.Group,
            DeduplicationKey = job.DeduplicationKey,
            Payload = job.Payload,
            Metadata = job.Metadata,
            Attempts = job.Attempts,
            Result = result is null ? null : AttemptEnds.Storable(result),
            TraceParent = job.TraceParent,
            CreatedAt = job.CreatedAt,
            Due = job.Due,
            StartedAt = job.StartedAt,
        });
        _lease.IsEnding = true;
        IsEnded = true;
    }

    private static Dictionary<string, string> Read(string metadata)
    {
        using var json = JsonDocument.Parse(metadata);
        return json.RootElement.EnumerateObject()
            .ToDictionary(member => member.Name, member => member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : member.Value.GetRawText(), StringComparer.Ordinal);
    }
}
