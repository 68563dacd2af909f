namespace Orafo.Invoicing.Printing;

/// <summary>The printer, over HTTP.</summary>
public sealed class PrinterClient(HttpClient http)
{
    /// <summary>Returns when the paper is out. The printer prints an invoice number once, however often it is asked.</summary>
    /// <exception cref="HttpRequestException">The printer is away, or refused.</exception>
    /// <exception cref="TaskCanceledException">No answer within the time-out: the page may be out or not.</exception>
    public async Task Print(string invoiceNumber, CancellationToken cancellationToken)
    {
        using var answer = await http.PostAsJsonAsync(new Uri("print", UriKind.Relative), new { invoiceNumber }, cancellationToken);
        answer.EnsureSuccessStatusCode();
    }
}
