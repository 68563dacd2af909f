using System.Text;

namespace Orafo.Cli.Tracing;

/// <summary>The spans that a mesh has exported, on disk: so much, then the oldest go.</summary>
/// <remarks>
/// A file is what came, one request behind the other, which is again one (protobuf's messages may be joined so): nothing is read before somebody asks, and
/// collecting costs next to nothing. A supervisor that is killed leaves a file that is cut off, and its successor begins another.
/// </remarks>
/// <param name="directory">Of the files.</param>
/// <param name="fileSize">In bytes; a file that has it is followed by another.</param>
/// <param name="files">How many are kept.</param>
internal sealed class TraceStore(string directory, long fileSize = TraceStore.FileSize, int files = TraceStore.Files)
{
    private const long FileSize = 8 * 1024 * 1024;
    private const int Files = 16;
    private const string Extension = ".otlp";

    private readonly Lock _lock = new();
    private string? _current;
    private long _size;

    /// <summary>Keeps an <c>ExportTraceServiceRequest</c>.</summary>
    public void Add(byte[] request)
    {
        lock (_lock)
        {
            if (_current is null || _size >= fileSize)
                Begin();
            using var file = new FileStream(_current!, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            file.Write(request);
            _size += request.Length;
        }
    }

    /// <summary>All spans of the traces in which an order was.</summary>
    public static IReadOnlyList<Span> OfOrder(string directory, Guid order)
    {
        var id = order.ToString();
        var needle = Encoding.ASCII.GetBytes(id);
        var parts = InOrder(directory).Select(Read).ToArray();
        var traces = parts.Where(part => part.AsSpan().IndexOf(needle) >= 0).SelectMany(part => Span.ReadAll(part)).Where(span => span.Order == id)
            .Select(span => span.TraceId).ToHashSet(StringComparer.Ordinal);
        var needles = traces.Select(Convert.FromHexString).ToArray();
        return [.. parts.Where(part => Array.Exists(needles, trace => part.AsSpan().IndexOf(trace) >= 0)).SelectMany(part => Span.ReadAll(part)).Where(span => traces.Contains(span.TraceId))];
    }

    private void Begin()
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var there = InOrder(directory).ToList();
        var next = there.Count == 0 ? 1 : int.Parse(Path.GetFileNameWithoutExtension(there[^1]), System.Globalization.CultureInfo.InvariantCulture) + 1;
        foreach (var old in there.Take(there.Count - files + 1))
            File.Delete(old);
        (_current, _size) = (Path.Combine(directory, next.ToString("D8", System.Globalization.CultureInfo.InvariantCulture) + Extension), 0);
    }

    /// <summary>The oldest first.</summary>
    private static IEnumerable<string> InOrder(string directory) =>
        Directory.Exists(directory) ? Directory.EnumerateFiles(directory, "*" + Extension).Order(StringComparer.Ordinal) : [];

    private static byte[] Read(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        // The oldest, which has just gone.
        catch (FileNotFoundException)
        {
            return [];
        }
    }
}
