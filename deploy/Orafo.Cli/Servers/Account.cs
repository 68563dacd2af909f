using System.ComponentModel;
using System.Diagnostics;

namespace Orafo.Cli.Servers;

/// <summary>Whom the servers run as. PostgreSQL refuses to run as root, and RabbitMQ should not.</summary>
public static class Account
{
    public static bool IsRoot => Environment.IsPrivilegedProcess;

    /// <summary>Null when we are an ordinary user: then it is ourselves.</summary>
    public static string? For(string preferred) =>
        !IsRoot ? null : File.ReadLines("/etc/passwd").Any(line => line.StartsWith(preferred + ":", StringComparison.Ordinal)) ? preferred : "nobody";

    /// <summary>Makes a directory that only <paramref name="user"/> (null: we) may look into.</summary>
    public static void CreatePrivateDirectory(string directory, string? user)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (user is not null)
            Run("chown", user, directory);
    }

    /// <summary>Writes a file that only <paramref name="user"/> (null: we) may read.</summary>
    public static void WritePrivateFile(string path, string text, string? user)
    {
        var part = path + ".part";
        File.Delete(part);
        using (var file = new FileStream(part, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        using (var writer = new StreamWriter(file))
        {
            writer.Write(text);
            writer.Flush();
            file.Flush(flushToDisk: true);
        }

        if (user is not null)
            Run("chown", user, part);
        File.Move(part, path, overwrite: true);
    }

    /// <summary>Whether <paramref name="user"/> (null: we) can get to a directory, through all that lie above it.</summary>
    public static bool CanEnter(string directory, string? user) =>
        user is null || TryRun("setpriv", $"--reuid={user}", $"--regid={user}", "--clear-groups", "test", "-x", directory) == 0;

    private static void Run(string command, params string[] arguments)
    {
        if (TryRun(command, arguments) is var exitCode and not 0)
            throw new OrafoException($"`{command} {string.Join(' ', arguments)}` failed with exit code {exitCode}.");
    }

    private static int TryRun(string command, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command, arguments))!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (Win32Exception e)
        {
            throw new OrafoException($"`{command}` cannot be run: {e.Message}");
        }
    }
}
