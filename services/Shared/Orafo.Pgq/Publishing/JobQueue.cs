using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using Orafo.Postgres;

namespace Orafo.Pgq;

/// <summary>A queue in a table: publishes jobs to it, finds them, and does what an operator decides.</summary>
/// <typeparam name="TPayload">What a job carries.</typeparam>
#pragma warning disable CA1711 // It is no collection, but a queue it is.
public sealed class JobQueue<TPayload>
#pragma warning restore CA1711
{
    private const int LongestDeduplicationKey = 200;
    private const int MostPriority = 1000;

    /// <summary>As the statement says.</summary>
    private const int MovedAtOnce = 1000;

    private static readonly TimeSpan ClockDifference = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Farthest = TimeSpan.FromDays(3653);

    private readonly QueueStatements _statements;
    private readonly JobQueueOptions _options;
    private readonly NpgsqlDataSource _database;
    private readonly PgqInstruments _instruments;
    private readonly TimeProvider _time;
    private readonly Action _wake;

    internal JobQueue(string name, JobQueueOptions options, NpgsqlDataSource database, PgqInstruments instruments, TimeProvider time)
    {
        (Name, _options, _database, _instruments, _time) = (name, options, database, instruments, time);
        _statements = QueueStatements.Of(name);
        _wake = Wake;
    }

    /// <summary>Its name, and its table's.</summary>
    public string Name { get; }

    internal QueueStatements Statements => _statements;

    internal NpgsqlDataSource Database => _database;

    internal PgqInstruments Instruments => _instruments;

    internal JsonSerializerOptions Json => _options.Json;

    /// <summary>Raised when other processes are to hear of new jobs.</summary>
    internal WakeFlag News { get; } = new();

    /// <summary>Has the workers of this process look; null if there are none.</summary>
    internal Action? Workers { get; set; }

    /// <summary>Publishes a job in a transaction of its own.</summary>
    /// <returns>False if one with its de-duplication key is not over.</returns>
    /// <exception cref="ArgumentException">It cannot be published as it is; the message says why.</exception>
    /// <exception cref="InvalidOperationException">There is no such queue.</exception>
    public async Task<bool> PublishAsync(NewJob<TPayload> job, CancellationToken cancellationToken = default) =>
        (await PublishAsync([job], cancellationToken)).Count > 0;

    /// <summary>Publishes jobs in one transaction of their own, by one statement.</summary>
    /// <returns>The ids of those that were published: all but those whose de-duplication key another one has that is not over.</returns>
    /// <exception cref="ArgumentException">One of them cannot be published as it is; none is.</exception>
    /// <exception cref="InvalidOperationException">There is no such queue.</exception>
    public async Task<IReadOnlyCollection<Guid>> PublishAsync(IReadOnlyCollection<NewJob<TPayload>> jobs, CancellationToken cancellationToken = default)
    {
        var rows = Check(jobs);
        await using var connection = await _database.OpenConnectionAsync(cancellationToken);
        var published = await Insert(connection, null, rows, cancellationToken);
        Wake();
        return published;
    }

    /// <summary>Publishes jobs in the caller's transaction: they are there if and only if it commits.</summary>
    /// <remarks>Call <see cref="Wake"/> after the commit, or they are found only when the workers look by themselves.</remarks>
    /// <returns>The ids of those that are published if it does.</returns>
    /// <exception cref="ArgumentException">One of them cannot be published as it is; none is, and the transaction is unharmed.</exception>
    /// <exception cref="InvalidOperationException">There is no such queue.</exception>
    public Task<IReadOnlyCollection<Guid>> PublishAsync(
        NpgsqlTransaction transaction, IReadOnlyCollection<NewJob<TPayload>> jobs, CancellationToken cancellationToken = default)
    {
        var connection = transaction.Connection ?? throw new InvalidOperationException("The transaction is over.");
        return Insert(connection, transaction, Check(jobs), cancellationToken);
    }

    /// <summary>Publishes a job with the next SaveChanges of the DbContext: it is there if and only if that commits, and workers look then.</summary>
    /// <remarks>EF Core does not hear of the commit of a TransactionScope, or of a transaction that it was given: call <see cref="Wake"/> after that.</remarks>
    /// <param name="db">Has the queue in its model (<c>AddJobQueue</c>) and tells of its commits (<c>UseJobQueues</c>).</param>
    /// <param name="job">
    ///     With a de-duplication key that is in use, SaveChanges fails (23505). To be told instead, publish in a transaction. If there is no such queue,
    ///     SaveChanges fails with an InvalidOperationException that says so.
    /// </param>
    /// <exception cref="ArgumentException">It cannot be published as it is; nothing was added.</exception>
    /// <exception cref="InvalidOperationException">The DbContext does not know the queue, or does not tell of its commits.</exception>
    public void Publish(DbContext db, NewJob<TPayload> job)
    {
        var (payload, metadata) = Check(job);
        if (job.Delay is not null)
            throw new ArgumentException($"A DbContext does not ask the database for the time: use {nameof(job.NotBefore)}.", nameof(job));
        JobQueueInterceptor.Instance.Expect(db, Name, _database, _wake);
        var publisher = Activity.Current;
        db.Set<JobRow>(Name).Add(new JobRow
        {
            Id = job.Id,
            Payload = payload,
            Metadata = metadata,
            Priority = job.Priority,
            Due = job.NotBefore?.ToUniversalTime(),
            DeduplicationKey = job.DeduplicationKey,
            TraceParent = publisher?.Id,
            TraceState = publisher?.TraceStateString,
        });
        _instruments.Published(Name, 1);
    }

    /// <summary>There are, or may be, new jobs, and they are committed: workers here and elsewhere look. Costs nothing if called often.</summary>
    public void Wake()
    {
        Workers?.Invoke();
        News.Raise();
    }

    /// <summary>Cancels a job: at once if nobody runs it; otherwise its handler's token is cancelled, at the latest when its lease is renewed.</summary>
    /// <returns>False if there is no such job, or it is over.</returns>
    public async Task<bool> CancelAsync(Guid id, CancellationToken cancellationToken = default)
    {
        await using var batch = _database.CreateBatch();
        var state = await Cancel(batch, id, cancellationToken);
        if (state is not (null or JobStates.Running))
            _instruments.Finished(Name, JobStates.Cancelled, null);
        return state is not null;
    }

    /// <summary>The same in the caller's transaction: whoever runs the job is told when its lease is renewed after the commit.</summary>
    /// <returns>False if there is no such job, or it is over.</returns>
    public async Task<bool> AskToCancelAsync(NpgsqlTransaction transaction, Guid id, CancellationToken cancellationToken = default)
    {
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction);
        return await Cancel(batch, id, cancellationToken) is not null;
    }

    /// <summary>Cancels a job that nobody runs, in the caller's transaction.</summary>
    /// <returns>False if there is no such job, or it is running, or over.</returns>
    public async Task<bool> CancelAsync(NpgsqlTransaction transaction, Guid id, CancellationToken cancellationToken = default)
    {
        await using var cancel = new NpgsqlCommand(_statements.Cancel, transaction.Connection, transaction) { Parameters = { new() { Value = id } } };
        return await cancel.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    /// <summary>Tries a parked or scheduled job now, with all attempts before it.</summary>
    /// <returns>False if there is no such job in one of these states.</returns>
    public async Task<bool> RetryAsync(Guid id, CancellationToken cancellationToken = default)
    {
        await using var retry = _database.CreateCommand(_statements.Retry);
        retry.Parameters.Add(new() { Value = id });
        var isRetried = IsRetried(await retry.ExecuteScalarAsync(cancellationToken));
        if (isRetried)
            Wake();
        return isRetried;
    }

    /// <summary>The same in the caller's transaction. Call <see cref="Wake"/> after its commit.</summary>
    public async Task<bool> RetryAsync(NpgsqlTransaction transaction, Guid id, CancellationToken cancellationToken = default)
    {
        await using var retry = new NpgsqlCommand(_statements.Retry, transaction.Connection, transaction) { Parameters = { new() { Value = id } } };
        return IsRetried(await retry.ExecuteScalarAsync(cancellationToken));
    }

    /// <summary>Whether there was such a job. Its attempts stay in the trace of its publisher, and whoever has it retried is linked with that.</summary>
    private static bool IsRetried(object? traceParent)
    {
        if (ActivityContext.TryParse(traceParent as string, null, isRemote: true, out var publisher) && Activity.Current is { } retrying && retrying.TraceId != publisher.TraceId)
            retrying.AddLink(new ActivityLink(publisher));
        return traceParent is not null;
    }

    /// <summary>Moves a job to another group, with all attempts before it, unless it is running.</summary>
    /// <param name="id">Of the job.</param>
    /// <param name="group">The value of the member of its metadata that the queue groups by.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>False if there is no such job, or it is running, or over.</returns>
    public async Task<bool> MoveAsync(Guid id, string group, CancellationToken cancellationToken = default)
    {
        await using var move = _database.CreateCommand(_statements.Move);
        move.Parameters.Add(new() { Value = id });
        move.Parameters.Add(new() { Value = group });
        var isMoved = await move.ExecuteNonQueryAsync(cancellationToken) > 0;
        if (isMoved)
            Wake();
        return isMoved;
    }

    /// <summary>The same in the caller's transaction. Call <see cref="Wake"/> after its commit.</summary>
    public async Task<bool> MoveAsync(NpgsqlTransaction transaction, Guid id, string group, CancellationToken cancellationToken = default)
    {
        await using var move = new NpgsqlCommand(_statements.Move, transaction.Connection, transaction) { Parameters = { new() { Value = id }, new() { Value = group } } };
        return await move.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    /// <summary>
    ///     Moves the jobs of one group to another one, with all attempts before them, but for those that are running. A thousand at a time: if it is
    ///     interrupted, some are moved.
    /// </summary>
    /// <returns>How many.</returns>
    /// <exception cref="ArgumentException">The groups are the same.</exception>
    public async Task<int> MoveGroupAsync(string from, string to, CancellationToken cancellationToken = default)
    {
        if (from == to)
            throw new ArgumentException("A group cannot be moved to itself.", nameof(to));
        var moved = 0;
        foreach (var statement in _statements.MoveGroup)
        {
            await using var move = _database.CreateCommand(statement);
            move.Parameters.Add(new() { Value = from });
            move.Parameters.Add(new() { Value = to });
            int some;
            do
            {
                some = await move.ExecuteNonQueryAsync(cancellationToken);
                moved += some;
                Wake();
            }
            while (some == MovedAtOnce);
        }

        return moved;
    }

    /// <summary>A job, in line or over; null if it never was or is forgotten.</summary>
    public async Task<JobStatus?> FindAsync(Guid id, CancellationToken cancellationToken = default)
    {
        await using var find = _database.CreateCommand(_statements.Find);
        find.Parameters.Add(new() { Value = id });
        await using var reader = await find.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? JobStatus.Read(reader) : null;
    }

    /// <summary>What is to be done, or was.</summary>
    /// <exception cref="JsonException">It cannot be read.</exception>
    public TPayload Read(JobStatus job) => JsonSerializer.Deserialize<TPayload>(job.Payload, _options.Json) ?? throw new JsonException("It is null.");

    /// <summary>Jobs that are not over, in the order of their ids.</summary>
    /// <param name="state">One of <see cref="JobStates.NotOver"/>, or null for any.</param>
    /// <param name="after">The last id of the page before.</param>
    /// <param name="limit">Of the page: 1 to 1000.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyList<JobStatus>> ListAsync(
        string? state = null, Guid after = default, int limit = 100, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        var statement = state is null ? _statements.List : _statements.ListOf.GetValueOrDefault(state) ?? throw new ArgumentException($"No job is '{state}'.", nameof(state));
        await using var list = _database.CreateCommand(statement);
        list.Parameters.Add(new() { Value = after });
        list.Parameters.Add(new() { Value = limit });
        List<JobStatus> jobs = [];
        await using var reader = await list.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            jobs.Add(JobStatus.Read(reader));
        return jobs;
    }

    /// <returns>The state that the job had; null if there is none.</returns>
    private async Task<string?> Cancel(NpgsqlBatch batch, Guid id, CancellationToken cancellationToken)
    {
        batch.BatchCommands.Add(new(_statements.AskToCancel) { Parameters = { new() { Value = id } } });
        batch.BatchCommands.Add(new(_statements.Cancel) { Parameters = { new() { Value = id } } });
        return (string?)await batch.ExecuteScalarAsync(cancellationToken);
    }

    /// <summary>What a row is made of.</summary>
    /// <exception cref="ArgumentException">It cannot be one.</exception>
    internal (string Payload, string Metadata) Check(NewJob<TPayload> job)
    {
        var payload = Checked(JsonSerializer.Serialize(job.Payload, _options.Json), "payload");
        var metadata = Checked(JsonSerializer.Serialize(job.Metadata), "metadata");
        if (job.Priority is < -MostPriority or > MostPriority)
            throw new ArgumentException($"A priority is from -{MostPriority} to {MostPriority}, not {job.Priority}.", nameof(job));
        if (job.NotBefore is { } notBefore && notBefore < _time.GetUtcNow() - ClockDifference)
            throw new ArgumentException($"A job cannot be scheduled for the past ({notBefore:O}).", nameof(job));
        if (job.Delay > Farthest || job.NotBefore - _time.GetUtcNow() > Farthest)
            throw new ArgumentException("A job cannot be scheduled for more than ten years from now.", nameof(job));
        if (job.Delay is { } delay && delay < TimeSpan.Zero)
            throw new ArgumentException($"A job cannot be scheduled for the past (in {delay}).", nameof(job));
        if (job is { NotBefore: not null, Delay: not null })
            throw new ArgumentException("A job is scheduled by NotBefore or by Delay, not by both.", nameof(job));
        if (job.DeduplicationKey is { } key && (key.Length is 0 or > LongestDeduplicationKey || key.Contains('\0', StringComparison.Ordinal)))
            throw new ArgumentException($"A de-duplication key has 1 to {LongestDeduplicationKey} characters, none of them NUL.", nameof(job));
        return (payload, metadata);
    }

    private string Checked(string json, string what)
    {
        var bytes = System.Text.Encoding.UTF8.GetByteCount(json);
        if (bytes > _options.MaxBytes)
            throw new ArgumentException($"The {what} of a job of the queue '{Name}' may have {_options.MaxBytes} bytes; this one has {bytes}.", what);
        // PostgreSQL keeps no NUL in a text, and refuses it within the transaction.
        if (json.Contains("\\u0000", StringComparison.Ordinal) && HasNul(json))
            throw new ArgumentException($"The {what} of a job contains the character NUL, which PostgreSQL does not keep.", what);
        return json;
    }

    /// <summary>Whether the escape is one: an escaped backslash may stand before its u.</summary>
    private static bool HasNul(string json)
    {
        for (var i = json.IndexOf('\\', StringComparison.Ordinal); i >= 0 && i + 1 < json.Length; i = json.IndexOf('\\', i + 2))
        {
            if (json.AsSpan(i).StartsWith("\\u0000", StringComparison.Ordinal))
                return true;
        }

        return false;
    }

    private List<(NewJob<TPayload> Job, string Payload, string Metadata)> Check(IReadOnlyCollection<NewJob<TPayload>> jobs)
    {
        List<(NewJob<TPayload>, string, string)> rows = new(jobs.Count);
        foreach (var job in jobs)
        {
            var (payload, metadata) = Check(job);
            rows.Add((job, payload, metadata));
        }

        return rows;
    }

    private async Task<IReadOnlyCollection<Guid>> Insert(
        NpgsqlConnection connection, NpgsqlTransaction? transaction, List<(NewJob<TPayload> Job, string Payload, string Metadata)> rows, CancellationToken cancellationToken)
    {
        var publisher = Activity.Current;
        await using var insert = new NpgsqlCommand(_statements.Publish, connection, transaction)
        {
            Parameters =
            {
                new() { Value = rows.ConvertAll(row => row.Job.Id).ToArray() },
                new() { Value = rows.ConvertAll(row => row.Payload).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                new() { Value = rows.ConvertAll(row => row.Metadata).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                new() { Value = rows.ConvertAll(row => row.Job.Priority).ToArray() },
                new() { Value = rows.ConvertAll(row => row.Job.NotBefore?.UtcDateTime).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
                new() { Value = rows.ConvertAll(row => row.Job.Delay).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Interval },
                new() { Value = rows.ConvertAll(row => row.Job.DeduplicationKey).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = (object?)publisher?.Id ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new() { Value = (object?)publisher?.TraceStateString ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
            },
        };
        try
        {
            HashSet<Guid> published = new(rows.Count);
            await using var reader = await insert.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
                published.Add(reader.GetGuid(0));
            _instruments.Published(Name, published.Count);
            return published;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            throw QueueStatements.Unknown(Name, e);
        }
    }
}
