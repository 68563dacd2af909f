using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

/// <summary>Loaded into a service that is measured (DOTNET_STARTUP_HOOKS): on the signal SIGUSR1 it writes what it is asked for into a file.</summary>
/// <remarks>The runtime wants this name, without a namespace. Services know nothing of it, and nothing of it is in them otherwise.</remarks>
#pragma warning disable CA1050, MA0047 // The runtime's convention.
internal static class StartupHook
#pragma warning restore CA1050, MA0047
{
    /// <summary>The variable that names the file for the size of the managed heap.</summary>
    public const string File = "ORAFO_HEAP_FILE";

    /// <summary>The variable that names a directory: how many spans were ended that are to be exported goes there, into a file named by the process's id.</summary>
    public const string SpansDirectory = "ORAFO_SPANS_DIRECTORY";

    /// <summary>SIGUSR1, by its number: .NET has no name for it.</summary>
    public const int Signal = 10;

    private static PosixSignalRegistration? _registration;
    private static long _spans;

    public static void Initialize()
    {
        var directory = Environment.GetEnvironmentVariable(SpansDirectory);
        if (directory is { Length: > 0 })
            CountSpans();
        _registration = PosixSignalRegistration.Create((PosixSignal)Signal, context =>
        {
            context.Cancel = true;
            // What is alive, after what is dead has been collected.
            if (Environment.GetEnvironmentVariable(File) is { Length: > 0 } file)
                Write(file, GC.GetTotalMemory(forceFullCollection: true));
            if (directory is { Length: > 0 })
                Write(Path.Combine(directory, Environment.ProcessId.ToString(CultureInfo.InvariantCulture)), Interlocked.Read(ref _spans));
        });
    }

    /// <summary>Listens to what others have sampled, and samples nothing itself.</summary>
    private static void CountSpans() => ActivitySource.AddActivityListener(new()
    {
        ShouldListenTo = _ => true,
        ActivityStopped = span =>
        {
            if (span.Recorded)
                Interlocked.Increment(ref _spans);
        },
    });

    private static void Write(string file, long value)
    {
        System.IO.File.WriteAllText(file + ".new", value.ToString(CultureInfo.InvariantCulture));
        System.IO.File.Move(file + ".new", file, overwrite: true);
    }
}
