using System.Text.Json;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Mesh;

/// <summary>What runs, as the supervisor last wrote it down. Its absence says that nothing does.</summary>
public sealed record MeshState
{
    public required ProcessId Supervisor { get; init; }

    /// <summary>Whether everything has been healthy once; then the addresses stay as they are.</summary>
    public required bool IsUp { get; init; }

    public required double PrintSeconds { get; init; }
    public required int PostgresPort { get; init; }
    public required BrokerPorts Broker { get; init; }
    public required IReadOnlyList<PartState> Parts { get; init; }

    /// <summary>Where the environment has the services export their spans; null if they are collected here, or not at all.</summary>
    public string? TracesTo { get; init; }

    /// <summary>The small process that stops everything should the supervisor be killed.</summary>
    public ProcessId? Watchdog { get; init; }

    public static string AmqpUri(int port, string user, string password) => $"amqp://{user}:{password}@127.0.0.1:{port}/{MeshService.VirtualHost}";

    /// <summary>Every process of the mesh but the supervisor.</summary>
    public IEnumerable<ProcessId> Processes() => Parts.Select(part => part.Process).Append(Watchdog).OfType<ProcessId>();

    public PartState Part(string name) => Parts.Single(part => part.Name == name);

    /// <summary>The address of a service or a device.</summary>
    public string Url(string name) => Part(name).Url ?? throw new InvalidOperationException($"{name} has no address.");

    public static MeshState? Load(DataDirectory data)
    {
        try
        {
            return JsonSerializer.Deserialize<MeshState>(File.ReadAllText(data.State), JsonSerializerOptions.Web);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new OrafoException($"{data.State} belongs to somebody else. Use another data directory (--data DIR), or be that user.", e);
        }
        catch (JsonException)
        {
            // Written by another version: of no more use than none.
            return null;
        }
    }

    /// <summary>The state of a mesh that is being supervised.</summary>
    /// <exception cref="OrafoException">There is none.</exception>
    public static MeshState Running(DataDirectory data) => Load(data) is { } state && state.Supervisor.IsRunning
        ? state
        : throw new OrafoException("The mesh is not running. Start it with: ./orafo up");

    public void Save(DataDirectory data) => Account.WritePrivateFile(data.State, JsonSerializer.Serialize(this, JsonSerializerOptions.Web), user: null);
}

/// <summary>A process, named for good: a pid alone may be another's by now.</summary>
public sealed record ProcessId(int Pid, long StartTime)
{
    public static ProcessId Current => new(Environment.ProcessId, Proc.StartTime(Environment.ProcessId) ?? 0);

    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsRunning => Proc.IsRunning(Pid, StartTime);

    public void Signal(int signal)
    {
        if (IsRunning)
            ChildProcess.Signal(Pid, signal);
    }
}

/// <summary>A server, service or device of the mesh.</summary>
/// <param name="Name">As on the command line.</param>
/// <param name="Url">Where it answers, if it speaks HTTP.</param>
/// <param name="Process">Null while it does not run.</param>
/// <param name="Restarts">How often the supervisor has brought it back.</param>
public sealed record PartState(string Name, string? Url, ProcessId? Process, int Restarts);
