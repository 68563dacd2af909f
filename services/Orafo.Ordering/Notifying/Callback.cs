using System.Security.Cryptography;
using System.Text;

namespace Orafo.Ordering.Notifying;

/// <summary>Where a client wants to be told what becomes of its orders. At most one a client.</summary>
public sealed class Callback
{
    public const int LongestUrl = 2000;

    /// <summary>Who loses an answer, and changes the secret again, still has one that signs.</summary>
    private const int MostSecrets = 5;

    public required string Client { get; init; }
    public required string Url { get; set; }

    /// <summary>When the address was set.</summary>
    public required DateTimeOffset SetAt { get; set; }

    /// <summary>The one that is valid, and before their end those that it replaced, the newest first. At least one.</summary>
    public required IReadOnlyList<CallbackSecret> Secrets { get; set; }

    /// <summary>Raised by each change: of two who change it at the same time, one looks again.</summary>
    public int Version { get; set; }

    /// <summary>From now on this one is valid; those before it sign besides for a while.</summary>
    public void Replace(CallbackSecret secret, DateTimeOffset now, TimeSpan keepOld)
    {
        Secrets = [secret, .. ValidAt(now).Select(old => old with { Until = old.Until ?? now + keepOld }).Take(MostSecrets - 1)];
        Version++;
    }

    public IEnumerable<CallbackSecret> ValidAt(DateTimeOffset now) => Secrets.Where(secret => !(secret.Until <= now));
}

/// <summary>What a secret is made from, with the service's key. The secret itself is stored nowhere.</summary>
/// <param name="Salt">Random.</param>
/// <param name="Until">Its end, once another one has taken its place.</param>
public sealed record CallbackSecret(byte[] Salt, DateTimeOffset? Until)
{
    /// <summary>Of the salt, and of the secret (Standard Webhooks 1.0: 24 to 64).</summary>
    private const int Bytes = 32;

    public static CallbackSecret Create() => new(RandomNumberGenerator.GetBytes(Bytes), Until: null);

    /// <summary>The secret as the client gets it: <c>whsec_</c> and 32 bytes in base64, by HKDF (RFC 5869) with SHA-256.</summary>
    /// <param name="key">The service's: <see cref="CallbackOptions.Key"/>.</param>
    /// <param name="client">Whose it is.</param>
    public string Text(string key, string client) => "whsec_" + Convert.ToBase64String(HKDF.DeriveKey(
        HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(key), Bytes, Salt, Encoding.UTF8.GetBytes("webhooks to " + client)));
}
