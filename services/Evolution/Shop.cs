using System.Globalization;

namespace Orafo.Evolution;

/// <summary>What a client orders. Its number is the invoice's, too.</summary>
/// <param name="Document">What else is to stand on the page.</param>
internal sealed record Order(string Number, string Document = "");

/// <summary>The work that every step does for an order, with the talk's times: details 100 ms, printing 5 s (the printer's), hand-over 200 ms.</summary>
/// <remarks>Configuration section <c>Evolution</c>: <c>TimeScale</c> multiplies the times, <c>Printer</c> is the printer's address.</remarks>
internal sealed class Shop : IDisposable
{
    private readonly HttpClient _printer;
    private readonly TimeProvider _time;

    public Shop(IConfiguration configuration, TimeProvider time)
    {
        (_time, TimeScale) = (time, configuration.GetValue("Evolution:TimeScale", 1.0));
        // A page may wait for others; a printer that does not answer is given up at last.
        _printer = new() { BaseAddress = new(configuration["Evolution:Printer"]!), Timeout = Scaled(60) };
    }

    public double TimeScale { get; }

    public TimeSpan Scaled(double seconds) => TimeSpan.FromSeconds(seconds * TimeScale);

    public Task Details() => Task.Delay(Scaled(0.1), _time);

    public Task HandOver() => Task.Delay(Scaled(0.2), _time);

    /// <summary>Asks the printer for a page, as if it had never been asked for that one before.</summary>
    /// <exception cref="HttpRequestException">It is offline, busy, out of ink, jammed, or died.</exception>
    /// <exception cref="TaskCanceledException">It does not answer.</exception>
    public Task Print(Order order) => Print(new { InvoiceNumber = order.Number, order.Document, Anew = true }, CancellationToken.None);

    /// <summary>Asks the printer for the page of that number, which it prints once, however often it is asked.</summary>
    /// <exception cref="HttpRequestException">It is offline, busy, out of ink, jammed, or died.</exception>
    /// <exception cref="TaskCanceledException">It does not answer.</exception>
    public Task PrintOnce(Order order, CancellationToken cancellationToken) => Print(new { InvoiceNumber = order.Number, order.Document }, cancellationToken);

    public void Dispose() => _printer.Dispose();

    private async Task Print(object request, CancellationToken cancellationToken)
    {
        using var answer = await _printer.PostAsJsonAsync(new Uri("print", UriKind.Relative), request, cancellationToken);
        if (!answer.IsSuccessStatusCode)
            throw new HttpRequestException(string.Create(CultureInfo.InvariantCulture, $"The printer says {(int)answer.StatusCode}."));
    }
}
