using System.Globalization;
using System.Text;

namespace Orafo.Cli.Tracing;

/// <summary>A span as it was exported (opentelemetry-proto 1, <c>trace.proto</c>; the field numbers are its own). Ids are in hex, times in nanoseconds since 1970.</summary>
public sealed record Span
{
    /// <summary>The attribute that names the order.</summary>
    public const string OrderId = "order.id";

    public required string TraceId { get; init; }
    public required string SpanId { get; init; }

    /// <summary>Null of a root.</summary>
    public string? ParentSpanId { get; init; }

    public required string Name { get; init; }
    public required SpanKind Kind { get; init; }
    public required ulong Start { get; init; }
    public required ulong End { get; init; }

    /// <summary>Values are text, truth values, integers or decimals; lists and the like are text.</summary>
    public required IReadOnlyDictionary<string, object> Attributes { get; init; }

    public required IReadOnlyList<SpanEvent> Events { get; init; }
    public required IReadOnlyList<SpanLink> Links { get; init; }
    public required bool IsError { get; init; }
    public string? StatusMessage { get; init; }

    /// <summary>Attributes that were too many: 0, unless a limit was set too low.</summary>
    public uint Dropped { get; init; }

    /// <summary>Who made it: <c>service.name</c>.</summary>
    public required string Service { get; init; }

    /// <summary>Which process of it.</summary>
    public required string Instance { get; init; }

    /// <summary>The instrumentation's.</summary>
    public required string Scope { get; init; }

    public string? Order => Attributes.GetValueOrDefault(OrderId) as string;

    /// <summary>Reads an <c>ExportTraceServiceRequest</c>, or several, one behind the other, which are the same as one.</summary>
    /// <param name="request">The last one may be cut off: what comes before is read.</param>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    public static IReadOnlyList<Span> ReadAll(ReadOnlySpan<byte> request)
    {
        List<Span> spans = [];
        var reader = new ProtobufReader(request[..WholePart(request)]);
        while (reader.Next())
        {
            if (reader.Field == 1)
                ReadResourceSpans(reader.Bytes, spans);
        }

        return spans;
    }

    /// <summary>How many there are in an <c>ExportTraceServiceRequest</c>.</summary>
    public static int Count(ReadOnlySpan<byte> request)
    {
        const int scopeSpans = 2;
        const int span = 2;
        var count = 0;
        var resources = new ProtobufReader(request);
        while (resources.Next())
        {
            var scopes = new ProtobufReader(resources.Bytes);
            while (scopes.Next())
            {
                var spans = new ProtobufReader(scopes.Field == scopeSpans ? scopes.Bytes : default);
                while (spans.Next())
                    count += spans.Field == span ? 1 : 0;
            }
        }

        return count;
    }

    /// <summary>How much of it, from the beginning, is made up of whole <c>ResourceSpans</c>.</summary>
    public static int WholePart(ReadOnlySpan<byte> request)
    {
        var reader = new ProtobufReader(request);
        var whole = 0;
        try
        {
            while (reader.Next() && reader.Field == 1)
                whole = request.Length - reader.Left;
        }
        catch (InvalidDataException)
        {
            // Whoever wrote it was killed meanwhile.
        }

        return whole;
    }

    private static void ReadResourceSpans(ReadOnlySpan<byte> message, List<Span> spans)
    {
        Dictionary<string, object> resource = [];
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
                ReadAttributes(reader.Bytes, 1, resource);
        }

