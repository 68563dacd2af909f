using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using Orafo.Postgres;

namespace Orafo.Pgq;

/// <summary>Claims jobs, has them done, and writes how they ended.</summary>
/// <remarks>
/// One loop: each turn writes the ends of jobs and claims new ones for the hands that are free, in one round trip and one commit. What ends
/// while a turn is under way shares the next. Nothing depends on what is in memory: a lease that is not renewed runs out.
/// </remarks>
internal sealed class JobWorker<TPayload, THandler> : BackgroundService
    where THandler : class, IJobHandler<TPayload>
{
    /// <summary>While there is more than the hands can do, what is due or was lost is looked for no more often.</summary>
    private static readonly TimeSpan BetweenTending = TimeSpan.FromMilliseconds(250);

    private const string Unwritable = "How it ended could not be written.";

    /// <summary>A job that is in line and was not claimed is about to be another worker's, or free again.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(5);

    private readonly JobQueue<TPayload> _queue;
    private readonly JobWorkerOptions _options;
    private readonly IServiceScopeFactory _scopes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly OncePerMinute _warnings;
    private readonly string[]? _filter;
    private readonly string[]? _except;
    private readonly ConcurrentDictionary<LeaseKey, Lease> _leases = [];

    /// <summary>Ends and renewals are written one after another: they would wait for each other's rows.</summary>
    private readonly SemaphoreSlim _writing = new(1);
    private readonly ConcurrentQueue<Attempt> _ended = [];
    private readonly WakeFlag _wake = new();
    private readonly WakeFlag _toRenew = new();
    private readonly WakeFlag _toWatch = new();
    private readonly GroupPauses _pauses;

    /// <summary>Groups that had as many jobs under way as they may when there was more room.</summary>
    private readonly HashSet<string> _fullGroups = new(StringComparer.Ordinal);

    private int _mustLook = 1;
    private volatile bool _isStopping;
    private bool _hasSuspect;

    /// <summary>Something in an end could not be written: ends are written one by one until all are.</summary>
    private bool _isCareful;

    private string _lastGroup = "";
    private readonly PassedOver _passedOver;
    private long? _tendedAt;
    private bool _isTendingPutOff;

    public JobWorker(
        JobQueue<TPayload> queue, JobWorkerOptions options, IServiceScopeFactory scopes, TimeProvider time, ILogger<JobWorker<TPayload, THandler>> logger)
    {
        options.Check();
        (_queue, _options, _scopes, _time, _logger) = (queue, options, scopes, time, logger);
        _warnings = new OncePerMinute(time);
        _pauses = new GroupPauses(time);
        _passedOver = new PassedOver(time);
        (_filter, _except) = (MetadataFilter.All(options.Filter), MetadataFilter.Any(options.Except));
        queue.Workers += Look;
    }

    public override void Dispose()
    {
        _queue.Workers -= Look;
        base.Dispose();
        _writing.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A handler may end what it is at; leases are renewed as long as that takes.
        using var working = new CancellationTokenSource();
        using var stopping = stoppingToken.Register(() =>
        {
            _isStopping = true;
            foreach (var lease in _leases.Values)
                lease.StopAfter(_options.StopPatience);
            _wake.Raise();
        });
        var (renewing, watching) = (RenewOnAndOn(working.Token), LoseWhatRanOut(working.Token));
        try
        {
            await Work(stoppingToken);
        }
        finally
        {
            await working.CancelAsync();
            await renewing;
            await watching;
        }
    }

    private void Look()
    {
        Volatile.Write(ref _mustLook, 1);
        _wake.Raise();
    }

    private async Task Work(CancellationToken stoppingToken)
    {
        var backoff = new Backoff(ShortestRest, LongestRest, _time);
        var lookedAt = _time.GetTimestamp();
        var rest = TimeSpan.Zero;
        while (!stoppingToken.IsCancellationRequested || !_leases.IsEmpty)
        {
            // Those that end at the same time, or at once, share a turn.
            await Task.Yield();
            var ended = TakeEnded();
            var room = stoppingToken.IsCancellationRequested || (_isCareful && ended.Count > 0) ? 0 : _options.Parallelism - _leases.Count + ended.Count;
            var rested = rest - _time.GetElapsedTime(lookedAt);
            var left = Least(rested, _pauses.UntilNextEnd());
            var isTold = Volatile.Read(ref _mustLook) != 0;
            var looks = room > 0 && (isTold || left <= TimeSpan.Zero);
            if (ended.Count == 0 && !looks)
            {
                await _wake.Wait(room > 0 ? left : Timeout.InfiniteTimeSpan, CancellationToken.None);
                continue;
            }

            try
            {
                if (looks)
                    Volatile.Write(ref _mustLook, 0);
                var (mayBeMore, nextDue) = await Turn(ended, looks ? room : 0, isTold);
                _isCareful &= !_ended.IsEmpty;
                if (looks)
                    (lookedAt, rest) = (_time.GetTimestamp(), Rest(nextDue));
                else if (nextDue < rested)
                    (lookedAt, rest) = (_time.GetTimestamp(), nextDue.Value);
                if (mayBeMore)
                    Volatile.Write(ref _mustLook, 1);
                backoff.Reset();
            }
            // The database is away, or worse: what ended is written when it is back, unless the lease runs out before.
            catch (Exception e)
            {
                Warn(e, "its jobs can be neither claimed nor ended now");
                PutBack(ended, e);
                Volatile.Write(ref _mustLook, 1);
                await backoff.Wait(CancellationToken.None);
            }
        }
    }

    /// <summary>Until this worker looks by itself: at the latest when a job is due that was scheduled.</summary>
    private TimeSpan Rest(TimeSpan? nextDue) => Least(Backoff.Jittered(_options.PollingInterval), nextDue);

    private static TimeSpan Least(TimeSpan one, TimeSpan? other) => other < one ? other.Value : one;

    private List<Attempt> TakeEnded()
    {
        List<Attempt> taken = [];
        while (!(_isCareful && taken.Count > 0) && _ended.TryDequeue(out var attempt))
        {
            attempt.Lease.IsEnding = true;
            taken.Add(attempt);
        }

        return taken;
    }

    /// <summary>They are written with the next turn; one by one, if something in one of them cannot be. That one is then tried later, or its lease runs out.</summary>
    private void PutBack(List<Attempt> ended, Exception e)
    {
        var isTheirs = e is not NpgsqlException || e is PostgresException { SqlState: ['2', '2' or '3', ..] or ['5', '4', ..] };
        foreach (var attempt in ended)
        {
            attempt.Lease.IsEnding = attempt.Outcome is JobOutcome.WrittenOutcome;
            var isAlone = isTheirs && _isCareful && ended.Count == 1;
            if (!isAlone)
                _ended.Enqueue(attempt);
            else if (attempt.Outcome is JobOutcome.RetryOutcome { Error: Unwritable })
                Forget(attempt.Lease);
            else
                _ended.Enqueue(attempt with { Outcome = JobOutcome.RetryLater(Unwritable) });
        }

        _isCareful |= isTheirs && ended.Count > 0;
    }

    /// <summary>Writes how jobs ended, and claims up to that many new ones.</summary>
    /// <returns>Whether there may be more, and when to look again at the latest.</returns>
    private async Task<(bool MayBeMore, TimeSpan? NextDue)> Turn(List<Attempt> ended, int room, bool isTold)
    {
        var token = Guid.CreateVersion7();
        HashSet<LeaseKey> written = [];
        HashSet<LeaseKey> locked = [];
        List<ClaimedJob> claimed = [];
        var (lost, parked) = (0, 0);
        TimeSpan? nextDue = null;

        var trip = NewTrip();
        // A lease that is forgotten is one that nobody has; how a job ended must last.
        if (ended.TrueForAll(attempt => attempt.Outcome is JobOutcome.WrittenOutcome))
            trip.NeedNotLast();
        var ends = ended.ConvertAll(attempt => new AttemptEnd(attempt.Lease, attempt.Outcome, _options));
        List<EndedJob> over = [.. ends.Select(end => end.Ended).OfType<EndedJob>()];
        if (over.Count > 0)
            trip.Add(_queue.Statements.Finish, row => written.Add(LeaseKey.Read(row)), AttemptEnds.Parameters(over));
        List<PutOffJob> later = [.. ends.Select(end => end.PutOff).OfType<PutOffJob>()];
        if (later.Count > 0)
            trip.Add(_queue.Statements.PutOff, row => written.Add(LeaseKey.Read(row)), AttemptEnds.Parameters(later));
        if (ended.FindAll(attempt => attempt.Outcome is JobOutcome.ReleasedOutcome) is { Count: > 0 } released)
            trip.Add(_queue.Statements.Release, row => written.Add(LeaseKey.Read(row)), AttemptEnds.Leases(released.Select(attempt => attempt.Lease)));
        if (ended.FindAll(attempt => attempt.WasSkipped) is { Count: > 0 } skipped)
            trip.Add(_queue.Statements.Held, row => locked.Add(LeaseKey.Read(row)), AttemptEnds.Leases(skipped.Select(attempt => attempt.Lease)));
        var tends = Tends(room, isTold);
        if (tends)
        {
            trip.Add(_queue.Statements.Promote);
            trip.Add(
                _queue.Statements.Reap,
                row =>
                {
                    lost++;
                    parked += row.GetString(1) == JobStates.Parked ? 1 : 0;
                },
                new NpgsqlParameter<int> { TypedValue = _options.MaxAttempts });
        }

        var rooms = room > 0 ? RoomOfGroups(ended) : [];
        List<KeyValuePair<string, DateTime>> from = [];
        if (room > 0)
        {
            from = _passedOver.Begin();
            var limited = rooms.Where(of => of.Value > 0).ToList();
            trip.Add(
                _queue.Statements.Claim,
                row => claimed.Add(ClaimedJob.Read(row)),
                new NpgsqlParameter<int> { TypedValue = room },
                new NpgsqlParameter<Guid> { TypedValue = token },
                new NpgsqlParameter<TimeSpan> { TypedValue = _options.Lease },
                new NpgsqlParameter<string> { TypedValue = _lastGroup },
                Filter(_filter),
                new NpgsqlParameter<bool> { TypedValue = !_hasSuspect },
                new NpgsqlParameter<string[]> { TypedValue = [.. rooms.Where(of => of.Value <= 0).Select(of => of.Key)] },
                new NpgsqlParameter<string[]> { TypedValue = [.. limited.Select(of => of.Key)] },
                new NpgsqlParameter<int[]> { TypedValue = [.. limited.Select(of => of.Value)] },
                new NpgsqlParameter<int> { TypedValue = _options.MaxPerGroup ?? _options.Parallelism },
                Filter(_except),
                new NpgsqlParameter<string[]> { TypedValue = [.. from.Select(of => of.Key)] },
                new NpgsqlParameter<DateTime[]> { TypedValue = [.. from.Select(of => of.Value)] });
        }

        if (tends)
        {
            trip.Add(
                _queue.Statements.NextDue,
                row => nextDue = row.GetBoolean(1) ? Moment : row.IsDBNull(0) ? null : TimeSpan.FromSeconds(Math.Max(0, row.GetDouble(0))),
                Filter(_filter),
                // Of a group without room that is no news.
                new NpgsqlParameter<bool> { TypedValue = rooms.Values.All(left => left > 0) },
                Filter(_except));
        }

        var began = await Go(trip);
        if (tends)
            _tendedAt = began;
        Conclude(ended, written, locked);
        Reaped(lost, parked);
        if (room > 0)
            _passedOver.End(claimed, isAll: claimed.Count < room, _time.GetElapsedTime(began));
        Begin(claimed, token, began);
        if (room > 0)
            RememberFullGroups(rooms, claimed);
        if (!tends)
            nextDue = room > 0 ? BetweenTending : later.Min(job => (TimeSpan?)job.Pause);
        // Behind what was passed over, another may have come.
        var mayBeMore = claimed.Count == room ? room > 0 : from.Count > 0 || (claimed.Count > 0 && claimed[0].HadCompany);
        return (mayBeMore, nextDue);
    }

    /// <summary>
    ///     Whether this turn looks for what is due and what was lost, too. A worker that is told of a job begins with that one, and looks for the others
    ///     the next time.
    /// </summary>
    private bool Tends(int room, bool isTold)
    {
        if (room <= 0 || (_tendedAt is { } tended && _time.GetElapsedTime(tended) < BetweenTending))
            return false;
        _isTendingPutOff = isTold && !_isTendingPutOff && _tendedAt is not null;
        return !_isTendingPutOff;
    }

    /// <summary>How many jobs may be begun of the groups that have not all the room that there is.</summary>
    private Dictionary<string, int> RoomOfGroups(List<Attempt> ended)
    {
        var rooms = _pauses.Limits();
        if (rooms.Count == 0 && _options.MaxPerGroup is null)
            return rooms;
        Dictionary<string, int> underWay = new(StringComparer.Ordinal);
        foreach (var (group, jobs) in _leases.Values.Except(ended.Select(attempt => attempt.Lease)).CountBy(lease => lease.Job.Group))
            underWay[group] = jobs;
        foreach (var group in rooms.Keys.Union(underWay.Keys).ToList())
            rooms[group] = rooms.GetValueOrDefault(group, _options.MaxPerGroup ?? _options.Parallelism) - underWay.GetValueOrDefault(group);
        return rooms;
    }

    /// <summary>When a job of one of these ends, there may be another one for its hand.</summary>
    private void RememberFullGroups(Dictionary<string, int> rooms, List<ClaimedJob> claimed)
    {
        var most = _options.MaxPerGroup ?? _options.Parallelism;
        _fullGroups.Clear();
        _fullGroups.UnionWith(rooms.Where(of => of.Value <= 0).Select(of => of.Key));
        _fullGroups.UnionWith(claimed.CountBy(job => job.Group).Where(of => of.Value >= rooms.GetValueOrDefault(of.Key, most)).Select(of => of.Key));
    }

    private static NpgsqlParameter Filter(string[]? metadata) => new() { Value = (object?)metadata ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };

    /// <summary>What was written is over here; what was not has been lost, or its row is locked.</summary>
    private void Conclude(List<Attempt> ended, HashSet<LeaseKey> written, HashSet<LeaseKey> locked)
    {
        foreach (var attempt in ended)
        {
            var (lease, outcome, duration) = attempt;
            using var scope = _logger.BeginScope(lease.LogScope);
            if (outcome is not JobOutcome.WrittenOutcome && !written.Contains(lease.Key) && (!attempt.WasSkipped || locked.Contains(lease.Key)))
            {
                TryAgain(attempt);
                continue;
            }

            Forget(lease);
            if (outcome is JobOutcome.WrittenOutcome own)
            {
                Count(lease, own.Outcome, duration);
                // When it is due, the table knows.
                if (own.Outcome is JobOutcome.RetryOutcome)
                    Volatile.Write(ref _mustLook, 1);
            }
            else if (written.Contains(lease.Key))
            {
                Count(lease, outcome, duration);
                // It is in line again.
                if (outcome is JobOutcome.ReleasedOutcome)
                    Volatile.Write(ref _mustLook, 1);
            }
            else
            {
                PgqLog.Lost(_logger, _queue.Name, lease.Job.Id);
                // Nobody may have it yet.
                Volatile.Write(ref _mustLook, 1);
            }
        }
    }

    /// <summary>The next turn asks whether the lease still holds. If it does, somebody has locked the row, and it is written when that is over.</summary>
    private void TryAgain(Attempt attempt)
    {
        attempt.Lease.IsEnding = false;
        if (attempt.WasSkipped)
            _ = AfterAMoment();
        else
            _ended.Enqueue(attempt with { WasSkipped = true });

        async Task AfterAMoment()
        {
            await Task.Delay(ShortestRest, _time);
            _ended.Enqueue(attempt);
            _wake.Raise();
        }
    }

    private void Count(Lease lease, JobOutcome outcome, TimeSpan duration)
    {
        switch (outcome)
        {
            case JobOutcome.DoneOutcome:
                _queue.Instruments.Finished(_queue.Name, JobStates.Done, duration);
                break;
            case JobOutcome.RejectOutcome rejected:
                _queue.Instruments.Finished(_queue.Name, JobStates.Rejected, duration);
                PgqLog.Rejected(_logger, _queue.Name, lease.Job.Id, rejected.Reason);
                break;
            case JobOutcome.CancelledOutcome:
                _queue.Instruments.Finished(_queue.Name, JobStates.Cancelled, duration);
                break;
            case JobOutcome.RetryOutcome when lease.Job.Attempts < _options.MaxAttempts:
                _queue.Instruments.Retried(_queue.Name);
                break;
            case JobOutcome.RetryOutcome { Error: var error }:
                Parked(error);
                break;
            case JobOutcome.ParkOutcome { Error: var error }:
                Parked(error);
                break;
        }

        void Parked(string error)
        {
            _queue.Instruments.Parked(_queue.Name);
            PgqLog.Parked(_logger, _queue.Name, lease.Job.Id, lease.Job.Attempts, error);
        }
    }

    private void Reaped(int lost, int parked)
    {
        if (lost == 0)
            return;
        _queue.Instruments.Lost(_queue.Name, lost);
        for (var i = 0; i < parked; i++)
            _queue.Instruments.Parked(_queue.Name);
        PgqLog.Reaped(_logger, _queue.Name, lost, parked);
    }

    private void Forget(Lease lease)
    {
        _leases.TryRemove(lease.Key, out _);
        if (lease.Job.IsSuspect)
            _hasSuspect = false;
        // There may be another one.
        if (lease.Job.IsSuspect || _fullGroups.Contains(lease.Job.Group))
            Volatile.Write(ref _mustLook, 1);

        lease.Dispose();
    }

    /// <summary>The first in line first; and the next claim goes on after the last group that had its turn.</summary>
    private void Begin(List<ClaimedJob> claimed, Guid token, long since)
    {
        if (claimed.Count == 0)
            return;
        _lastGroup = LastTurn(claimed.FindAll(job => !job.IsSuspect)) ?? _lastGroup;
        claimed.Sort((one, other) => one.Rank.CompareTo(other.Rank));
        foreach (var job in claimed)
        {
            _queue.Instruments.Claimed(_queue.Name, job.Latency);
            var lease = new Lease(job, token, since);
            // A handler that still believes to have the job had better stop.
            foreach (var (_, earlier) in _leases.Where(of => of.Key.JobId == job.Id))
                earlier.Lose();
            _leases[lease.Key] = lease;
            _hasSuspect |= job.IsSuspect;
            if (_isStopping)
                lease.StopAfter(_options.StopPatience);
            // Not on this loop: a handler may block.
            _ = Task.Run(() => Attempt(lease));
        }

        _toRenew.Raise();
        _toWatch.Raise();
    }

    /// <summary>
    /// Groups are taken in descending order, from the one before the last on, then from the end. The last of them got what was left over: if that was less than
    /// the others got, it goes first the next time.
    /// </summary>
    private string? LastTurn(List<ClaimedJob> claimed)
    {
        var turns = claimed.CountBy(job => job.Group)
            .OrderBy(group => string.CompareOrdinal(group.Key, _lastGroup) >= 0).ThenByDescending(group => group.Key, StringComparer.Ordinal).ToList();
        return turns switch
        {
            [] => null,
            [.., var before, var last] when last.Value < turns[0].Value => before.Key,
            [.., var last] => last.Key,
        };
    }

    /// <summary>One attempt at one job. Never throws: how it ends is written by the loop.</summary>
    private async Task Attempt(Lease lease)
    {
        var began = _time.GetTimestamp();
        JobOutcome outcome;
        using (_logger.BeginScope(lease.LogScope))
        using (var span = Span(lease.Job))
        {
            try
            {
                outcome = lease.Job.IsToBeCancelled ? new JobOutcome.CancelledOutcome() : await Handle(lease);
            }
            catch (JsonException e)
            {
                outcome = new JobOutcome.ParkOutcome($"The payload cannot be read: {e.Message}");
                await TellOfInvalid(lease.Job, e);
            }
            // What it is worth, the attempts tell; the error stays with the job.
            catch (Exception e)
            {
                outcome = Judge(e, lease);
            }

            Describe(span, outcome);
        }

        _ended.Enqueue(new(lease, outcome, _time.GetElapsedTime(began)));
        _wake.Raise();
    }

    private async Task<JobOutcome> Handle(Lease lease)
    {
        var payload = JsonSerializer.Deserialize<TPayload>(lease.Job.Payload, _queue.Json) ?? throw new JsonException("It is null.");
        var job = new Job<TPayload>(_queue, lease, _options, _pauses, payload);
        await using var scope = _scopes.CreateAsyncScope();
        try
        {
            var outcome = await scope.ServiceProvider.GetRequiredService<THandler>().Handle(job, lease.CancellationToken);
            if (!job.HasPausedGroup && outcome is not JobOutcome.ReleasedOutcome && _pauses.End(job.Group))
                Look();
            return job.IsEnded ? new JobOutcome.WrittenOutcome(outcome) : outcome;
        }
        // A handler's own trouble with JSON says nothing about the payload.
        catch (JsonException e)
        {
            return new JobOutcome.RetryOutcome(Text(e));
        }
    }

    private static JobOutcome Judge(Exception e, Lease lease)
    {
        if (e is OperationCanceledException && lease.CancellationToken.IsCancellationRequested)
            return lease.IsToBeCancelled ? new JobOutcome.CancelledOutcome() : new JobOutcome.ReleasedOutcome();
        return new JobOutcome.RetryOutcome(Text(e));
    }

    private static string Text(Exception e) => $"{e.GetType().Name}: {e.Message}";

    private async Task TellOfInvalid(ClaimedJob job, JsonException e)
    {
        if (_options.OnInvalid is not { } tell)
            return;
        try
        {
            await tell(job.Status, e);
        }
        catch (Exception of)
        {
            PgqLog.InvalidNotTold(_logger, of, _queue.Name, job.Id);
        }
    }

    private Activity? Span(ClaimedJob job)
    {
        if (!ActivityContext.TryParse(job.TraceParent, job.TraceState, isRemote: true, out var publisher))
            publisher = default;
        var span = PgqMeter.Spans.StartActivity($"process {_queue.Name}", ActivityKind.Consumer, publisher);
        span?.SetTag("messaging.system", "pgq").SetTag("messaging.operation.type", "process").SetTag("messaging.operation.name", "process")
            .SetTag("messaging.destination.name", _queue.Name).SetTag("messaging.message.id", job.Id.ToString()).SetTag("orafo.attempt", job.Attempts);
        return span;
    }

    private static void Describe(Activity? span, JobOutcome outcome)
    {
        if (span is null)
            return;
        span.SetTag("orafo.outcome", outcome.Name);
        if (outcome is JobOutcome.RetryOutcome or JobOutcome.RejectOutcome or JobOutcome.ParkOutcome)
            span.SetStatus(ActivityStatusCode.Error);
    }

    /// <summary>Until it is time to see to the leases: while there are none, nobody wakes for them.</summary>
    private async Task PauseOf(WakeFlag leased, TimeSpan pause, CancellationToken cancellationToken)
    {
        if (_leases.IsEmpty)
            await leased.Wait(Timeout.InfiniteTimeSpan, cancellationToken);
        await Task.Delay(pause, _time, cancellationToken);
    }

    /// <summary>Renews all leases, three times in the time of one.</summary>
    private async Task RenewOnAndOn(CancellationToken cancellationToken)
    {
        while (true)
        {
            await PauseOf(_toRenew, _options.Lease / 3, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
                return;
            try
            {
                await Renew();
            }
            catch (Exception e)
            {
                Warn(e, "leases cannot be renewed now");
            }
        }
    }

    /// <summary>A worker that could not renew a lease knows that it has lost it, whatever has become of the attempt to renew it.</summary>
    private async Task LoseWhatRanOut(CancellationToken cancellationToken)
    {
        while (true)
        {
            await PauseOf(_toWatch, _options.Lease / 12, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
                return;
            foreach (var lease in _leases.Values)
            {
                if (!lease.IsEnding && _time.GetElapsedTime(lease.Since) >= _options.Lease)
                    lease.Lose();
            }
        }
    }

    private async Task Renew()
    {
        Dictionary<LeaseKey, bool> held = [];
        List<Lease> leases = [];
        var trip = NewTrip();
        var since = await Go(trip, () =>
        {
            leases.AddRange(_leases.Values);
            if (leases.Count == 0)
                return;
            trip.Add(_queue.Statements.Renew, [.. AttemptEnds.Leases(leases), new NpgsqlParameter<TimeSpan> { TypedValue = _options.Lease }]);
            trip.Add(_queue.Statements.Held, row => held[LeaseKey.Read(row)] = row.GetBoolean(2), AttemptEnds.Leases(leases));
        });

        foreach (var lease in leases)
        {
            if (held.TryGetValue(lease.Key, out var isToBeCancelled))
            {
                lease.Since = since;
                if (isToBeCancelled)
                    lease.AskToCancel();
            }
            // What ends is gone without being lost.
            else if (!lease.IsEnding)
                lease.Lose();
        }
    }

    /// <summary>Neither a row that somebody has locked nor a server that hangs may take the time of all leases.</summary>
    private RoundTrip NewTrip() => new(_queue.Database, _queue.Statements, patience: _options.Lease / 3);

    /// <summary>Writes, after what this worker is writing now.</summary>
    /// <returns>A timestamp from before it.</returns>
    private async Task<long> Go(RoundTrip trip, Action? prepare = null)
    {
        await _writing.WaitAsync();
        try
        {
            prepare?.Invoke();
            var began = _time.GetTimestamp();
            await trip.Go();
            return began;
        }
        finally
        {
            _writing.Release();
        }
    }

    private void Warn(Exception e, string what)
    {
        if (_warnings.IsDue())
            PgqLog.Away(_logger, e, _queue.Name, what);
    }
}

/// <summary>An attempt that ended, until that is written.</summary>
internal sealed record Attempt(Lease Lease, JobOutcome Outcome, TimeSpan Duration)
{
    /// <summary>It should have been written already: the lease is lost, or somebody has locked the row.</summary>
    public bool WasSkipped { get; init; }
}
