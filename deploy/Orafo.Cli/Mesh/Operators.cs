using System.Security.Cryptography;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Mesh;

/// <summary>The services of a mesh that are not for clients, and the key to them.</summary>
internal static class Operators
{
    public const string Header = "X-Api-Key";

    /// <summary>Speaks to a service of a mesh that runs, with the key.</summary>
    /// <exception cref="OrafoException">The mesh does not run, or there is no key.</exception>
    public static HttpClient Connect(DataDirectory data, string service) =>
        new() { BaseAddress = new Uri(MeshState.Running(data).Url(service)), DefaultRequestHeaders = { { Header, Key(data) } } };

    public static string Key(DataDirectory data)
    {
        try
        {
            return File.ReadAllText(data.OperatorKey).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OrafoException($"{data.OperatorKey} should hold the operators' key and cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The key; made and written down first if there is none.</summary>
    public static string EnsureKey(DataDirectory data)
    {
        if (!File.Exists(data.OperatorKey))
            Account.WritePrivateFile(data.OperatorKey, RandomNumberGenerator.GetHexString(64, lowercase: true) + "\n", user: null);
        return Key(data);
    }
}
