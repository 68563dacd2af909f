using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Orafo.Invoicing;

/// <summary>The hash chain of a series: each document's value covers its own content and the value of the one before it.</summary>
/// <remarks>
/// H(n) = SHA-256(H(n−1) ‖ canonical form of document n); H(0) is made from the series' name. The canonical form is a sequence of fields, each as a
/// netstring: its length in bytes of UTF-8, a colon, the bytes, a comma. So no two sequences have the same bytes. README.md says which fields.
/// The one file of the service that the command line compiles, too.
/// </remarks>
internal static class HashChain
{
    /// <summary>A length of at most ten digits, colon and comma.</summary>
    private const int LongestFrame = 12;

    /// <summary>H(0).</summary>
    public static byte[] Begin(string series) => Hash([], ["orafo-series/1", series]);

    /// <summary>H(n).</summary>
    /// <param name="previous">H(n−1).</param>
    /// <param name="fields">Of document n.</param>
    public static byte[] Extend(ReadOnlySpan<byte> previous, ReadOnlySpan<string> fields) => Hash(previous, fields);

    private static byte[] Hash(ReadOnlySpan<byte> previous, ReadOnlySpan<string> fields)
    {
        var longest = previous.Length;
        foreach (var field in fields)
            longest += Encoding.UTF8.GetMaxByteCount(field.Length) + LongestFrame;
        var buffer = ArrayPool<byte>.Shared.Rent(longest);
        try
        {
            previous.CopyTo(buffer);
            var end = previous.Length;
            foreach (var field in fields)
                end += Write(field, buffer.AsSpan(end));
            return SHA256.HashData(buffer.AsSpan(0, end));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <returns>How many bytes the field takes.</returns>
    private static int Write(string field, Span<byte> to)
    {
        Encoding.UTF8.GetByteCount(field).TryFormat(to, out var end, provider: CultureInfo.InvariantCulture);
        to[end++] = (byte)':';
        end += Encoding.UTF8.GetBytes(field, to[end..]);
        to[end++] = (byte)',';
        return end;
    }
}
