using Orafo.Cli;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>Files that somebody has looked at.</summary>
/// <remarks>With the variable ORAFO_APPROVE they are written instead of compared: look at them before they are committed.</remarks>
internal static class Approved
{
    private static readonly bool IsWriting = Environment.GetEnvironmentVariable("ORAFO_APPROVE") is { Length: > 0 };

    public static byte[] Read(string file) => File.ReadAllBytes(PathOf(file));

    /// <summary>True if the file was written just now, and there is nothing to compare.</summary>
    public static bool IsWritten(string file, byte[] content)
    {
        if (!IsWriting)
            return false;
        File.WriteAllBytes(PathOf(file), content);
        return true;
    }

    private static string PathOf(string file) => Path.Combine(Repository.Root, "tests", "Orafo.Invoicing.Tests", "Approved", file);
}
