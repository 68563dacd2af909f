using Microsoft.AspNetCore.WebUtilities;

namespace Orafo.Ordering.Intake;

/// <summary>What every error looks like (RFC 9457).</summary>
/// <param name="Type">Names the kind of problem, for programs, and stays as it is: see README.md.</param>
/// <param name="Title">The kind, for people.</param>
/// <param name="Status">The status code of the answer.</param>
/// <param name="Detail">What is wrong this time.</param>
/// <param name="Errors">Every fault of the input.</param>
public sealed record Problem(string Type, string Title, int Status, string? Detail, IReadOnlyList<InputFault>? Errors)
{
    public const string MediaType = "application/problem+json";
}

/// <summary>One thing that is wrong with a request.</summary>
/// <param name="Pointer">Where in the body, as a JSON pointer (RFC 6901); empty: all of it.</param>
/// <param name="Parameter">Or the name of the header or of the query's parameter.</param>
/// <param name="Detail">What it should be.</param>
public sealed record InputFault(string? Pointer, string? Parameter, string Detail);

/// <summary>A kind of problem. Its name is part of the API.</summary>
internal sealed record ProblemKind(string Name, int Status, string Title)
{
    public string Type => "urn:orafo:problem:" + Name;

    public IResult Because(string? detail = null, IReadOnlyList<InputFault>? errors = null) =>
        TypedResults.Json(new Problem(Type, Title, Status, detail, errors), contentType: Problem.MediaType, statusCode: Status);
}

/// <summary>All kinds that there are.</summary>
internal static class Problems
{
    public static readonly ProblemKind MalformedJson = new("malformed-json", 400, "The body is not JSON.");
    public static readonly ProblemKind InvalidRequest = new("invalid-request", 400, "The request has faults.");
    public static readonly ProblemKind Unauthenticated = new("unauthenticated", 401, "A key or token that is valid is needed.");
    public static readonly ProblemKind Forbidden = new("forbidden", 403, "The key or token lacks the scope for this.");
    public static readonly ProblemKind NotFound = new("not-found", 404, "There is no such thing.");
    public static readonly ProblemKind MethodNotAllowed = new("method-not-allowed", 405, "The resource does not know this method.");
    public static readonly ProblemKind NotAcceptable = new("not-acceptable", 406, "The answer does not come in that form.");
    public static readonly ProblemKind OrderIsFinal = new("order-is-final", 409, "The order has come to its end.");
    public static readonly ProblemKind OrderIsNotSuspended = new("order-is-not-suspended", 409, "The order is not suspended.");
    public static readonly ProblemKind TooLarge = new("too-large", 413, "The body is too large.");
    public static readonly ProblemKind UnsupportedMediaType = new("unsupported-media-type", 415, "The body is not application/json.");
    public static readonly ProblemKind KeyReused = new("idempotency-key-reused", 422, "The Idempotency-Key was used for another order.");
    public static readonly ProblemKind TooManyRequests = new("too-many-requests", 429, "Too many requests, or streams, of one client.");
    public static readonly ProblemKind Internal = new("internal-error", 500, "Something went wrong that should not.");
    public static readonly ProblemKind Unavailable = new("unavailable", 503, "Not now. Try again.");

    public static readonly IReadOnlyList<ProblemKind> All =
    [
        MalformedJson, InvalidRequest, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, OrderIsFinal, OrderIsNotSuspended,
        TooLarge, UnsupportedMediaType, KeyReused, TooManyRequests, Internal, Unavailable,
    ];

    /// <summary>Of an answer that the framework gave: its status says it all.</summary>
    public static ProblemKind Of(int status) => status switch
    {
        400 => InvalidRequest,
        _ => All.FirstOrDefault(kind => kind.Status == status) ?? new("http-" + status, status, ReasonPhrases.GetReasonPhrase(status)),
    };
}

/// <summary>Gives the framework's own errors the form of all others, whatever the client said it accepts: no body says less.</summary>
internal sealed class ProblemWriter : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context) =>
        await Problems.Of(context.HttpContext.Response.StatusCode).Because(context.ProblemDetails.Detail).ExecuteAsync(context.HttpContext);
}
