using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Npgsql;
using Orafo.Cli.Auditing;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>audit</c>: proves that each order was done once and completely, or says where not.</summary>
internal static class AuditCommand
{
    private static readonly TimeSpan PatienceWithEnds = TimeSpan.FromSeconds(30);

    /// <returns>0 only if the ledgers are clean.</returns>
    public static async Task<int> RunAsync(DataDirectory data, CancellationToken stop) => Show(await Audit(data, stop));

    /// <summary>What the ledgers of a running mesh say.</summary>
    public static async Task<AuditReport> Audit(DataDirectory data, CancellationToken stop)
    {
        var state = MeshState.Running(data);
        var secrets = Secrets.LoadOrCreate(data.Secrets);
        using var management = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{state.Broker.Management}/api/") };
        management.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{BrokerUsers.Administrator}:{secrets.Broker}")));
        try
        {
            var audit = new Audit(
                service => Databases.ConnectionString(state.PostgresPort, service.Database, MeshService.AuditRole, secrets.Audit, connections: 4), PatienceWithEnds);
            using var carrier = new HttpClient { BaseAddress = new Uri(state.Url(MeshService.Carrier)) };
            return await audit.RunAsync(management, carrier, stop);
        }
        catch (Exception e) when (e is NpgsqlException or HttpRequestException)
        {
            throw new OrafoException($"The ledgers cannot be read now: {e.Message}", e);
        }
    }

    /// <returns>0 only if it is clean.</returns>
    public static int Show(AuditReport report)
    {
        Console.WriteLine($"{report.Orders.Values.Sum()} orders");
        foreach (var (state, count) in report.Orders)
            Console.WriteLine($"  {count,8} {state}");
        foreach (var (currency, sum) in report.Completed)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {sum} {currency} completed, the same in every ledger that agrees"));
        foreach (var remark in report.Remarks)
            Console.WriteLine($"  {remark}");
        foreach (var fault in report.Faults)
            Console.WriteLine($"FAULT {fault}");
        Console.WriteLine(report.IsClean ? "Clean." : $"{report.Faults.Count} faults.");
        return report.IsClean ? 0 : 1;
    }
}
