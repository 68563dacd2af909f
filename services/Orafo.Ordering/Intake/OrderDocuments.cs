using System.Globalization;
using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;
using Orafo.Ordering.Access;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Intake;

/// <summary>An order's invoice and credit note, as the invoice service gives them: the same bytes, in the form that the client accepts.</summary>
internal static class OrderDocuments
{
    public const string Invoice = "invoice";
    public const string CreditNote = "credit-note";
    public static readonly string[] Forms = ["application/json", "application/pdf", "application/xml"];

    /// <summary>A client that reads more slowly has it cut off, and may ask again.</summary>
    private static readonly TimeSpan LongestTransfer = TimeSpan.FromMinutes(1);

    private static readonly string[] PassedOn = [HeaderNames.ETag, HeaderNames.Vary, HeaderNames.CacheControl];
    private static readonly string[] PassedOnOfContent = [HeaderNames.ContentType, HeaderNames.ContentLength, HeaderNames.ContentDisposition];

    public static Task<IResult> GetInvoice(
        Guid id, [FromHeader(Name = "If-None-Match")] string? ifNoneMatch, HttpContext context, ClaimsPrincipal user, OrderingDb db, InvoiceService invoices, CancellationToken cancellationToken) =>
        Get(id, Invoice, ifNoneMatch, context, user, db, invoices, cancellationToken);

    public static Task<IResult> GetCreditNote(
        Guid id, [FromHeader(Name = "If-None-Match")] string? ifNoneMatch, HttpContext context, ClaimsPrincipal user, OrderingDb db, InvoiceService invoices, CancellationToken cancellationToken) =>
        Get(id, CreditNote, ifNoneMatch, context, user, db, invoices, cancellationToken);

    private static async Task<IResult> Get(
        Guid id, string kind, string? ifNoneMatch, HttpContext context, ClaimsPrincipal user, OrderingDb db, InvoiceService invoices, CancellationToken cancellationToken)
    {
        // Passed on with the request; named here for those who read the API's description.
        _ = ifNoneMatch;
        var owner = user.Owner();
        if (!await db.Orders.AnyAsync(order => order.Id == id && (owner == null || order.Client == owner), cancellationToken))
            return OrderEndpoints.NotFound(id);

        var (found, retryAfter) = await invoices.Get($"orders/{id}/{kind}", context.Request, cancellationToken);
        using var answer = found;
        switch (answer?.StatusCode)
        {
            case null:
                context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(retryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
                return Problems.Unavailable.Because("The invoice service is away, or busy.");
            case HttpStatusCode.NotFound:
                return Problems.NotFound.Because($"Order {id} has no {kind.Replace('-', ' ')}, or not yet.");
            case HttpStatusCode.NotAcceptable:
                var why = await answer.ReadProblem(cancellationToken);
                return Problems.NotAcceptable.Because(why?.Detail ?? $"It comes as {string.Join(", ", Forms)}.");
            default:
                await PassOn(answer, context, cancellationToken);
                return TypedResults.Empty;
        }
    }

    private static async Task PassOn(HttpResponseMessage answer, HttpContext context, CancellationToken cancellationToken)
    {
        var response = context.Response;
        response.StatusCode = (int)answer.StatusCode;
        foreach (var name in PassedOn)
        {
            if (answer.Headers.TryGetValues(name, out var values))
                response.Headers[name] = values.ToArray();
        }

        foreach (var name in PassedOnOfContent)
        {
            if (answer.Content.Headers.TryGetValues(name, out var values))
                response.Headers[name] = values.ToArray();
        }

        using var transfer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        transfer.CancelAfter(LongestTransfer);
        try
        {
            await answer.Content.CopyToAsync(response.Body, transfer.Token);
        }
        // What has begun cannot become another answer: the client sees that it is cut off.
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            context.Abort();
        }
    }
}
