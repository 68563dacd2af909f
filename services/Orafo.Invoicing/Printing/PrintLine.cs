using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace Orafo.Invoicing.Printing;

/// <summary>Brings the jobs that this process writes to its worker.</summary>
/// <remarks>
/// While paper comes out as fast as invoices are issued, a job is leased by the transaction that writes it and handed over after the commit: nobody
/// claims it. Otherwise it waits in the table, behind those that wait there. Nothing depends on what is in memory: a lease runs out, and the worker
/// looks into the table from time to time.
/// </remarks>
public sealed class PrintLine(IOptions<PrintingOptions> options, TimeProvider time) : IDisposable
{
    private const int LongestLine = 64;
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(50);

    private readonly PrintingOptions _options = options.Value;
    private readonly ConcurrentQueue<PrintJob> _handed = [];
    private readonly SemaphoreSlim _wake = new(0);
    private int _isWoken;
    private int _underWay;
    private int _mustLook;
    private volatile bool _isClosed;
    private long _lastPrompt;
    private long _pageTicks = TimeSpan.TicksPerMinute;

    /// <summary>A page came out promptly a moment ago: of the next one no promise. Whoever has seen no page does not say so.</summary>
    public bool IsPrompt => time.GetUtcNow().UtcTicks - Volatile.Read(ref _lastPrompt) < _options.Promptly.Ticks;

    /// <summary>Whether the worker has to look into the table.</summary>
    public bool MustLook => Volatile.Read(ref _mustLook) != 0;

    /// <summary>What the hands print within a moment, beside what they are at: not more, for another process may be idle.</summary>
    private int LongestAhead =>
        (int)Math.Min(_options.Parallelism * (Ahead / TimeSpan.FromTicks(Math.Max(1, Volatile.Read(ref _pageTicks)))), LongestLine);

    private int Room => _options.Parallelism + LongestAhead - Volatile.Read(ref _underWay);

    /// <summary>Leases a new job to this process, if it is printed at once and overtakes nobody.</summary>
    /// <param name="job">Is written with the lease, and then to be <see cref="Hand"/>ed over.</param>
    /// <param name="now">By the database's clock.</param>
    public bool TryLease(PrintJob job, DateTimeOffset now)
    {
        if (!IsPrompt || _isClosed || MustLook || Room <= 0)
            return false;
        job.LeaseTo(Guid.CreateVersion7(), now + _options.Lease);
        return true;
    }

    /// <summary>A job that was leased is committed.</summary>
    public void Hand(PrintJob job)
    {
        Interlocked.Increment(ref _underWay);
        _handed.Enqueue(job);
        Wake();
    }

    /// <summary>There is, or may be, a job in the table.</summary>
    public void Look()
    {
        Volatile.Write(ref _mustLook, 1);
        Wake();
    }

    /// <summary>A page is out, or not: a hand is free.</summary>
    public void Leave()
    {
        Interlocked.Decrement(ref _underWay);
        if (MustLook)
            Wake();
    }

    /// <summary>A page is out, of an invoice that was issued then.</summary>
    public void CameOut(DateTimeOffset issuedAt)
    {
        var now = time.GetUtcNow();
        if (now - issuedAt < _options.Promptly)
            Volatile.Write(ref _lastPrompt, now.UtcTicks);
    }

    /// <summary>The printer took so long for a page.</summary>
    public void Took(TimeSpan page) => Volatile.Write(ref _pageTicks, (Volatile.Read(ref _pageTicks) * 7 + page.Ticks) / 8);

    /// <summary>The next job that was handed over.</summary>
    public PrintJob? TakeHanded() => _handed.TryDequeue(out var job) ? job : null;

    /// <summary>How many jobs may be claimed now. From here on they count as under way; those that are not found are given back by <see cref="GiveBack"/>.</summary>
    /// <returns>0 while the line is half full: one statement for some of the jobs ahead; for a hand that would be idle, at once.</returns>
    public int TakeRoom()
    {
        var room = Room;
        if (room < Math.Max(1, LongestAhead / 2))
            return 0;
        Interlocked.Add(ref _underWay, room);
        // Lowered before the worker looks: what is written from here on raises it again.
        Volatile.Write(ref _mustLook, 0);
        return room;
    }

    /// <summary>So many jobs were not found.</summary>
    public void GiveBack(int room) => Interlocked.Add(ref _underWay, -room);

    /// <summary>Returns when there is something to do, or after <paramref name="limit"/>, or when cancelled.</summary>
    public async Task Wait(TimeSpan limit, CancellationToken cancellationToken)
    {
        await ((Task)_wake.WaitAsync(limit, cancellationToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Volatile.Write(ref _isWoken, 0);
    }

    /// <summary>The worker stops: jobs are left to others.</summary>
    public void Close() => _isClosed = true;

    public void Dispose() => _wake.Dispose();

    private void Wake()
    {
        if (Interlocked.Exchange(ref _isWoken, 1) == 0)
            _wake.Release();
    }
}
