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

    /// <summary>No document has this number.</summary>
    private const string None = "";

    /// <summary><c>/invoices/{number}</c> and <c>/credit-notes/{number}</c> as JSON, PDF or UBL, by the Accept header; those of an order by its id, too.</summary>
    public static void MapInvoices(this IEndpointRouteBuilder app)
    {
        app.MapMethods("/invoices/{number}", [HttpMethods.Get, HttpMethods.Head], GetInvoice);
        app.MapMethods("/credit-notes/{number}", [HttpMethods.Get, HttpMethods.Head], GetCreditNote);
        app.MapMethods("/orders/{orderId:guid}/invoice", [HttpMethods.Get, HttpMethods.Head], async (
            Guid orderId, HttpContext http, InvoicingDb db, DocumentArchive archive, CancellationToken cancellationToken) => await GetInvoice(
                await db.Invoices.Where(invoice => invoice.OrderId == orderId).Select(invoice => invoice.Number).SingleOrDefaultAsync(cancellationToken) ?? None,
                http, db, archive, cancellationToken));
        app.MapMethods("/orders/{orderId:guid}/credit-note", [HttpMethods.Get, HttpMethods.Head], async (
            Guid orderId, HttpContext http, InvoicingDb db, DocumentArchive archive, CancellationToken cancellationToken) => await GetCreditNote(
                await db.CreditNotes.Where(note => note.OrderId == orderId).Select(note => note.Number).SingleOrDefaultAsync(cancellationToken) ?? None,
                http, db, archive, cancellationToken));
    }

    private static Task<Results<Ok<Invoice>, FileContentHttpResult, ProblemHttpResult>> GetInvoice(
        string number, HttpContext http, InvoicingDb db, DocumentArchive archive, CancellationToken cancellationToken) =>
        Get(
            DocumentKind.Invoice, number, http, archive,
            () => db.Invoices.AsNoTracking().Where(invoice => invoice.Number == number).Select(invoice => new Issued(invoice, null)).SingleOrDefaultAsync(cancellationToken),
            issued => issued.Invoice, cancellationToken);

    private static Task<Results<Ok<CreditNote>, FileContentHttpResult, ProblemHttpResult>> GetCreditNote(
        string number, HttpContext http, InvoicingDb db, DocumentArchive archive, CancellationToken cancellationToken) =>
        Get(
            DocumentKind.CreditNote, number, http, archive,
            () => db.CreditNotes.AsNoTracking().Where(note => note.Number == number)
                .Join(db.Invoices.AsNoTracking(), note => note.InvoiceNumber, invoice => invoice.Number, (note, invoice) => new Issued(invoice, note)).SingleOrDefaultAsync(cancellationToken),
            issued => issued.CreditNote!, cancellationToken);

    /// <param name="kind">What is read.</param>
    /// <param name="number">Its number.</param>
    /// <param name="http">The request.</param>
    /// <param name="archive">Has its files.</param>
    /// <param name="read">Reads what they are made of; null if there is no such number.</param>
    /// <param name="data">What JSON is made of.</param>
    /// <param name="cancellationToken">Nobody waits any longer.</param>
    private static async Task<Results<Ok<T>, FileContentHttpResult, ProblemHttpResult>> Get<T>(
        DocumentKind kind, string number, HttpContext http, DocumentArchive archive, Func<Task<Issued?>> read, Func<Issued, T> data, CancellationToken cancellationToken)
    {
        http.Response.Headers.Vary = HeaderNames.Accept;
        // It never changes, but who may read it is asked each time.
        http.Response.Headers.CacheControl = "private, no-cache";
        if (!IsNumber(number))
            return NotFound(kind);
        var wanted = Representations.Acceptable(http.Request.GetTypedHeaders().Accept);
        if (wanted is [not Representations.Json, ..] && await archive.Find(kind, number, wanted[0], cancellationToken) is { } stored)
            return File(http, stored);
        if (await read() is not { } issued)
            return NotFound(kind);

        var refusal = DocumentMapping.RefusalOf(issued.Invoice);
        return wanted.FirstOrDefault(type => type == Representations.Json || refusal is null) switch
        {
            null => NotAcceptable(kind, wanted.Count > 0 ? refusal : null),
            Representations.Json => TypedResults.Ok(data(issued)),
            var mediaType => await archive.Render(issued.Invoice, issued.CreditNote, mediaType, cancellationToken) is { } rendered ? File(http, rendered) : Busy(http),
        };
    }

    private static ProblemHttpResult Busy(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "5";
        return TypedResults.Problem(statusCode: StatusCodes.Status503ServiceUnavailable, title: "Many documents are being rendered. Try again.");
    }

    private static bool IsNumber(string number) => number.Length is > 0 and <= LongestNumber && number.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    /// <summary>Said whatever the reader accepts; the pages of status codes would be silent to one who wants a PDF.</summary>
    private static ProblemHttpResult NotFound(DocumentKind kind) => TypedResults.Problem(
        statusCode: StatusCodes.Status404NotFound, title: kind == DocumentKind.CreditNote ? "There is no such credit note." : "There is no such invoice.");

    private static FileContentHttpResult File(HttpContext http, StoredDocument document)
    {
        var name = document.Number + (document.MediaType == Representations.Pdf ? ".pdf" : ".xml");
        http.Response.Headers.ContentDisposition = new ContentDispositionHeaderValue("inline") { FileName = name }.ToString();
        return TypedResults.Bytes(
            document.Content, document.MediaType, entityTag: new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(document.Hash)}\""));
    }

    /// <summary>The reader wants nothing that there is of this invoice, or credit note.</summary>
    /// <param name="kind">Which of them.</param>
    /// <param name="refusal">Why there is not what he wants; null if there is no such thing of any.</param>
    private static ProblemHttpResult NotAcceptable(DocumentKind kind, Refusal? refusal) => refusal is null
        ? TypedResults.Problem(
            statusCode: StatusCodes.Status406NotAcceptable,
            title: kind == DocumentKind.CreditNote ? "Credit notes are not to be had like that." : "Invoices are not to be had like that.",
            extensions: new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["available"] = new[] { Representations.Json, Representations.Pdf, Representations.Xml },
            })
        : TypedResults.Problem(
            statusCode: StatusCodes.Status406NotAcceptable,
            title: $"This {(kind == DocumentKind.CreditNote ? "credit note" : "invoice")} cannot be a document of EN 16931.",
            detail: refusal.Reason,
            extensions: new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["rule"] = refusal.Rule,
                ["available"] = new[] { Representations.Json },
            });

    /// <summary>An invoice, or a credit note and the invoice that it takes back.</summary>
    private sealed record Issued(Invoice Invoice, CreditNote? CreditNote);
}
