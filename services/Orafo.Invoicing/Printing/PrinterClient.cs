using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Printing;

/// <summary>The printer, over HTTP.</summary>
public sealed class PrinterClient(HttpClient http, Uri address, TimeProvider time)
{
    private const int LongestReason = 200;
    private readonly Uri _print = new(address.AbsoluteUri.TrimEnd('/') + "/print");

    /// <summary>Returns when the paper is out. The printer prints an invoice number once, however often it is asked.</summary>
    /// <exception cref="RemoteRefusalException">The printer answered, and does not print it now.</exception>
    /// <exception cref="HttpRequestException">The printer is away, or hung up: the page may be out or not.</exception>
    /// <exception cref="TaskCanceledException">No answer within the time-out: the page may be out or not.</exception>
    public async Task Print(string invoiceNumber, CancellationToken cancellationToken)
    {
        using var answer = await http.PostAsJsonAsync(_print, new { invoiceNumber }, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            var reason = (await answer.ReadProblem(cancellationToken))?.Title;
            throw new RemoteRefusalException("The printer", answer.StatusCode, reason?.Length > LongestReason ? reason[..LongestReason] : reason, answer.RetryAfter(time));
        }
    }
}
