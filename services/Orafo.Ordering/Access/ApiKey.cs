using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Orafo.Ordering.Access;

/// <summary>Lets a client in. Only a hash of it is kept, with the first part, which is no secret, to find it by.</summary>
/// <remarks>Written <c>orafo_PREFIX_SECRET</c>: 12 hexadecimal digits, and 256 random bits in base64url.</remarks>
public sealed class ApiKey
{
    public const int LongestClient = 64;
    public const int PrefixLength = 12;

    private const string Mark = "orafo_";
    private const int SecretBytes = 32;
    private const int Length = 62;
    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");

    public required string Prefix { get; init; }

    /// <summary>SHA-256 of the whole key. What is random to 256 bits needs no salt, and nobody finds it by trying.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>Whose orders it places and sees. A client may have several keys, to change from one to the next.</summary>
    public required string Client { get; init; }

    /// <summary>Some of <see cref="Access.Scopes"/>.</summary>
    public required string[] Scopes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>A new key, and its text, which is nowhere else.</summary>
    public static (ApiKey Key, string Text) Create(string client, string[] scopes, DateTimeOffset now, DateTimeOffset? expiresAt)
    {
        var prefix = RandomNumberGenerator.GetHexString(PrefixLength, lowercase: true);
        var text = $"{Mark}{prefix}_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes))}";
        return (new() { Prefix = prefix, Hash = HashOf(text), Client = client, Scopes = scopes, CreatedAt = now, ExpiresAt = expiresAt }, text);
    }

    /// <summary>Null if it is not written as a key is.</summary>
    public static string? PrefixOf(string text) =>
        text.Length == Length && text.StartsWith(Mark, StringComparison.Ordinal) && text[Mark.Length + PrefixLength] == '_'
            && text.AsSpan(Mark.Length, PrefixLength).IndexOfAnyExcept(Hexadecimal) < 0
            ? text.Substring(Mark.Length, PrefixLength)
            : null;

    /// <summary>A client's name is one that a log, a metric and a table can carry.</summary>
    public static bool IsClientName(string name) =>
        name.Length is > 0 and <= LongestClient && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.');

    public bool LetsIn(string text, DateTimeOffset now) =>
        RevokedAt is null && !(ExpiresAt <= now) && CryptographicOperations.FixedTimeEquals(Hash, HashOf(text));

    private static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
