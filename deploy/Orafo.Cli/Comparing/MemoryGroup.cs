using System.Globalization;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Comparing;

/// <summary>Processes that have so much memory, all together: a control group (cgroups(7)), where one may be made.</summary>
/// <remarks>Otherwise each gets its share as <c>DOTNET_GCHeapHardLimit</c>; a limit of the address space would keep .NET from starting.</remarks>
internal sealed class MemoryGroup : IAsyncDisposable
{
    private const string Parent = "/sys/fs/cgroup";
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _watching;

    private MemoryGroup(string kind, string? directory, string memory, IReadOnlyDictionary<string, string?> environment)
    {
        (Kind, Directory, Environment) = (kind, directory, environment);
        _watching = directory is null ? Task.CompletedTask : Watch(Path.Combine(directory, "memory.stat"), memory);
    }

    /// <summary>What holds them to it.</summary>
    public string Kind { get; }

    /// <summary>The control group; null without one.</summary>
    public string? Directory { get; }

    /// <summary>What the processes' environment has to have.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; }

    /// <summary>The most memory of their own, without files' pages, that was seen; 0 without a control group.</summary>
    public double PeakMiB { get; private set; }

    /// <summary>What holds processes to their memory on this machine.</summary>
    public static async Task<string> KindHere()
    {
        await using var group = Create(1L << 30, 1);
        return group.Kind;
    }

    /// <param name="limit">In bytes.</param>
    /// <param name="processes">How many share it.</param>
    public static MemoryGroup Create(long limit, int processes)
    {
        var bytes = limit.ToString(CultureInfo.InvariantCulture);
        foreach (var (kind, parent, settings, memory) in new[]
        {
            ("cgroup v2", Parent, new[] { ("memory.max", bytes), ("memory.swap.max", "0") }, "anon "),
            ("cgroup v1", Path.Combine(Parent, "memory"), [("memory.limit_in_bytes", bytes)], "total_rss "),
        })
        {
            if (TryCreate(parent, settings) is { } directory)
                return new(kind, directory, memory, new Dictionary<string, string?>(StringComparer.Ordinal));
        }

        var share = string.Create(CultureInfo.InvariantCulture, $"{limit / processes:X}");
        return new("DOTNET_GCHeapHardLimit", null, "", new Dictionary<string, string?>(StringComparer.Ordinal) { ["DOTNET_GCHeapHardLimit"] = share });
    }

    /// <summary>Its processes have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _watching;
        _stopping.Dispose();
        if (Directory is not null)
            Remove(Directory);
    }

    private static string? TryCreate(string parent, IEnumerable<(string File, string Value)> settings)
    {
        var directory = Path.Combine(parent, $"orafo-{Guid.CreateVersion7():n}");
        try
        {
            // What a predecessor left that was killed; one that is in use cannot be removed.
            foreach (var left in System.IO.Directory.EnumerateDirectories(parent, "orafo-*"))
                Remove(left);
            System.IO.Directory.CreateDirectory(directory);
            foreach (var (file, value) in settings)
            {
                // Only the kernel makes these files: where there is none, this is no group.
                using var setting = new FileStream(Path.Combine(directory, file), FileMode.Open, FileAccess.Write);
                setting.Write(System.Text.Encoding.ASCII.GetBytes(value));
            }

            return directory;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Remove(directory);
            return null;
        }
    }

    private static void Remove(string directory)
    {
        try
        {
            if (System.IO.Directory.Exists(directory))
                System.IO.Directory.Delete(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private async Task Watch(string file, string memory)
    {
        using var timer = new PeriodicTimer(Look);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                var line = (await File.ReadAllLinesAsync(file, _stopping.Token)).First(line => line.StartsWith(memory, StringComparison.Ordinal));
                PeakMiB = Math.Max(PeakMiB, long.Parse(line.AsSpan(memory.Length), CultureInfo.InvariantCulture) / 1024.0 / 1024);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
