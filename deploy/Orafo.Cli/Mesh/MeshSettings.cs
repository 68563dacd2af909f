namespace Orafo.Cli.Mesh;

/// <summary>What one mesh has that others have not.</summary>
internal sealed record MeshSettings
{
    /// <summary>PostgreSQL's: <c>name=value</c>.</summary>
    public IReadOnlyList<string> Postgres { get; init; } = [];

    /// <summary>RabbitMQ's: see <see cref="Servers.PrivateRabbitMq.StartAsync"/>.</summary>
    public IReadOnlyList<string> Broker { get; init; } = [];

    /// <summary>Whether spans are collected here, unless the environment has them exported to somebody else.</summary>
    public bool CollectsTraces { get; init; }

    /// <summary>Environment variables of every service, whatever they would have been otherwise.</summary>
    public IReadOnlyDictionary<string, string?> Services { get; init; } = new Dictionary<string, string?>(StringComparer.Ordinal);

    /// <summary>The control group that the services are in: its directory.</summary>
    public string? ServicesGroup { get; init; }
}
