using Microsoft.Extensions.Options;

namespace Orafo.Invoicing.Printing;

/// <summary>The printers, by their names.</summary>
public sealed class Printers(IOptions<PrintingOptions> options, IHttpClientFactory http, TimeProvider time, ILogger<Printers> logger) : IDisposable
{
    private readonly Dictionary<string, Printer> _all = options.Value.Printers.ToDictionary(
        printer => printer.Key,
        printer => new Printer(printer.Key, () => new PrinterClient(http.CreateClient(PrintingExtensions.HttpClient), printer.Value.Url!, time), printer.Value.Parallelism, options.Value, time, logger),
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
public sealed class Printer(string name, Func<PrinterClient> client, int parallelism, PrintingOptions options, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly SemaphoreSlim _hands = new(parallelism);
    private readonly Lock _lock = new();
    private int _failures;
    private int _pauses;
    private TimeSpan _pause;
    private long _pausedAt;

    public string Name => name;

    /// <summary>How long it is still left alone.</summary>
    private TimeSpan? Left
    {
        get
        {
            lock (_lock)
                return _pause - time.GetElapsedTime(_pausedAt) is var left && left > TimeSpan.Zero ? left : null;
        }
    }

    /// <summary>Prints a page when it is its turn.</summary>
    /// <returns>Null if it is out; how long the printer is left alone, if that is so by then and nothing was tried.</returns>
    /// <exception cref="HttpRequestException">As <see cref="PrinterClient.Print"/>; so are the others.</exception>
    public async Task<TimeSpan?> TryPrint(string invoiceNumber, CancellationToken cancellationToken)
    {
        await _hands.WaitAsync(cancellationToken);
        try
        {
            if (Left is { } left)
                return left;
            await client().Print(invoiceNumber, cancellationToken);
            Prints();
            return null;
        }
        finally
        {
            _hands.Release();
        }
    }

    /// <summary>A page did not come out.</summary>
    /// <param name="error">Why.</param>
    /// <param name="retryAfter">When the printer wants to be asked again, if it said so.</param>
    /// <returns>How long the printer is left alone; null if it may be that page.</returns>
    public TimeSpan? Failed(string error, TimeSpan? retryAfter)
    {
        lock (_lock)
        {
            _failures++;
            // Pages that were under way together fail together: that is one reason for a pause, not many.
            if (_failures >= options.FailuresInARow && Left is null)
            {
                if (_pauses == 0)
                    logger.LogWarning("The printer {Printer} does not print and is left alone for a while, again and again: {Error}", name, error);
                Pause(Least(options.FirstPause * Math.Pow(2, Math.Min(_pauses++, 20)), options.LongestPause));
            }

            if (retryAfter is { } asked && Least(asked, options.LongestRetryAfter) is var wanted && wanted > (Left ?? TimeSpan.Zero))
                Pause(wanted);
            return Left;
        }
    }

    /// <summary>A page is out. One that was under way when the others failed does not end the pause.</summary>
    private void Prints()
    {
        lock (_lock)
        {
            if (_pauses > 0)
                logger.LogInformation("The printer {Printer} prints again", name);
            (_failures, _pauses) = (0, 0);
        }
    }

    private void Pause(TimeSpan pause) => (_pause, _pausedAt) = (pause, time.GetTimestamp());

    public void Dispose() => _hands.Dispose();

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
