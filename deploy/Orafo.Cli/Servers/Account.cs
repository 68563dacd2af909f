using System.ComponentModel;
using System.Diagnostics;

namespace Orafo.Cli.Servers;

/// <summary>Whom the servers run as. PostgreSQL refuses to run as root, and RabbitMQ should not.</summary>
public static class Account
{
    public static bool IsRoot => Environment.IsPrivilegedProcess;

    /// <summary>Null when we are an ordinary user: then it is ourselves.</summary>
    public static string? For(string preferred) =>
        !IsRoot ? null : Entry(preferred) is null ? "nobody" : preferred;

    /// <summary>What a command begins with to run as <paramref name="user"/> (null: as we), in the user's own group, whatever its name, and in no other.</summary>
    public static string[] As(string? user) => user is null ? [] : ["setpriv", $"--reuid={user}", $"--regid={Entry(user)?[3]}", "--clear-groups"];

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
        user is null || TryRun([.. As(user), "test", "-x", directory]) == 0;

    /// <summary>Name, password, number, group and so on (passwd(5)).</summary>
    private static string[]? Entry(string user) => File.ReadLines("/etc/passwd").Select(line => line.Split(':')).FirstOrDefault(entry => entry[0] == user);

    private static void Run(params string[] command)
    {
        if (TryRun(command) is var exitCode and not 0)
            throw new OrafoException($"`{string.Join(' ', command)}` failed with exit code {exitCode}.");
    }

    private static int TryRun(string[] command)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]))!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (Win32Exception e)
        {
            throw new OrafoException($"`{command[0]}` cannot be run: {e.Message}");
        }
    }
}
