using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orafo.ServiceDefaults.Webhooks;

/// <summary>An event in the structured JSON mode of CloudEvents 1.0.</summary>
public sealed record CloudEvent<TData>
{
    public const string MediaType = "application/cloudevents+json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>With <see cref="Source"/>, it names the event: the same whenever it is sent again.</summary>
    public required string Id { get; init; }

    /// <summary>A URI reference: who says so.</summary>
    public required string Source { get; init; }

    public required string Type { get; init; }

    /// <summary>What it is about, as its source knows it.</summary>
    public string? Subject { get; init; }

    /// <summary>When it happened.</summary>
    public required DateTimeOffset Time { get; init; }

    public required TData Data { get; init; }

    /// <summary>The body, in UTF-8.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(
        new
        {
            specversion = "1.0",
            id = Id,
            source = Source,
            type = Type,
            subject = Subject,
            time = Time,
            datacontenttype = "application/json",
            data = Data,
        },
        Json);
}
