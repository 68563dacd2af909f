using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Mesh;

/// <summary>The passwords of one data directory, made once.</summary>
public sealed record Secrets
{
    /// <summary>PostgreSQL's superuser's.</summary>
    public required string Postgres { get; init; }

    /// <summary>RabbitMQ's administrator's.</summary>
    public required string Broker { get; init; }

    /// <summary>The audit's, in the databases.</summary>
    public required string Audit { get; init; }

    /// <summary>Each service's, by its name: in its database and at the broker.</summary>
    public required IReadOnlyDictionary<string, string> Services { get; init; }

    /// <summary>Each database owner's, by the service's name.</summary>
    public required IReadOnlyDictionary<string, string> Owners { get; init; }

    /// <summary>What the secrets of clients' callbacks are made from. Not a password of its own: those that were made before it are kept.</summary>
    [JsonIgnore]
    public string CallbackKey => Derived("callbacks", Services[MeshService.Ordering]);

    /// <summary>RabbitMQ's operator's, who only looks on; made in the same way.</summary>
    [JsonIgnore]
    public string BrokerOperator => Derived("operator", Broker);

    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>What the file says; made and written first if it does not exist.</summary>
    public static Secrets LoadOrCreate(string path)
    {
        if (Load(path) is { } known)
            return known;

        var secrets = new Secrets
        {
            Postgres = NewPassword(),
            Broker = NewPassword(),
            Audit = NewPassword(),
            Services = MeshService.All.ToDictionary(service => service.Name, _ => NewPassword(), StringComparer.Ordinal),
            Owners = MeshService.All.ToDictionary(service => service.Name, _ => NewPassword(), StringComparer.Ordinal),
        };
        Account.WritePrivateFile(path, JsonSerializer.Serialize(secrets, Format), user: null);
        return secrets;
    }

    /// <summary>Null if there is no such file.</summary>
    /// <exception cref="OrafoException">It cannot be read; new passwords would lock us out of the servers' data.</exception>
    public static Secrets? Load(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<Secrets>(File.ReadAllText(path), Format) : null;
        }
        catch (JsonException e)
        {
            throw new OrafoException($"{path} does not hold the passwords that it should: {e.Message}", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new OrafoException($"{path} belongs to somebody else. Use another data directory (--data DIR), or be that user.", e);
        }
    }

    /// <summary>What deploy/postgres/services.sql and docker-compose.yml read from their environment.</summary>
    public IReadOnlyDictionary<string, string> Variables() => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["ORAFO_POSTGRES_PASSWORD"] = Postgres,
        ["ORAFO_RABBITMQ_PASSWORD"] = Broker,
        ["ORAFO_RABBITMQ_OPERATOR_PASSWORD"] = BrokerOperator,
        ["ORAFO_AUDIT_PASSWORD"] = Audit,
        ["ORAFO_CALLBACKS_KEY"] = CallbackKey,
    }
        .Concat(MeshService.All.Select(service => KeyValuePair.Create($"ORAFO_{service.Variable}_PASSWORD", Services[service.Name])))
        .Concat(MeshService.All.Select(service => KeyValuePair.Create($"ORAFO_{service.Variable}_OWNER_PASSWORD", Owners[service.Name])))
        .ToDictionary(StringComparer.Ordinal);

    private static string Derived(string purpose, string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{purpose} {secret}")));

    // Letters and digits only: no connection string, URI, shell or SQL script has to quote it.
    private static string NewPassword() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}
