namespace Orafo.Cli;

/// <summary>Reads what is added to a file.</summary>
internal sealed class LogTail : IDisposable
{
    private readonly StreamReader _reader;
    private string _unfinished = "";

    /// <param name="path">Created if it does not exist.</param>
    /// <param name="fromEnd">Whether what is there already is passed over.</param>
    public LogTail(string path, bool fromEnd)
    {
        var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (fromEnd)
            stream.Seek(0, SeekOrigin.End);
        _reader = new StreamReader(stream);
    }

    public void CopyNewLinesTo(TextWriter writer, Func<string, string>? change = null)
    {
        var text = _unfinished + _reader.ReadToEnd();
        var end = text.LastIndexOf('\n') + 1;
        _unfinished = text[end..];
        foreach (var line in text[..end].Split('\n', StringSplitOptions.RemoveEmptyEntries))
            writer.WriteLine(change is null ? line : change(line));
    }

    public void Dispose() => _reader.Dispose();
}
