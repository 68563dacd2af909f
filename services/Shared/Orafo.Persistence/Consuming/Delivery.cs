using System.Diagnostics;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>A message, a batch of them, or a piece of work without any, that waits for its transaction.</summary>
/// <param name="messageIds">With <paramref name="consumer"/>, what makes each one of its kind; none if it is no message.</param>
/// <param name="consumer">Who takes it.</param>
/// <param name="handle">Runs the consumer; it may be called again after a rollback.</param>
/// <param name="cancellationToken">The delivery's.</param>
internal sealed class Delivery<TDbContext>(
    Guid[] messageIds, ConsumerProfile consumer, Func<Delivery<TDbContext>, UnitOfWork<TDbContext>, bool, Task> handle, CancellationToken cancellationToken)
    where TDbContext : DbContext
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ExecutionContext? _context = ExecutionContext.Capture();

    public Guid[] MessageIds => messageIds;
    public ConsumerProfile Consumer => consumer;
    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>What is to be consumed, if it is a message.</summary>
    public object? Message { get; init; }

    /// <summary>Loads what its consumer needs; null if nothing does.</summary>
    public Prefetcher<TDbContext>? Prefetcher { get; init; }

    /// <summary>The message's, if it has one: what its saga is most likely found by.</summary>
    public Guid? CorrelationId { get; init; }

    /// <summary>Those of its messages that are no duplicates; null if that has not been asked, or was asked of all or nothing.</summary>
    public IReadOnlySet<Guid>? Entered { get; set; }

    /// <summary>Whether there is a row that counts the attempts at it.</summary>
    public bool IsCounted { get; set; }

    /// <summary>Of the message that was delivered, or of whatever else it belongs to; null if that is not traced.</summary>
    public Activity? Span { get; } = Activity.Current;

    /// <summary>What its receive context asks for: rolled back in the end; null if it is meant.</summary>
    public Rehearsal? Rehearsal { get; init; }

    /// <summary>Ends when the transaction is committed, or with what kept it from that.</summary>
    public Task Done => _done.Task;

    /// <remarks>In its own context (span, log scopes …), whoever's thread it is that runs the transaction.</remarks>
    public Task Handle(UnitOfWork<TDbContext> unit, bool isDuplicate)
    {
        if (_context is null)
            return handle(this, unit, isDuplicate);
        Task handled = null!;
        ExecutionContext.Run(_context, _ => handled = handle(this, unit, isDuplicate), null);
        return handled;
    }

    public void Succeed() => _done.TrySetResult();

    public void Fail(Exception e) => _done.TrySetException(e);
}

/// <summary>What was learnt of a consumer (of one message type, on one endpoint) while it ran.</summary>
internal sealed class ConsumerProfile(Guid id)
{
    private const int FewestRuns = 3;
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(1);
    private readonly TimeSpan[] _lastRuns = new TimeSpan[16];
    private int _runs;
    private bool _isSlow;
    private long _metKnown;

    public Guid Id => id;

    /// <summary>It asks the database for more than its saga, so it must find there what was written before it.</summary>
    public bool IsReader { get; set; }

    /// <summary>Loads its sagas, which its messages name by their correlation ids; null if it has none, or names them otherwise.</summary>
    public ISagaLoader? Sagas { get; set; }

    /// <summary>It awaits something that takes its time: nobody should share a transaction with it.</summary>
    /// <remarks>Told by the quickest of its last runs: a busy machine, or code that runs for the first time, makes some of them long, not all.</remarks>
    public bool IsSlow => Volatile.Read(ref _isSlow);

    /// <summary>Whether its messages most likely ask for what was never done.</summary>
    public bool ExpectsNew(TimeProvider time) => Volatile.Read(ref _metKnown) is var met && (met == 0 || time.GetElapsedTime(met) > Memory);

    /// <summary>One of a group asked again for what was done before. Where there is one, more may come: commands that were repeated, or a queue put back.</summary>
    public void MetKnown(TimeProvider time) => Volatile.Write(ref _metKnown, time.GetTimestamp());

    /// <param name="time">Without what it waited for the database.</param>
    public void Took(TimeSpan time)
    {
        lock (_lastRuns)
        {
            _lastRuns[_runs++ % _lastRuns.Length] = time;
            Volatile.Write(ref _isSlow, _runs >= FewestRuns && _lastRuns.Take(_runs).Min() > Slow);
        }
    }
}
