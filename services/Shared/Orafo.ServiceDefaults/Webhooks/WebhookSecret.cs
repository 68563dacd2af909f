using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Orafo.ServiceDefaults.Webhooks;

/// <summary>A secret that a sender and a receiver of webhooks share (Standard Webhooks 1.0): <c>whsec_</c> and 24 to 64 bytes in base64.</summary>
public sealed class WebhookSecret
{
    private const string Prefix = "whsec_";
    private readonly byte[] _key;

    private WebhookSecret(byte[] key) => _key = key;

    /// <summary>Null if it is none. The prefix may be missing.</summary>
    public static WebhookSecret? TryParse(string? text)
    {
        if (text is null)
            return null;
        var base64 = text.StartsWith(Prefix, StringComparison.Ordinal) ? text[Prefix.Length..] : text;
        var key = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, key, out var length) && length is >= 24 and <= 64 ? new(key[..length]) : null;
    }

    /// <exception cref="FormatException">It is none. The message does not repeat it.</exception>
    public static WebhookSecret Parse(string? text) =>
        TryParse(text) ?? throw new FormatException($"A webhook's secret is {Prefix} and 24 to 64 bytes in base64.");

    /// <summary>HMAC-SHA256 of id, time and body.</summary>
    internal byte[] Sign(string id, long timestamp, ReadOnlySpan<byte> body)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.")), .. body];
        return HMACSHA256.HashData(_key, signed);
    }

    /// <summary>Nobody is to find it in a log.</summary>
    public override string ToString() => Prefix + "…";
}
