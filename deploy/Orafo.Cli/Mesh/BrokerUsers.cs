using Orafo.Cli.Servers;

namespace Orafo.Cli.Mesh;

/// <summary>Who may do what at the mesh's broker.</summary>
internal static class BrokerUsers
{
    public const string Administrator = "admin";

    /// <summary>Looks on: sees everything in the management UI and changes nothing, nor reads a message, for that would be personal data.</summary>
    public const string Operator = "operator";

    private const string Nothing = "^$";

    /// <summary>The administrator of the management UI, the operator, and a user for each service that sees no other service's queues.</summary>
    /// <remarks>Exchanges of messages begin with an upper-case letter, queues (and the exchanges before them) with a lower-case one.</remarks>
    public static IReadOnlyList<BrokerUser> For(Secrets secrets) =>
    [
        new(Administrator, secrets.Broker, "administrator", ".*", ".*", ".*"),
        new(Operator, secrets.BrokerOperator, "monitoring", Nothing, Nothing, Nothing),
        .. MeshService.All.Select(service =>
        {
            var own = $"^(({string.Join('|', service.Queues)})(_error|_skipped)?|[A-Z].*)$";
            return new BrokerUser(service.Database, secrets.Services[service.Name], null, own, own, own);
        }),
    ];
}
