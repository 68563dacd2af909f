using System.Diagnostics;
using System.Globalization;

namespace Orafo.Cli.Mesh;

/// <summary>Tells what the supervisor does: always in its log, and on the screen if it has one.</summary>
public sealed class Announcer(string log, TextWriter? screen) : IDisposable
{
    private const string TimeFormat = "yyyy-MM-dd HH:mm:ss.fff'Z '";
    private readonly StreamWriter _log = new(log, append: true) { AutoFlush = true };
    private readonly Lock _lock = new();

    public void Say(string line)
    {
        lock (_lock)
        {
            _log.WriteLine(TimeProvider.System.GetUtcNow().ToString(TimeFormat, CultureInfo.InvariantCulture) + line);
            screen?.WriteLine(line);
        }
    }

    /// <summary>Does something and says that it is done; if it takes longer than a second, also that it was begun.</summary>
    public async Task Step(string doing, string done, Task work)
    {
        var started = Stopwatch.GetTimestamp();
        if (await Task.WhenAny(work, Task.Delay(TimeSpan.FromSeconds(1))) != work)
            Say($"  {doing} …");
        await work;
        Say(string.Create(CultureInfo.InvariantCulture, $"  {done} ({Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s)"));
    }

    /// <summary>A line of the log as it would stand on the screen.</summary>
    public static string WithoutTime(string line) =>
        line.Length >= TimeFormat.Length - 2
        && DateTimeOffset.TryParseExact(line[..(TimeFormat.Length - 2)], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _)
            ? line[(TimeFormat.Length - 2)..]
            : line;

    public void Dispose() => _log.Dispose();
}
