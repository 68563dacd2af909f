using System.Text;
using System.Text.Json;

namespace Orafo.Devices;

/// <summary>What a device remembers: one JSON value a line; what was appended stays.</summary>
/// <remarks>Its source is compiled into each device, which refers to nothing else of ours.</remarks>
internal sealed class AppendOnlyFile<T>(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
    private readonly Lock _lock = new();

    /// <summary>What is in it. A line without its end was being written when the power went, and counts for nothing: it is cut off.</summary>
    public List<T> Read()
    {
        using var reader = new StreamReader(_file, leaveOpen: true);
        var text = reader.ReadToEnd();
        var whole = text[..(text.LastIndexOf('\n') + 1)];
        List<T> values = [.. whole.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<T>(line, JsonSerializerOptions.Web)!)];
        _file.SetLength(Encoding.UTF8.GetByteCount(whole));
        _file.Seek(0, SeekOrigin.End);
        return values;
    }

    /// <summary>It survives the process; if it is to be safe, the power, too.</summary>
    public void Append(T value, bool isSafe)
    {
        lock (_lock)
        {
            _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(value, JsonSerializerOptions.Web), (byte)'\n']);
            if (isSafe)
                _file.Flush(flushToDisk: true);
        }
    }

    public void Dispose() => _file.Dispose();
}
