using System.Text;
using System.Text.Json;

namespace Orafo.Devices;

/// <summary>What a device remembers: one JSON value a line; what was appended stays.</summary>
/// <remarks>Its source is compiled into each device, which refers to nothing else of ours.</remarks>
internal sealed class AppendOnlyFile<T>(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
    private readonly Lock _lock = new();

    /// <summary>Something was appended after the last flush began.</summary>
    private bool _isDirty;

    /// <summary>The flush that was asked for last.</summary>
    private Task _flush = Task.CompletedTask;

    /// <summary>It waits for the one before, and will save what is appended meanwhile.</summary>
    private bool _isNextAsked;

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

    /// <summary>It survives the process. Whoever awaits <see cref="Saved"/> after it knows that it survives the power, too.</summary>
    public void Append(T value)
    {
        lock (_lock)
        {
            _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(value, JsonSerializerOptions.Web), (byte)'\n']);
            _isDirty = true;
        }
    }

    /// <summary>Returns when all that was appended before is on disk. Those who wait at the same time share a flush; alone, nobody waits for company.</summary>
    /// <exception cref="IOException">It may be lost.</exception>
    public Task Saved()
    {
        lock (_lock)
        {
            // Nothing that the last flush does not save, or the next one will.
            if (!_isDirty || _isNextAsked)
                return _flush;
            _isNextAsked = true;
            return _flush = FlushAfter(_flush);
        }
    }

    public void Dispose() => _file.Dispose();

    private async Task FlushAfter(Task last)
    {
        // It is the disk's time, and not that of whoever appends next.
        await last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        lock (_lock)
            (_isNextAsked, _isDirty) = (false, false);
        try
        {
            _file.Flush(flushToDisk: true);
        }
        catch
        {
            lock (_lock)
                _isDirty = true;
            throw;
        }
    }
}
