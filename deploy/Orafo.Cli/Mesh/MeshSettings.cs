namespace Orafo.Cli.Mesh;

/// <summary>What one mesh has that others have not.</summary>
internal sealed record MeshSettings
{
    /// <summary>PostgreSQL's: <c>name=value</c>.</summary>
    public IReadOnlyList<string> Postgres { get; init; } = [];

    /// <summary>Whether spans are collected here, unless the environment has them exported to somebody else.</summary>
    public bool CollectsTraces { get; init; }

    /// <summary>Environment variables of every service.</summary>
    public IReadOnlyDictionary<string, string?> Services { get; init; } = new Dictionary<string, string?>(StringComparer.Ordinal);
}
