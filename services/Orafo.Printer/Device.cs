using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Orafo.Devices;

namespace Orafo.Printer;

/// <summary>The body of <c>POST /print</c>.</summary>
/// <param name="InvoiceNumber">What is printed.</param>
/// <param name="Anew">Whether or not it came out before, as a printer does that remembers nothing.</param>
public sealed record PrintRequest(string? InvoiceNumber, bool Anew = false);

/// <summary>The paper is out.</summary>
/// <param name="AlreadyPrinted">It was before this request, which printed nothing.</param>
public sealed record PrintResult(string InvoiceNumber, int Tray, DateTimeOffset PrintedAt, bool AlreadyPrinted);

/// <summary>A page that came out.</summary>
public sealed record Page(string InvoiceNumber, int Tray, DateTimeOffset PrintedAt);

/// <summary>All paper of an invoice number.</summary>
/// <param name="InvoiceNumber">The number.</param>
/// <param name="PrintedAt">When its page came out whole; null if it has not.</param>
/// <param name="Copies">Whole pages: one, or none yet; more if somebody asked for it anew.</param>
/// <param name="Spoiled">Pages that were ruined by a jam, or by a crash in the middle: each made a reprint necessary.</param>
public sealed record Paper(string InvoiceNumber, DateTimeOffset? PrintedAt, int Copies, int Spoiled);

/// <summary>Configuration section <c>Printer</c>.</summary>
public sealed class PrinterOptions
{
    /// <summary>How long a page takes.</summary>
    [Range(0, 3600)]
    public double PrintSeconds { get; set; } = 5;

    /// <summary>How many pages are printed at a time; each tray prints one.</summary>
    [Range(1, 64)]
    public int Trays { get; set; } = 2;

    /// <summary>Where the printer keeps what it remembers.</summary>
    [Required]
    public string Directory { get; set; } = "printed";
}

/// <summary>The device: slow, one page at a time per tray, at times faulty, and it never prints a whole page of an invoice number twice unless it is told to.</summary>
/// <remarks>
/// What it printed is in an append-only file, on disk before anybody is told: it remembers across a power cut. What it began is in another, which
/// survives the process: a page that was begun and did not come out is spoiled paper.
/// </remarks>
public sealed class Device : IDisposable
{
    private readonly TimeSpan _printTime;
    private readonly TimeProvider _time;
    private readonly Action _crash;
    private readonly Trays _trays;
    private readonly ConcurrentDictionary<string, Page> _pages = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _begun = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _copies = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _underWay = new(StringComparer.Ordinal);

    /// <summary>What was begun, came out and is under way is of one moment.</summary>
    private readonly Lock _paperLock = new();
    private readonly ConcurrentDictionary<string, Lazy<Task<Page>>> _printing = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _met = new(StringComparer.Ordinal);
    private readonly AppendOnlyFile<Page> _printedPages;
    private readonly AppendOnlyFile<string> _begunPages;
    private readonly Lock _faultsLock = new();
    private Faults _faults = new();
    private CancellationTokenSource _faultsChanged = new();

    public Device(IOptions<PrinterOptions> options, TimeProvider time, ILogger<Device> logger)
        : this(options, time, logger, () => System.Diagnostics.Process.GetCurrentProcess().Kill())
    {
    }

    /// <param name="options">How it prints.</param>
    /// <param name="time">Its clock.</param>
    /// <param name="logger">Its log.</param>
    /// <param name="crash">Ends the process, at once.</param>
    internal Device(IOptions<PrinterOptions> options, TimeProvider time, ILogger<Device> logger, Action crash)
    {
        _printTime = TimeSpan.FromSeconds(options.Value.PrintSeconds);
        (_time, _crash) = (time, crash);
        TrayCount = options.Value.Trays;
        _trays = new(TrayCount);
        Directory.CreateDirectory(options.Value.Directory);
        _printedPages = new(Path.Combine(options.Value.Directory, "pages.jsonl"));
        _begunPages = new(Path.Combine(options.Value.Directory, "begun.jsonl"));
        foreach (var page in _printedPages.Read())
            Count(page);
        foreach (var invoiceNumber in _begunPages.Read())
            _begun.AddOrUpdate(invoiceNumber, 1, (_, times) => times + 1);
        DeviceLog.Ready(logger, options.Value.Trays, options.Value.PrintSeconds, _pages.Count);
    }

    /// <summary>They are numbered from 1.</summary>
    public int TrayCount { get; }

    /// <summary>What came out of it, in the order of the first page that did; what was spoiled only comes last.</summary>
    public IEnumerable<Paper> Papers => _begun.Keys.Union(_pages.Keys, StringComparer.Ordinal)
        .Select(PaperOf)
        .OrderBy(paper => paper.PrintedAt is null).ThenBy(paper => paper.PrintedAt).ThenBy(paper => paper.InvoiceNumber, StringComparer.Ordinal);

    /// <summary>What is wrong with it, and how often that was met.</summary>
    public FaultReport FaultReport
    {
        get
        {
            lock (_faultsLock)
                return new(_faults, _met.ToDictionary(StringComparer.Ordinal));
        }
    }

    /// <summary>The whole page of that number, if it is out.</summary>
    public Page? Find(string invoiceNumber) => _pages.GetValueOrDefault(invoiceNumber);

    /// <summary>From now on this is wrong with it, and nothing else. Who waited for an answer in vain, waits no longer.</summary>
    public void Set(Faults faults)
    {
        CancellationTokenSource changed;
        lock (_faultsLock)
            (_faults, changed, _faultsChanged) = (faults, _faultsChanged, new());
        changed.Cancel();
    }

