using System.Runtime.InteropServices;
using Npgsql;

namespace Orafo.Pgq;

/// <summary>Tells the leases of one job from each other: a worker may get it again while a handler of its own still believes that it has it.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LeaseKey(Guid JobId, Guid Token)
{
    /// <summary>The first two columns.</summary>
    public static LeaseKey Read(NpgsqlDataReader row) => new(row.GetGuid(0), row.GetGuid(1));
}

/// <summary>A job that this process runs.</summary>
/// <param name="job">Its row.</param>
/// <param name="token">Who has it is who knows this.</param>
/// <param name="since">A timestamp of <see cref="TimeProvider"/> from before it was claimed.</param>
internal sealed class Lease(ClaimedJob job, Guid token, long since) : IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Lock _lock = new();
    private long _since = since;
    private bool _isDisposed;
    private volatile bool _isEnding;
    private volatile bool _isLost;
    private volatile bool _isToBeCancelled;

    public ClaimedJob Job => job;

    public Guid Token => token;

    public LeaseKey Key => new(job.Id, token);

    /// <summary>Of what is logged of this attempt.</summary>
    public JobLogScope LogScope { get; } = new(job);

    /// <summary>From before it was renewed last.</summary>
    public long Since
    {
        get => Volatile.Read(ref _since);
        set => Volatile.Write(ref _since, value);
    }

    /// <summary>Of the handler.</summary>
    public CancellationToken CancellationToken => _cancellation.Token;

    /// <summary>Its end is being written: it is no sign of a lost lease that the row is gone.</summary>
    public bool IsEnding
    {
        get => _isEnding;
        set => _isEnding = value;
    }

    /// <summary>Somebody wants the job cancelled.</summary>
    public bool IsToBeCancelled => _isToBeCancelled;

    /// <summary>It ran out.</summary>
    public bool IsLost => _isLost;

    /// <summary>It ran out: the handler had better stop.</summary>
    public void Lose()
    {
        _isLost = true;
        StopAfter(TimeSpan.Zero);
    }

    public void AskToCancel()
    {
        _isToBeCancelled = true;
        StopAfter(TimeSpan.Zero);
    }

    public void StopAfter(TimeSpan patience)
    {
        lock (_lock)
        {
            if (!_isDisposed)
                _cancellation.CancelAfter(patience);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _cancellation.Dispose();
        }
    }
}
