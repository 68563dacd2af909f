using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;

namespace Orafo.Invoicing.Printing;

/// <summary>The printer, over HTTP.</summary>
public sealed class PrinterClient(HttpClient http, Uri address, TimeProvider time)
{
    private const int LongestReason = 200;
    private readonly Uri _print = new(address.AbsoluteUri.TrimEnd('/') + "/print");

    /// <summary>Returns when the paper is out. The printer prints an invoice number once, however often it is asked.</summary>
    /// <exception cref="PrinterRefusedException">The printer answered, and does not print it now.</exception>
    /// <exception cref="HttpRequestException">The printer is away, or hung up: the page may be out or not.</exception>
    /// <exception cref="TaskCanceledException">No answer within the time-out: the page may be out or not.</exception>
    public async Task Print(string invoiceNumber, CancellationToken cancellationToken)
    {
        using var answer = await http.PostAsJsonAsync(_print, new { invoiceNumber }, cancellationToken);
        if (!answer.IsSuccessStatusCode)
            throw new PrinterRefusedException(answer.StatusCode, await Reason(answer, cancellationToken), RetryAfter(answer));
    }

    /// <summary>The title of the problem (RFC 9457), if it is one.</summary>
    private static async Task<string?> Reason(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
            return null;
        try
        {
            var title = (await answer.Content.ReadFromJsonAsync<ProblemDetails>(cancellationToken))?.Title;
            return title?.Length > LongestReason ? title[..LongestReason] : title;
        }
        // No JSON, or in a character set that nobody knows.
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Retry-After (RFC 9110) in either of its forms.</summary>
    private TimeSpan? RetryAfter(HttpResponseMessage answer) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date > time.GetUtcNow() => date - time.GetUtcNow(),
        _ => null,
    };
}

/// <summary>The printer does not print now, and says so.</summary>
public sealed class PrinterRefusedException(HttpStatusCode status, string? reason, TimeSpan? retryAfter)
    : HttpRequestException(reason is null ? $"The printer answered {(int)status}." : $"The printer answered {(int)status}: {reason}", null, status)
{
    /// <summary>When it wants to be asked again, if it said so.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
