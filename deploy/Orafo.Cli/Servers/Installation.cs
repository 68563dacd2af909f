using System.Diagnostics;
using System.Globalization;

namespace Orafo.Cli.Servers;

/// <summary>Finds PostgreSQL and RabbitMQ on this machine, and installs Debian's packages where they are missing.</summary>
public static class Installation
{
    /// <summary>Where initdb and postgres are, the newest version first.</summary>
    public static string? PostgresBinaries =>
        (Directory.Exists("/usr/lib/postgresql") ? Directory.EnumerateDirectories("/usr/lib/postgresql") : [])
        .OrderByDescending(version => int.TryParse(Path.GetFileName(version), CultureInfo.InvariantCulture, out var number) ? number : 0)
        .Select(version => Path.Combine(version, "bin"))
        .Concat(OnPath)
        .FirstOrDefault(directory => IsThere(Path.Combine(directory, "initdb")) && IsThere(Path.Combine(directory, "postgres")));

    /// <summary>The server script itself, not /usr/sbin's wrapper for the system service.</summary>
    public static string? RabbitMqServer =>
        OnPath.Where(directory => !directory.EndsWith("/sbin", StringComparison.Ordinal)).Prepend("/usr/lib/rabbitmq/bin")
            .Select(directory => Path.Combine(directory, "rabbitmq-server"))
            .FirstOrDefault(IsThere);

    private static IEnumerable<string> OnPath =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A link may outlive what it led to, and then exists all the same.</summary>
    private static bool IsThere(string path) => File.Exists(path) && (File.ResolveLinkTarget(path, returnFinalTarget: true)?.Exists ?? true);

    private static string[] Missing =>
    [
        .. PostgresBinaries is null ? ["postgresql"] : Array.Empty<string>(),
        .. RabbitMqServer is null || !OnPath.Any(directory => IsThere(Path.Combine(directory, "epmd"))) ? ["rabbitmq-server"] : Array.Empty<string>(),
    ];

    /// <summary>Installs what is missing. The packages' own services are not started and no cluster is created: the servers that run are ours.</summary>
    /// <exception cref="OrafoException">It cannot; the message says what to type.</exception>
    public static async Task EnsureAsync(Action<string> say, CancellationToken cancellationToken)
    {
        if (Missing is not { Length: > 0 } packages)
            return;
        var byHand = $"Install it by hand, for example: sudo apt-get install {string.Join(' ', packages)}";
        if (!File.Exists("/usr/bin/apt-get"))
            throw new OrafoException($"{string.Join(" and ", packages)} is not installed, and this is no Debian. {byHand}");
        if (!Account.IsRoot && await Run(["sudo", "-n", "true"], cancellationToken) is not (0, _))
            throw new OrafoException($"{string.Join(" and ", packages)} is not installed, and you may not install it. {byHand}");

        say($"Installing {string.Join(" and ", packages)} (Debian packages) …");
        string[] install = ["sh", Path.Combine(AppContext.BaseDirectory, "Servers", "install.sh"), .. packages];
        var (exitCode, output) = await Run(Account.IsRoot ? install : ["sudo", "-n", .. install], cancellationToken);
        if (exitCode != 0)
            throw new OrafoException($"The installation failed with exit code {exitCode}:\n{output}\n{byHand}");

        if (Missing is { Length: > 0 } still)
            throw new OrafoException($"{string.Join(" and ", still)} was installed and is still not to be found. {byHand}");
    }

    /// <summary>Prometheus' tool for rules: the machine's own, or else out of Debian's package, which is not installed for that.</summary>
    /// <returns>Its path.</returns>
    /// <exception cref="OrafoException">It cannot be had; the message says what to type.</exception>
    public static async Task<string> PromtoolAsync(Action<string> say, CancellationToken cancellationToken)
    {
        var own = Path.Combine(Repository.Root, "artifacts", "promtool");
        if (OnPath.Append(own).Select(directory => Path.Combine(directory, "promtool")).FirstOrDefault(IsThere) is { } there)
            return there;
        say("Downloading promtool (Debian package prometheus) …");
        var (exitCode, output) = await Run(["sh", Path.Combine(AppContext.BaseDirectory, "Servers", "promtool.sh"), own], cancellationToken);
        return exitCode == 0
            ? Path.Combine(own, "promtool")
            : throw new OrafoException($"promtool cannot be downloaded:\n{output}\nInstall it by hand, for example: sudo apt-get install prometheus");
    }

    private static async Task<(int ExitCode, string Output)> Run(string[] command, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start) ?? throw new OrafoException($"`{command[0]}` does not start.");
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return (process.ExitCode, await output + await errors);
    }
}