    /// <summary>Whether the request gets any further than the wire.</summary>
    /// <exception cref="PrinterException">It is busy.</exception>
    public async Task<bool> Hears(CancellationToken cancellationToken)
    {
        Faults faults;
        CancellationToken changed;
        lock (_faultsLock)
            (faults, changed) = (_faults, _faultsChanged.Token);
        if (faults.Offline)
            return !IsMet("offline");
        if (faults.NoAnswer)
        {
            IsMet("noAnswer");
            using var either = CancellationTokenSource.CreateLinkedTokenSource(changed, cancellationToken);
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return false;
        }

        if (faults.BusySeconds is { } seconds && IsMet("busySeconds"))
            throw new PrinterException("The printer is busy.", TimeSpan.FromSeconds(seconds));
        return true;
    }

    /// <summary>Whether the answer gets through.</summary>
    public bool Answers() => !(_faults.LoseReplies && IsMet("loseReplies"));

    /// <summary>Prints the page, or joins the print of the same number that is under way, on whatever tray. Waits in line for a tray.</summary>
    /// <param name="invoiceNumber">What is printed.</param>
    /// <param name="tray">The tray; any if left out.</param>
    /// <exception cref="PrinterException">The page did not come out.</exception>
    public Task<Page> Print(string invoiceNumber, int? tray = null) =>
        _printing.GetOrAdd(invoiceNumber, number => new Lazy<Task<Page>>(() => PrintOnce(number, tray))).Value;

    /// <summary>Prints the page, whether or not it is out already. Waits in line for a tray.</summary>
    /// <inheritdoc cref="Print"/>
    public async Task<Page> PrintAnew(string invoiceNumber, int? tray = null)
    {
        var free = await _trays.Take(tray);
        try
        {
            return await PutThrough(invoiceNumber, free);
        }
        finally
        {
            _trays.GiveBack(free);
        }
    }

    public void Dispose()
    {
        _printedPages.Dispose();
        _begunPages.Dispose();
        _faultsChanged.Dispose();
    }

    private async Task<Page> PrintOnce(string invoiceNumber, int? wanted)
    {
        try
        {
            // The last print of this number may have ended between the caller's look and now.
            return Find(invoiceNumber) ?? await PrintAnew(invoiceNumber, wanted);
        }
        finally
        {
            _printing.TryRemove(invoiceNumber, out _);
        }
    }

    private async Task<Page> PutThrough(string invoiceNumber, int tray)
    {
        UseInk();
        _begunPages.Append(invoiceNumber);
        lock (_paperLock)
        {
            _begun.AddOrUpdate(invoiceNumber, 1, (_, times) => times + 1);
            _underWay.AddOrUpdate(invoiceNumber, 1, (_, pages) => pages + 1);
        }

        Page? whole = null;
        try
        {
            await Move(tray);
            var page = new Page(invoiceNumber, tray, _time.GetUtcNow());
            _printedPages.Append(page);
            await _printedPages.Saved();
            return whole = page;
        }
        finally
        {
            lock (_paperLock)
            {
                if (whole is not null)
                    Count(whole);
                _underWay.AddOrUpdate(invoiceNumber, 0, (_, pages) => pages - 1);
            }
        }
    }

    private void UseInk()
    {
        lock (_faultsLock)
        {
            if (_faults.InkPages is not { } left)
                return;
            if (left == 0 && IsMet("inkPages"))
                throw new PrinterException("The printer is out of ink.");
            _faults = _faults with { InkPages = left - 1 };
        }
    }

    /// <summary>The paper goes through.</summary>
    private async Task Move(int tray)
    {
        var faults = _faults;
        if (faults.SlowSeconds > 0)
            IsMet("slowSeconds");
        var pageTime = _printTime + TimeSpan.FromSeconds(faults.SlowSeconds);
        if (faults.CrashInPage && IsMet("crashInPage"))
        {
            await Task.Delay(pageTime / 2, _time);
            _crash();
        }

        await Task.Delay(pageTime, _time);
#pragma warning disable CA5394 // Bad luck, not a secret.
        if ((tray == faults.JammedTray && IsMet("jammedTray")) || (Random.Shared.NextDouble() < faults.JamProbability && IsMet("jamProbability")))
#pragma warning restore CA5394
            throw new PrinterException("The paper is jammed.");
    }

    private Paper PaperOf(string invoiceNumber)
    {
        lock (_paperLock)
        {
            // A page that is under way is not spoiled.
            var (begun, copies, underWay) = (
                _begun.GetValueOrDefault(invoiceNumber), _copies.GetValueOrDefault(invoiceNumber), _underWay.GetValueOrDefault(invoiceNumber));
            return new(invoiceNumber, Find(invoiceNumber)?.PrintedAt, copies, Math.Max(0, begun - copies - underWay));
        }
    }

    private void Count(Page page)
    {
        _pages[page.InvoiceNumber] = page;
        _copies.AddOrUpdate(page.InvoiceNumber, 1, (_, times) => times + 1);
    }

    /// <returns>True.</returns>
    private bool IsMet(string fault)
    {
        _met.AddOrUpdate(fault, 1, (_, times) => times + 1);
        return true;
    }
}

/// <summary>What the device says.</summary>
internal static partial class DeviceLog
{
    [LoggerMessage(LogLevel.Information, "{Trays} trays, {PrintSeconds} s a page, {Pages} pages remembered")]
    public static partial void Ready(ILogger logger, int trays, double printSeconds, int pages);
}
