using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Orafo.Ordering.Intake;

/// <summary>A request's body, read by hand: the serializer stops at the first fault, and its words are not for strangers.</summary>
internal static class JsonBody
{
    /// <summary>The body, or the answer that says why it is none. Both are null if there is none at all.</summary>
    public static async Task<(JsonDocument? Document, IResult? Refusal)> Read(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength == 0 || request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == false)
            return (null, null);
        if (!IsJson(request))
            return (null, Problems.UnsupportedMediaType.Because("Content-Type: application/json, in UTF-8 and without Content-Encoding."));
        try
        {
            return (await JsonDocument.ParseAsync(request.Body, cancellationToken: cancellationToken), null);
        }
        catch (JsonException e)
        {
            var place = $"Line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.";
            return (null, Problems.MalformedJson.Because(place, [new("", null, place)]));
        }
        // Larger than allowed, cut off, or too slow: the server's own check says which.
        catch (BadHttpRequestException e)
        {
            return (null, Problems.Of(e.StatusCode).Because());
        }
    }

    private static bool IsJson(HttpRequest request) =>
        request.HasJsonContentType()
        && MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || type.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase))
        && request.Headers.ContentEncoding.Count == 0;
}

/// <summary>Reads JSON member by member and notes every fault with its place.</summary>
internal sealed class JsonReading
{
    /// <summary>So that no answer is many times as large as its request.</summary>
    private const int MostFaults = 100;

    private const int LongestEcho = 100;
    private readonly List<InputFault> _faults = [];
    private int _count;

    public IReadOnlyList<InputFault> Faults => _count > MostFaults ? [.. _faults, new("", null, $"And {_count - MostFaults} more faults.")] : _faults;

    public void Add(string pointer, string detail) => Add(new InputFault(pointer, null, detail));

    public void Add(InputFault fault)
    {
        if (++_count <= MostFaults)
            _faults.Add(fault);
    }

    /// <summary>An object's members, those that are known; null if it is no object. A member that is not known is a fault: a misspelt one would go unnoticed.</summary>
    public Dictionary<string, JsonElement>? Members(JsonElement element, string pointer, params ReadOnlySpan<string> known)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            Add(pointer, "An object is needed.");
            return null;
        }

        var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in element.EnumerateObject())
        {
            if (NameOf(member) is not { } name)
                Add(pointer, "A member's name is not Unicode.");
            else if (!known.Contains(name))
                Add($"{pointer}/{Escape(name)}", "There is no such member.");
            else if (!members.TryAdd(name, member.Value))
                Add($"{pointer}/{name}", "It is there twice.");
        }

        return members;
    }

    /// <summary>A text of some length without control characters. JSON's null is as good as nothing.</summary>
    public string? Text(Dictionary<string, JsonElement> members, string pointer, string member, int longest, bool isRequired)
    {
        var place = $"{pointer}/{member}";
        if (!members.TryGetValue(member, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            if (isRequired)
                Add(place, "Required.");
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
            Add(place, "A text is needed.");
        else if (StringOf(value) is not { } text)
            Add(place, "It is not Unicode.");
        else if (string.IsNullOrWhiteSpace(text))
            Add(place, "It is empty.");
        else if (text.Length > longest)
            Add(place, $"At most {longest} characters.");
        else if (text.Any(char.IsControl))
            Add(place, "Control characters are not allowed.");
        else
            return text;
        return null;
    }

    /// <summary>A whole number that is not too large. What is too small, the order details say.</summary>
    public int? Whole(Dictionary<string, JsonElement> members, string pointer, string member, int largest)
    {
        var place = $"{pointer}/{member}";
        if (!members.TryGetValue(member, out var value) || value.ValueKind == JsonValueKind.Null)
            Add(place, "Required.");
        else if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var number))
            Add(place, "A whole number is needed.");
        else if (number > largest)
            Add(place, $"At most {largest}.");
        else
            return number;
        return null;
    }

    private static string? NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        // Bytes that are no UTF-8, or half a surrogate pair.
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string? StringOf(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string Escape(string name) =>
        (name.Length > LongestEcho ? name[..LongestEcho] : name).Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
