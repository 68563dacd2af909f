using Microsoft.Net.Http.Headers;

namespace Orafo.Invoicing.Documents;

/// <summary>The media types of an invoice, and which of them a reader wants (RFC 9110, 12.5.1).</summary>
public static class Representations
{
    public const string Json = "application/json";
    public const string Pdf = "application/pdf";
    public const string Xml = "application/xml";

    /// <summary>The first one is preferred if a reader does not care.</summary>
    private static readonly string[] All = [Json, Pdf, Xml];

    /// <summary>Those that the reader accepts, the most wanted first.</summary>
    /// <param name="accept">The Accept header; empty if there is none, or none that can be read: then anything will do.</param>
    public static IReadOnlyList<string> Acceptable(IList<MediaTypeHeaderValue> accept) => accept.Count == 0
        ? All
        : [.. All.Where(type => Quality(type, accept) > 0).OrderByDescending(type => Quality(type, accept))];

    /// <summary>That of the most specific range which the type is in; 0 if it is in none.</summary>
    private static double Quality(string type, IList<MediaTypeHeaderValue> accept) => accept
        .Where(range => range.MatchesMediaType(type))
        .OrderBy(range => range.MatchesAllTypes ? 2 : range.MatchesAllSubTypes ? 1 : 0)
        .Select(range => range.Quality ?? 1)
        .FirstOrDefault();
}
