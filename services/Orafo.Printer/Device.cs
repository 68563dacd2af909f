using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Options;

namespace Orafo.Printer;

/// <summary>The body of <c>POST /print</c>.</summary>
public sealed record PrintRequest(string? InvoiceNumber);

/// <summary>The paper is out.</summary>
/// <param name="AlreadyPrinted">It was before this request, which printed nothing.</param>
public sealed record PrintResult(string InvoiceNumber, int Tray, DateTimeOffset PrintedAt, bool AlreadyPrinted);

/// <summary>A page that came out.</summary>
public sealed record Page(string InvoiceNumber, int Tray, DateTimeOffset PrintedAt);

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

/// <summary>The device: slow, one page at a time per tray, and it never prints an invoice number twice.</summary>
/// <remarks>What it printed is in an append-only file, on disk before anybody is told: it remembers across a power cut.</remarks>
public sealed class Device : IDisposable
{
    private readonly TimeSpan _printTime;
    private readonly TimeProvider _time;
    private readonly Channel<int> _freeTrays = Channel.CreateUnbounded<int>();
    private readonly ConcurrentDictionary<string, Page> _pages = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Lazy<Task<Page>>> _printing = new(StringComparer.Ordinal);
    private readonly FileStream _memory;
    private readonly Lock _lock = new();

    public Device(IOptions<PrinterOptions> options, TimeProvider time, ILogger<Device> logger)
    {
        _printTime = TimeSpan.FromSeconds(options.Value.PrintSeconds);
        _time = time;
        for (var tray = 1; tray <= options.Value.Trays; tray++)
            _freeTrays.Writer.TryWrite(tray);

        Directory.CreateDirectory(options.Value.Directory);
        var path = Path.Combine(options.Value.Directory, "pages.jsonl");
        _memory = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        Remember();
        logger.LogInformation("{Trays} trays, {PrintSeconds} s a page, {Pages} pages remembered", options.Value.Trays, options.Value.PrintSeconds, _pages.Count);
    }

    public IEnumerable<Page> Pages => _pages.Values.OrderBy(page => page.PrintedAt);

    public Page? Find(string invoiceNumber) => _pages.GetValueOrDefault(invoiceNumber);

    /// <summary>Prints the page, or joins the print of the same number that is under way. Waits in line for a tray.</summary>
    public Task<Page> Print(string invoiceNumber) =>
        _printing.GetOrAdd(invoiceNumber, number => new Lazy<Task<Page>>(() => PrintOnce(number))).Value;

    public void Dispose() => _memory.Dispose();

    private async Task<Page> PrintOnce(string invoiceNumber)
    {
        try
        {
            // The last print of this number may have ended between the caller's look and now.
            if (Find(invoiceNumber) is { } printed)
                return printed;
            var tray = await _freeTrays.Reader.ReadAsync();
            try
            {
                await Task.Delay(_printTime, _time);
                var page = new Page(invoiceNumber, tray, _time.GetUtcNow());
                Append(page);
                _pages[invoiceNumber] = page;
                return page;
            }
            finally
            {
                _freeTrays.Writer.TryWrite(tray);
            }
        }
        finally
        {
            _printing.TryRemove(invoiceNumber, out _);
        }
    }

    private void Append(Page page)
    {
        lock (_lock)
        {
            _memory.Write([.. JsonSerializer.SerializeToUtf8Bytes(page, JsonSerializerOptions.Web), (byte)'\n']);
            _memory.Flush(flushToDisk: true);
        }
    }

    /// <summary>A line without its end was being written when the power went: nobody was told of that page, so it is cut off.</summary>
    private void Remember()
    {
        using var reader = new StreamReader(_memory, leaveOpen: true);
        var text = reader.ReadToEnd();
        var whole = text[..(text.LastIndexOf('\n') + 1)];
        foreach (var line in whole.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var page = JsonSerializer.Deserialize<Page>(line, JsonSerializerOptions.Web)!;
            _pages[page.InvoiceNumber] = page;
        }

        _memory.SetLength(System.Text.Encoding.UTF8.GetByteCount(whole));
        _memory.Seek(0, SeekOrigin.End);
    }
}
