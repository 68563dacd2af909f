using System.Globalization;

namespace Orafo.Cli.Mesh;

/// <summary>What a person needs to know of a running mesh.</summary>
internal static class Addresses
{
    /// <summary>The table that <c>up</c> ends with.</summary>
    public static string Table(MeshState state, Secrets secrets, DataDirectory data)
    {
        var api = state.Url(MeshService.Ordering);
        var sample = Path.GetRelativePath(Environment.CurrentDirectory, Path.Combine(Repository.Root, "deploy", "samples", "orders", "good-espresso.json"));
        (string What, string Where)[] rows =
        [
            ("API", $"{api}/orders"),
            ("API key", $"{Intake.Key(data)}  (in {Path.GetRelativePath(Environment.CurrentDirectory, data.ApiKey)})"),
            ("Operators' key", $"in {Path.GetRelativePath(Environment.CurrentDirectory, data.OperatorKey)}; all other services ask for it"),
            ("API documentation", $"{api}/docs"),
            ("RabbitMQ management", $"http://127.0.0.1:{state.Broker.Management}  user {BrokerUsers.Operator} (looks on), password {secrets.BrokerOperator}"),
            ("", $"user {BrokerUsers.Administrator}, password {secrets.Broker}"),
            ("Metrics", $"/metrics of each service, with the operators' key; http://127.0.0.1:{state.Broker.Metrics}/metrics of RabbitMQ"),
            ("PostgreSQL", $"127.0.0.1:{state.PostgresPort}  user {MeshService.AuditRole} (reads only), password {secrets.Audit}"),
            ("Printer", string.Create(CultureInfo.InvariantCulture, $"{state.Url(MeshService.Printer)}/pages  {state.PrintSeconds} s a page (change: ./orafo down, then up --print-seconds S)")),
            ("Carrier", $"{state.Url(MeshService.Carrier)}/parcels"),
        ];
        return $"""

                {string.Join('\n', rows.Select(row => $"  {row.What,-20} {row.Where}"))}

                Place an order and look at it (the Location of the answer):

                  curl -i -H "X-Api-Key: $(cat {Path.GetRelativePath(Environment.CurrentDirectory, data.ApiKey)})" -H 'Content-Type: application/json' -d @{sample} {api}/orders

                or place it and follow it to its end: ./orafo order {sample}
                """;
    }
}