        var service = resource.GetValueOrDefault("service.name") as string ?? "?";
        var instance = resource.GetValueOrDefault("service.instance.id") as string ?? "?";
        reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == 2)
                ReadScopeSpans(reader.Bytes, service, instance, spans);
        }
    }

    private static void ReadScopeSpans(ReadOnlySpan<byte> message, string service, string instance, List<Span> spans)
    {
        var scope = "";
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
                scope = TextOf(reader.Bytes, 1);
        }

        reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == 2)
                spans.Add(ReadSpan(reader.Bytes, service, instance, scope));
        }
    }

    private static Span ReadSpan(ReadOnlySpan<byte> message, string service, string instance, string scope)
    {
        var (trace, id, parent, name, kind, start, end, dropped, isError, status) = ("", "", (string?)null, "", 0, 0UL, 0UL, 0U, false, (string?)null);
        Dictionary<string, object> attributes = new(StringComparer.Ordinal);
        List<SpanEvent> events = [];
        List<SpanLink> links = [];
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    trace = Convert.ToHexStringLower(reader.Bytes);
                    break;
                case 2:
                    id = Convert.ToHexStringLower(reader.Bytes);
                    break;
                case 4 when reader.Bytes.Length > 0:
                    parent = Convert.ToHexStringLower(reader.Bytes);
                    break;
                case 5:
                    name = reader.Text;
                    break;
                case 6:
                    kind = (int)reader.Number;
                    break;
                case 7:
                    start = reader.Number;
                    break;
                case 8:
                    end = reader.Number;
                    break;
                case 9:
                    ReadAttribute(reader.Bytes, attributes);
                    break;
                case 10 or 12 or 14:
                    dropped += (uint)reader.Number;
                    break;
                case 11:
                    events.Add(ReadEvent(reader.Bytes));
                    break;
                case 13:
                    links.Add(ReadLink(reader.Bytes));
                    break;
                case 15:
                    (isError, status) = ReadStatus(reader.Bytes);
                    break;
            }
        }

        return new()
        {
            TraceId = trace,
            SpanId = id,
            ParentSpanId = parent,
            Name = name,
            Kind = (SpanKind)kind,
            Start = start,
            End = end,
            Attributes = attributes,
            Events = events,
            Links = links,
            IsError = isError,
            StatusMessage = status,
            Dropped = dropped,
            Service = service,
            Instance = instance,
            Scope = scope,
        };
    }

    private static SpanEvent ReadEvent(ReadOnlySpan<byte> message)
    {
        var (at, name) = (0UL, "");
        Dictionary<string, object> attributes = new(StringComparer.Ordinal);
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
                at = reader.Number;
            else if (reader.Field == 2)
                name = reader.Text;
            else if (reader.Field == 3)
                ReadAttribute(reader.Bytes, attributes);
        }

        return new(at, name, attributes);
    }

    private static SpanLink ReadLink(ReadOnlySpan<byte> message)
    {
        var (trace, id) = ("", "");
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
                trace = Convert.ToHexStringLower(reader.Bytes);
            else if (reader.Field == 2)
                id = Convert.ToHexStringLower(reader.Bytes);
        }

        return new(trace, id);
    }

    private static (bool IsError, string? Message) ReadStatus(ReadOnlySpan<byte> message)
    {
        const ulong error = 2;
        var (isError, text) = (false, (string?)null);
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == 2)
                text = reader.Text;
            else if (reader.Field == 3)
                isError = reader.Number == error;
        }

        return (isError, text);
    }

    private static void ReadAttributes(ReadOnlySpan<byte> message, int field, Dictionary<string, object> attributes)
    {
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == field)
                ReadAttribute(reader.Bytes, attributes);
        }
    }

    /// <summary>A <c>KeyValue</c>.</summary>
    private static void ReadAttribute(ReadOnlySpan<byte> message, Dictionary<string, object> attributes)
    {
        var key = "";
        object value = "";
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
                key = reader.Text;
            else if (reader.Field == 2)
                value = ReadValue(reader.Bytes);
        }

        attributes[key] = value;
    }

    /// <summary>An <c>AnyValue</c>.</summary>
    private static object ReadValue(ReadOnlySpan<byte> message)
    {
        var reader = new ProtobufReader(message);
        if (!reader.Next())
            return "";
        switch (reader.Field)
        {
            case 1:
                return reader.Text;
            case 2:
                return reader.Number != 0;
            case 3:
                return (long)reader.Number;
            case 4:
                return BitConverter.UInt64BitsToDouble(reader.Number);
            case 5:
                List<string> values = [];
                var list = new ProtobufReader(reader.Bytes);
                while (list.Next())
                    values.Add(Convert.ToString(ReadValue(list.Bytes), CultureInfo.InvariantCulture)!);
                return string.Join(", ", values);
            case 6:
                Dictionary<string, object> members = new(StringComparer.Ordinal);
                ReadAttributes(reader.Bytes, 1, members);
                return string.Join(", ", members.Select(member => string.Create(CultureInfo.InvariantCulture, $"{member.Key}={member.Value}")));
            default:
                return Convert.ToBase64String(reader.Bytes);
        }
    }

    private static string TextOf(ReadOnlySpan<byte> message, int field)
    {
        var text = "";
        var reader = new ProtobufReader(message);
        while (reader.Next())
        {
            if (reader.Field == field)
                text = Encoding.UTF8.GetString(reader.Bytes);
        }

        return text;
    }
}

/// <summary>Something that happened within a span.</summary>
/// <param name="At">Nanoseconds since 1970.</param>
/// <param name="Name">What.</param>
/// <param name="Attributes">As those of a span.</param>
public sealed record SpanEvent(ulong At, string Name, IReadOnlyDictionary<string, object> Attributes);

/// <summary>Another span that has to do with it.</summary>
public sealed record SpanLink(string TraceId, string SpanId);

/// <summary>By its number in <c>trace.proto</c>.</summary>
public enum SpanKind
{
    Unspecified = 0,
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}
