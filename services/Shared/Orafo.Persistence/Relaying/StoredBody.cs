using System.Collections.Concurrent;
using System.Net.Mime;
using System.Text;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>A message's body as it was serialized when it was published: it is sent as it is, and not read and written once more.</summary>
internal sealed class StoredBody(byte[] bytes, string contentType) : IMessageSerializer, MessageBody
{
    private static readonly ConcurrentDictionary<string, ContentType> ContentTypes = new(StringComparer.Ordinal);

    public ContentType ContentType { get; } = ContentTypes.GetOrAdd(contentType, static type => new ContentType(type));
    public long? Length => bytes.Length;

    /// <summary>As it is kept in a text column.</summary>
    public static string ToText(byte[] body, string contentType) => IsText(contentType) ? Encoding.UTF8.GetString(body) : Convert.ToBase64String(body);

    /// <summary>The body again.</summary>
    public static byte[] ToBytes(string text, string contentType) => IsText(contentType) ? Encoding.UTF8.GetBytes(text) : Convert.FromBase64String(text);

    public MessageBody GetMessageBody<T>(SendContext<T> context) where T : class => this;

    public Stream GetStream() => new MemoryStream(bytes, writable: false);

    public byte[] GetBytes() => bytes;

    public string GetString() => ToText(bytes, contentType);

    private static bool IsText(string contentType) =>
        contentType.Contains("json", StringComparison.OrdinalIgnoreCase) || contentType.Contains("xml", StringComparison.OrdinalIgnoreCase)
        || contentType.StartsWith("text/", StringComparison.OrdinalIgnoreCase);
}
