using Microsoft.Extensions.Options;

namespace Orafo.Invoicing.Printing;

/// <summary>The printers, by their names.</summary>
public sealed class Printers(IOptions<PrintingOptions> options, IHttpClientFactory http, TimeProvider time) : IDisposable
{
    private readonly Dictionary<string, Printer> _all = options.Value.Printers.ToDictionary(
        printer => printer.Key,
        printer => new Printer(printer.Key, () => new PrinterClient(http.CreateClient(PrintingExtensions.HttpClient), printer.Value.Url!, time), printer.Value.Parallelism, options.Value, time),
        StringComparer.Ordinal);

    public IEnumerable<string> Names => _all.Keys;

    /// <summary>Null if there is none of that name (any more).</summary>
    public Printer? Find(string name) => _all.GetValueOrDefault(name);

    public void Dispose()
    {
        foreach (var printer in _all.Values)
            printer.Dispose();
    }
}

/// <summary>One of them: so many pages at a time, and none for a while after too many failures in a row (a circuit breaker).</summary>
public sealed class Printer(string name, Func<PrinterClient> client, int parallelism, PrintingOptions options, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _hands = new(parallelism);
    private readonly Lock _lock = new();
    private int _failures;
    private int _pauses;
    private DateTimeOffset _pausesUntil;

    public string Name => name;

    private bool IsLeftAlone
    {
        get
        {
            lock (_lock)
                return time.GetUtcNow() < _pausesUntil;
        }
    }

    /// <summary>Prints a page when it is its turn.</summary>
    /// <returns>False if the printer is left alone by then: nothing was tried.</returns>
    /// <exception cref="HttpRequestException">As <see cref="PrinterClient.Print"/>; so are the others.</exception>
    public async Task<bool> TryPrint(string invoiceNumber, CancellationToken cancellationToken)
    {
        await _hands.WaitAsync(cancellationToken);
        try
        {
            if (IsLeftAlone)
                return false;
            await client().Print(invoiceNumber, cancellationToken);
            lock (_lock)
                (_failures, _pauses) = (0, 0);
            return true;
        }
        finally
        {
            _hands.Release();
        }
    }

    /// <summary>A page did not come out.</summary>
    /// <param name="retryAfter">When the printer wants to be asked again, if it said so.</param>
    /// <returns>How long the printer is left alone; null if it may be that page.</returns>
    public TimeSpan? Failed(TimeSpan? retryAfter)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            _failures++;
            // Pages that were under way together fail together: that is one reason for a pause, not many.
            if (_failures >= options.FailuresInARow && now >= _pausesUntil)
                _pausesUntil = now + Least(options.FirstPause * Math.Pow(2, Math.Min(_pauses++, 20)), options.LongestPause);
            if (retryAfter is { } asked && now + Least(asked, options.LongestRetryAfter) is var until && until > _pausesUntil)
                _pausesUntil = until;
            return _pausesUntil > now ? _pausesUntil - now : null;
        }
    }

    public void Dispose() => _hands.Dispose();

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
