using System.Globalization;
using System.Runtime.InteropServices;

/// <summary>Loaded into a service that is measured (DOTNET_STARTUP_HOOKS): on the signal SIGUSR1 it writes the size of its managed heap into a file.</summary>
/// <remarks>The runtime wants this name, without a namespace. Services know nothing of it, and nothing of it is in them otherwise.</remarks>
#pragma warning disable CA1050, MA0047 // The runtime's convention.
internal static class StartupHook
#pragma warning restore CA1050, MA0047
{
    /// <summary>The variable that names the file.</summary>
    public const string File = "ORAFO_HEAP_FILE";

    /// <summary>SIGUSR1, by its number: .NET has no name for it.</summary>
    public const int Signal = 10;

    private static PosixSignalRegistration? _registration;

    public static void Initialize() => _registration = PosixSignalRegistration.Create((PosixSignal)Signal, context =>
    {
        context.Cancel = true;
        if (Environment.GetEnvironmentVariable(File) is not { Length: > 0 } file)
            return;
        // What is alive, after what is dead has been collected.
        System.IO.File.WriteAllText(file + ".new", GC.GetTotalMemory(forceFullCollection: true).ToString(CultureInfo.InvariantCulture));
        System.IO.File.Move(file + ".new", file, overwrite: true);
    });
}
