using System.Globalization;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Auditing;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>invoices verify</c>: proves that the numbers of each series are dense and in order, and that nothing that was issued was changed.</summary>
internal static class InvoicesCommand
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <param name="data">The mesh; work may go on.</param>
    /// <param name="noted">Heads that were printed earlier and kept elsewhere.</param>
    /// <param name="json">For programs.</param>
    /// <param name="stop">Ends it.</param>
    /// <returns>0 only if all is sound.</returns>
    public static async Task<int> Verify(DataDirectory data, IReadOnlyList<NotedHead> noted, bool json, CancellationToken stop)
    {
        var state = MeshState.Running(data);
        var secrets = Secrets.LoadOrCreate(data.Secrets);
        var database = Databases.ConnectionString(
            state.PostgresPort, MeshService.Named(MeshService.Invoicing).Database, MeshService.AuditRole, secrets.Audit, connections: 1);
        try
        {
            return Show(await new InvoiceProof(database).RunAsync(noted, stop), json, Console.Out);
        }
        catch (NpgsqlException e)
        {
            throw new OrafoException($"The invoices cannot be read now: {e.Message}", e);
        }
    }

    /// <returns>0 only if all is sound.</returns>
    public static int Show(IReadOnlyList<SeriesProof> proofs, bool json, TextWriter to)
    {
        var isSound = proofs.All(proof => proof.FaultCount == 0);
        if (json)
            to.WriteLine(JsonSerializer.Serialize(new { isSound, series = proofs }, Format));
        else
        {
            foreach (var proof in proofs)
                Show(proof, to);
            to.WriteLine(isSound ? "Sound." : $"{proofs.Sum(proof => proof.FaultCount)} faults.");
        }

        return isSound ? 0 : 1;
    }

    private static void Show(SeriesProof proof, TextWriter to)
    {
        var says = proof.FaultCount == 0 ? "no gap, no double, dates in order, nothing changed" : $"{proof.FaultCount} faults";
        to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{proof.Name}: {proof.Count} {proof.Kind}, {proof.First ?? 0} to {proof.Last ?? 0}, {says}"));
        to.WriteLine($"  {proof.Head}");
        foreach (var fault in proof.Faults)
            to.WriteLine($"FAULT {fault}.");
        if (proof.FaultCount > proof.Faults.Count)
            to.WriteLine($"FAULT … and {proof.FaultCount - proof.Faults.Count} more in series {proof.Name}.");
    }
}
