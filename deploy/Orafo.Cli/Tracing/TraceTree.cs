using System.Globalization;

namespace Orafo.Cli.Tracing;

/// <summary>One trace, as lines: when each span began, how long it took, who made it, and what it hangs on.</summary>
public static class TraceTree
{
    private const int LongestStatement = 72;
    private const double MillisecondsShown = 10_000;

    /// <param name="trace">All spans of one trace.</param>
    public static IEnumerable<string> Of(IReadOnlyList<Span> trace)
    {
        var start = trace.Min(span => span.Start);
        var known = trace.Select(span => span.SpanId).ToHashSet(StringComparer.Ordinal);
        var children = trace.ToLookup(span => span.ParentSpanId is { } parent && known.Contains(parent) ? parent : "", StringComparer.Ordinal);
        return children[""].OrderBy(span => span.Start).SelectMany(root => Lines(root, 0));

        IEnumerable<string> Lines(Span span, int depth)
        {
            var indent = new string(' ', 2 * depth);
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{Time(span.Start - start),10} {Time(span.End - span.Start),10}  {ShortService(span),-12}  {indent}{span.Name}{Detail(span)}{(span.IsError ? "  FAILED" : "")}{(IsOrphan(span) ? "  (what it hangs on was not exported)" : "")}");
            foreach (var happened in span.Events)
                yield return string.Create(CultureInfo.InvariantCulture, $"{Time(happened.At - start),10} {"",10}  {"",-12}  {indent}  ! {happened.Name}{Cause(happened)}");
            foreach (var link in span.Links)
                yield return $"{"",10} {"",10}  {"",-12}  {indent}  ~ linked with span {link.SpanId}{(link.TraceId == span.TraceId ? "" : $" of trace {link.TraceId}")}";
            // A message is on its way and holds nothing: what comes of it stands beside it.
            var below = span.Kind == SpanKind.Producer ? depth : depth + 1;
            foreach (var line in children[span.SpanId].OrderBy(child => IsLater(child, span)).ThenBy(child => child.Start).SelectMany(child => Lines(child, below)))
                yield return line;
        }

        // What it did itself comes first, then what came of it elsewhere or afterwards.
        static bool IsLater(Span child, Span span) => child.Kind == SpanKind.Producer || child.Start >= span.End;

        bool IsOrphan(Span span) => span.ParentSpanId is { } parent && !known.Contains(parent);
    }

    /// <summary>From the first span's beginning to the last one's end.</summary>
    public static string Duration(IReadOnlyList<Span> trace) => Time(trace.Max(span => span.End) - trace.Min(span => span.Start));

    private static string Time(ulong nanoseconds)
    {
        var milliseconds = nanoseconds / 1e6;
        return milliseconds < MillisecondsShown
            ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.0} ms")
            : string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.00} s");
    }

    private static string ShortService(Span span) => span.Service[(span.Service.LastIndexOf('.') + 1)..];

    private static string Cause(SpanEvent happened) => happened.Attributes.GetValueOrDefault("exception.type") is { } type ? $" {type}" : "";

    /// <summary>What it says beside its name: a statement, an address, an attempt that is not the first.</summary>
    private static string Detail(Span span)
    {
        if (span.Attributes.GetValueOrDefault("db.query.text") is string statement)
        {
            var line = string.Join(' ', statement.Split([' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));
            return "  " + (line.Length > LongestStatement ? line[..LongestStatement] + " …" : line);
        }

        if (span.Kind == SpanKind.Client && span.Attributes.GetValueOrDefault("url.full") is string url)
            return "  " + url;
        return span.Attributes.GetValueOrDefault("orafo.attempt") is long and > 1 and var attempt ? string.Create(CultureInfo.InvariantCulture, $"  attempt {attempt}") : "";
    }
}
