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

    private const string PostgresName = "postgres";

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
    public string Postgres => System.IO.Path.Combine(ForServers, PostgresName);
    public string RabbitMq => System.IO.Path.Combine(ForServers, "rabbitmq");

    /// <summary>
    /// Usually this directory itself. Where the checkout lies in a place that the servers' users may not enter (root's home is
    /// one), a directory of the same mesh below /var/lib. Where a server's data is already, they stay.
    /// </summary>
    public string ForServers => field ??= Choose(
        Path, $"/var/lib/orafo/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path)))[..12]}",
        path => Account.CanEnter(path, Account.For("postgres")) && Account.CanEnter(path, Account.For("rabbitmq")));

    /// <summary>Of two directories, the first that holds PostgreSQL's data; if neither does, the first if it can be entered.</summary>
    internal static string Choose(string first, string second, Func<string, bool> canEnter) =>
        new[] { first, second }.FirstOrDefault(directory => Directory.Exists(System.IO.Path.Combine(directory, PostgresName))) ?? (canEnter(first) ? first : second);

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
