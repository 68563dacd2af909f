using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orafo.Pgq;

/// <summary>What a filter asks of metadata, as JSON that they contain: one object for each way in which they may be written.</summary>
internal static class MetadataFilter
{
    /// <summary>They have all the members.</summary>
    public static string[]? All(IReadOnlyDictionary<string, string>? members)
    {
        if (members is null)
            return null;
        List<JsonObject> ways = [[]];
        foreach (var (name, text) in members)
        {
            ways = [.. from way in ways from value in Values(text) select With(way, name, value)];
        }

        return [.. ways.Select(way => way.ToJsonString())];
    }

    /// <summary>They have one of the members.</summary>
    public static string[]? Any(IReadOnlyDictionary<string, string>? members) =>
        members is null ? null : [.. from member in members from value in Values(member.Value) select With([], member.Key, value).ToJsonString()];

    private static JsonObject With(JsonObject way, string name, JsonNode value)
    {
        var other = (JsonObject)way.DeepClone();
        other[name] = value.DeepClone();
        return other;
    }

    /// <summary>The text; and what it is the text of, if that may be a number or a boolean.</summary>
    private static IEnumerable<JsonNode> Values(string text)
    {
        yield return JsonValue.Create(text);
        if (IsScalar(text))
            yield return JsonNode.Parse(text)!;
    }

    private static bool IsScalar(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.ValueKind is JsonValueKind.True or JsonValueKind.False
                || (json.RootElement.ValueKind is JsonValueKind.Number && json.RootElement.TryGetDecimal(out _));
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
