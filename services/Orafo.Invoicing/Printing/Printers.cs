using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Printing;

/// <summary>The printers, by their names.</summary>
public sealed class Printers : IDisposable
{
    private readonly Meter _meter = new("Orafo.Invoicing");
    private readonly Dictionary<string, Printer> _all;

    public Printers(IOptions<PrintingOptions> options, IHttpClientFactory http, TimeProvider time, ILogger<Printers> logger)
    {
        _all = options.Value.Printers.ToDictionary(
            printer => printer.Key,
            printer => new Printer(printer.Key, () => new PrinterClient(http.CreateClient(PrintingExtensions.HttpClient), printer.Value.Url!, time), printer.Value.Parallelism, options.Value, time, logger),
            StringComparer.Ordinal);
        _meter.CreateObservableGauge(
            "orafo.printer.failing", () => _all.Values.Select(printer => new Measurement<int>(printer.IsFailing ? 1 : 0, new KeyValuePair<string, object?>("orafo.printer", printer.Name))),
            "{printer}", "1 from when an instance left the printer alone because it failed until a page comes out.");
    }

    public IEnumerable<string> Names => _all.Keys;

    /// <summary>Null if there is none of that name (any more).</summary>
    public Printer? Find(string name) => _all.GetValueOrDefault(name);

    public void Dispose()
    {
        _meter.Dispose();
        foreach (var printer in _all.Values)
            printer.Dispose();
    }
}

/// <summary>One of them.</summary>
public sealed class Printer(string name, Func<PrinterClient> client, int parallelism, PrintingOptions options, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly RemoteSystem _device = new(
        $"printer {name}", parallelism, new(options.FailuresInARow, options.FirstPause, options.LongestPause, options.LongestRetryAfter), time, logger);

    public string Name => name;

    /// <summary>As <see cref="RemoteSystem.IsLeftAlone"/>.</summary>
    public bool IsLeftAlone => _device.IsLeftAlone;

    /// <summary>As <see cref="RemoteSystem.IsFailing"/>.</summary>
    public bool IsFailing => _device.IsFailing;

    /// <summary>Prints a page when it is its turn.</summary>
    /// <returns>Null if it is out; how long the printer is left alone, if that is so by then and nothing was tried.</returns>
    /// <exception cref="HttpRequestException">As <see cref="PrinterClient.Print"/>; so are the others.</exception>
    public Task<TimeSpan?> TryPrint(string invoiceNumber, CancellationToken cancellationToken) =>
        _device.TryCall(() => client().Print(invoiceNumber, cancellationToken), cancellationToken);

    /// <summary>A page did not come out.</summary>
    /// <param name="error">Why.</param>
    /// <param name="retryAfter">When the printer wants to be asked again, if it said so.</param>
    /// <returns>How long the printer is left alone; null if it may be that page.</returns>
    public TimeSpan? Failed(string error, TimeSpan? retryAfter) => _device.Failed(error, retryAfter);

    public void Dispose() => _device.Dispose();
}
