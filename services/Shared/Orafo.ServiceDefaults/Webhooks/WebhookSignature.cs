using System.Globalization;
using System.Security.Cryptography;

namespace Orafo.ServiceDefaults.Webhooks;

/// <summary>Signs and verifies as Standard Webhooks 1.0 describes: symmetric signatures, version 1.</summary>
public static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";
    private const string Version = "v1,";

    /// <summary>How far a message's time may be from the receiver's, before or after.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    /// <summary>The value of the signature's header: one signature for each secret, so that a receiver may have either while they are changed.</summary>
    /// <param name="secrets">At least one.</param>
    /// <param name="id">Of the message; the same whenever it is sent again.</param>
    /// <param name="at">When this attempt is made.</param>
    /// <param name="body">As it is sent, byte for byte.</param>
    public static string Sign(IEnumerable<WebhookSecret> secrets, string id, DateTimeOffset at, ReadOnlySpan<byte> body)
    {
        List<string> signatures = [];
        foreach (var secret in secrets)
            signatures.Add(Version + Convert.ToBase64String(secret.Sign(id, at.ToUnixTimeSeconds(), body)));
        return signatures.Count > 0 ? string.Join(' ', signatures) : throw new ArgumentException("Nothing to sign with.", nameof(secrets));
    }

    /// <summary>Whether one of the signatures was made with one of the secrets, not long ago. What it says is true only if this is.</summary>
    /// <param name="secrets">Those that the receiver accepts.</param>
    /// <param name="id">The header's.</param>
    /// <param name="timestamp">The header's.</param>
    /// <param name="signatures">The header's.</param>
    /// <param name="body">As it came, byte for byte.</param>
    /// <param name="now">The receiver's time.</param>
    public static bool Verify(
        IReadOnlyCollection<WebhookSecret> secrets, string? id, string? timestamp, string? signatures, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        if (id is not { Length: > 0 } || signatures is null || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            return false;
        // Not subtracted as times: what is beyond the calendar must not throw.
        var distance = Math.Abs((decimal)seconds - now.ToUnixTimeSeconds());
        if (distance > (decimal)Tolerance.TotalSeconds)
            return false;

        var isSigned = false;
        foreach (var signature in signatures.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(one => one.StartsWith(Version, StringComparison.Ordinal)))
        {
            var given = new byte[signature.Length];
            if (!Convert.TryFromBase64String(signature[Version.Length..], given, out var length))
                continue;
            foreach (var secret in secrets)
                isSigned |= CryptographicOperations.FixedTimeEquals(given.AsSpan(0, length), secret.Sign(id, seconds, body));
        }

        return isSigned;
    }
}
