using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;
using Orafo.Invoicing.Documents;

namespace Orafo.Invoicing;

/// <summary>Reading invoices and credit notes.</summary>
public static class InvoiceEndpoints
{
    /// <summary>More than any series has.</summary>
    private const int LongestNumber = 40;

    /// <summary><c>/invoices/{number}</c> as JSON, PDF or UBL, by the Accept header.</summary>
    public static void MapInvoices(this IEndpointRouteBuilder app)
    {
        app.MapMethods("/invoices/{number}", [HttpMethods.Get, HttpMethods.Head], Get);
        app.MapGet("/credit-notes/{number}", GetCreditNote);
    }

    private static async Task<Results<Ok<Invoice>, FileContentHttpResult, ProblemHttpResult>> Get(
        string number, HttpContext http, InvoicingDb db, DocumentArchive archive, CancellationToken cancellationToken)
    {
        http.Response.Headers.Vary = HeaderNames.Accept;
        // It never changes, but who may read it is asked each time.
        http.Response.Headers.CacheControl = "private, no-cache";
        if (!IsNumber(number))
            return NotFound();
        var wanted = Representations.Acceptable(http.Request.GetTypedHeaders().Accept);
        if (wanted is [not Representations.Json, ..] && await archive.Find(number, wanted[0], cancellationToken) is { } stored)
            return File(http, stored);
        var invoice = await db.Invoices.AsNoTracking().SingleOrDefaultAsync(invoice => invoice.Number == number, cancellationToken);
        if (invoice is null)
            return NotFound();

        var refusal = DocumentMapping.RefusalOf(invoice);
        return wanted.FirstOrDefault(type => type == Representations.Json || refusal is null) switch
        {
            null => NotAcceptable(wanted.Count > 0 ? refusal : null),
            Representations.Json => TypedResults.Ok(invoice),
            var mediaType => await archive.Render(invoice, mediaType, cancellationToken) is { } rendered ? File(http, rendered) : Busy(http),
        };
    }

    private static async Task<Results<Ok<CreditNote>, ProblemHttpResult>> GetCreditNote(string number, InvoicingDb db, CancellationToken cancellationToken) =>
        IsNumber(number) && await db.CreditNotes.AsNoTracking().SingleOrDefaultAsync(note => note.Number == number, cancellationToken) is { } note
            ? TypedResults.Ok(note)
            : TypedResults.Problem(statusCode: StatusCodes.Status404NotFound, title: "There is no such credit note.");

    private static ProblemHttpResult Busy(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "5";
        return TypedResults.Problem(statusCode: StatusCodes.Status503ServiceUnavailable, title: "Many documents are being rendered. Try again.");
    }

    private static bool IsNumber(string number) => number.Length <= LongestNumber && number.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    /// <summary>Said whatever the reader accepts; the pages of status codes would be silent to one who wants a PDF.</summary>
    private static ProblemHttpResult NotFound() => TypedResults.Problem(statusCode: StatusCodes.Status404NotFound, title: "There is no such invoice.");

    private static FileContentHttpResult File(HttpContext http, InvoiceDocument document)
    {
        var name = document.InvoiceNumber + (document.MediaType == Representations.Pdf ? ".pdf" : ".xml");
        http.Response.Headers.ContentDisposition = new ContentDispositionHeaderValue("inline") { FileName = name }.ToString();
        return TypedResults.Bytes(
            document.Content, document.MediaType, entityTag: new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(document.Hash)}\""));
    }

    /// <summary>The reader wants nothing that there is of this invoice.</summary>
    /// <param name="refusal">Why there is not what he wants; null if there is no such thing of any invoice.</param>
    private static ProblemHttpResult NotAcceptable(Refusal? refusal) => refusal is null
        ? TypedResults.Problem(
            statusCode: StatusCodes.Status406NotAcceptable,
            title: "Invoices are not to be had like that.",
            extensions: new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["available"] = new[] { Representations.Json, Representations.Pdf, Representations.Xml },
            })
        : TypedResults.Problem(
            statusCode: StatusCodes.Status406NotAcceptable,
            title: "This invoice cannot be a document of EN 16931.",
            detail: refusal.Reason,
            extensions: new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["rule"] = refusal.Rule,
                ["available"] = new[] { Representations.Json },
            });
}
