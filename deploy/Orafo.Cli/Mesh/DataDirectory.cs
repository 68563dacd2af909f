using System.Security.Cryptography;
using System.Text;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Mesh;

/// <summary>What one mesh keeps on disk, and where.</summary>
public sealed class DataDirectory
{
    private const UnixFileMode Ours = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // The servers run as other users and must pass through to their own directories below, without seeing what else there is.
    private const UnixFileMode PassThrough = Ours | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <param name="path">Null for <c>.orafo</c> in the checkout.</param>
    public DataDirectory(string? path) => Path = System.IO.Path.GetFullPath(path ?? System.IO.Path.Combine(Repository.Root, ".orafo"));

    public string Path { get; }
    public string Secrets => In("secrets.json");

    /// <summary>The intake's key for everything that this mesh's owner runs: the launcher, the bench, the tests.</summary>
    public string ApiKey => In("api-key");

    /// <summary>What opens the services that are not for clients.</summary>
    public string OperatorKey => In("operator-key");

    public string State => In("mesh.json");
    public string Lock => In("supervisor.lock");
    public string Migrated => In("migrated.json");
    public string Printer => In("printer");
    public string Carrier => In("carrier");

    /// <summary>The spans that were collected.</summary>
    public string Traces => In("traces");

    public string SupervisorLog => Log("supervisor");
    public string Postgres => System.IO.Path.Combine(ForServers, "postgres");
    public string RabbitMq => System.IO.Path.Combine(ForServers, "rabbitmq");

    /// <summary>
    /// Usually this directory itself. Where the checkout lies in a place that the servers' users may not enter (root's home is
    /// one), a directory of the same mesh below /var/lib.
    /// </summary>
    public string ForServers => field ??=
        Account.CanEnter(Path, Account.For("postgres")) && Account.CanEnter(Path, Account.For("rabbitmq"))
            ? Path
            : $"/var/lib/orafo/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path)))[..12]}";

    /// <summary>Where a part's output goes.</summary>
    public string Log(string part) => System.IO.Path.Combine(Path, "logs", part + ".log");

    public void Create()
    {
        try
        {
            Make(Path, PassThrough);
            Make(In("logs"), Ours);
            Make(Printer, Ours);
            Make(Carrier, Ours);
            if (ForServers != Path)
            {
                Make(System.IO.Path.GetDirectoryName(ForServers)!, PassThrough);
                Make(ForServers, PassThrough);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OrafoException($"The data directory {Path} cannot be used: {e.Message}", e);
        }
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);

    // A directory that was there already (mktemp -d makes one for its owner alone) gets what is missing.
    private static void Make(string directory, UnixFileMode mode)
    {
        if (!Directory.Exists(directory))
            Directory.CreateDirectory(directory, mode);
        else if ((File.GetUnixFileMode(directory) & mode) != mode)
            File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | mode);
    }
}
