using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orafo.Cli.Tracing;

/// <summary>Traces in the form that Jaeger's UI loads from a file (its query service's JSON).</summary>
internal static class JaegerJson
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.Never };

    /// <param name="traces">The spans of each.</param>
    public static string Of(IEnumerable<IReadOnlyList<Span>> traces) => JsonSerializer.Serialize(new { Data = traces.Select(Trace) }, Format);

    private static object Trace(IReadOnlyList<Span> trace)
    {
        var processes = trace.Select(span => (span.Service, span.Instance)).Distinct().Index().ToDictionary(process => process.Item, process => $"p{process.Index + 1}");
        return new
        {
            TraceID = trace[0].TraceId,
            Spans = trace.OrderBy(span => span.Start).Select(span => new
            {
                TraceID = span.TraceId,
                SpanID = span.SpanId,
                OperationName = span.Name,
                References = References(span),
                StartTime = Microseconds(span.Start),
                Duration = Microseconds(span.End - span.Start),
                Tags = Tags(span),
                Logs = span.Events.Select(happened => new
                {
                    Timestamp = Microseconds(happened.At),
                    Fields = Values(happened.Attributes).Prepend(Value("event", happened.Name)),
                }),
                ProcessID = processes[(span.Service, span.Instance)],
                Warnings = (string[]?)null,
            }),
            Processes = processes.ToDictionary(
                process => process.Value, process => new { ServiceName = process.Key.Service, Tags = new[] { Value("service.instance.id", process.Key.Instance) } }, StringComparer.Ordinal),
            Warnings = (string[]?)null,
        };
    }

    private static IEnumerable<object> References(Span span)
    {
        if (span.ParentSpanId is { } parent)
            yield return new { RefType = "CHILD_OF", TraceID = span.TraceId, SpanID = parent };
        foreach (var link in span.Links)
            yield return new { RefType = "FOLLOWS_FROM", TraceID = link.TraceId, SpanID = link.SpanId };
    }

    private static IEnumerable<object> Tags(Span span)
    {
        yield return Value("span.kind", span.Kind.ToString().ToLowerInvariant());
        yield return Value("otel.scope.name", span.Scope);
        foreach (var tag in Values(span.Attributes))
            yield return tag;
        if (span.IsError)
            yield return Value("error", true);
        if (span.StatusMessage is { } message)
            yield return Value("otel.status_description", message);
    }

    private static IEnumerable<object> Values(IReadOnlyDictionary<string, object> attributes) => attributes.Select(attribute => Value(attribute.Key, attribute.Value));

    private static object Value(string key, object value) => new
    {
        Key = key,
        Type = value switch { bool => "bool", long => "int64", double => "float64", _ => "string" },
        Value = value,
    };

    private static ulong Microseconds(ulong nanoseconds) => nanoseconds / 1000;
}
