using System.Globalization;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Auditing;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>invoices verify</c>: proves that the numbers of each series are dense and in order, and that nothing that was issued was changed.</summary>
internal static class InvoicesCommand
{
    /// <summary>The exit code that says nothing about the invoices: they could not be read.</summary>
    public const int CouldNotLook = 2;

    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <param name="data">The mesh; work may go on.</param>
    /// <param name="noted">Heads that were printed earlier and kept elsewhere.</param>
    /// <param name="json">For programs.</param>
    /// <param name="stop">Ends it.</param>
    /// <returns>0 only if all is sound, 1 if something is wrong, 2 if it could not be looked at.</returns>
    public static async Task<int> Verify(DataDirectory data, IReadOnlyList<NotedHead> noted, bool json, CancellationToken stop)
    {
        try
        {
            return Show(await Prove(data, noted, stop), json, Console.Out);
        }
        catch (Exception e) when (e is OrafoException or NpgsqlException)
        {
            await Console.Error.WriteLineAsync($"orafo: The invoices cannot be read now: {e.Message}");
            return CouldNotLook;
        }
    }

    private static async Task<IReadOnlyList<SeriesProof>> Prove(DataDirectory data, IReadOnlyList<NotedHead> noted, CancellationToken stop)
    {
        var state = MeshState.Running(data);
        var secrets = Secrets.LoadOrCreate(data.Secrets);
        var database = Databases.ConnectionString(
            state.PostgresPort, MeshService.Named(MeshService.Invoicing).Database, MeshService.AuditRole, secrets.Audit, connections: 1);
        return await new InvoiceProof(database).RunAsync(noted, stop);
    }

    /// <returns>0 only if all is sound.</returns>
    public static int Show(IReadOnlyList<SeriesProof> proofs, bool json, TextWriter to)
    {
        var isSound = proofs.All(proof => proof.FaultCount == 0);
        var documents = proofs.Sum(proof => proof.Count);
        if (json)
            to.WriteLine(JsonSerializer.Serialize(new { isSound, documents, series = proofs }, Format));
        else
        {
            foreach (var proof in proofs)
                Show(proof, to);
            to.WriteLine((isSound, documents) switch
            {
                (false, _) => $"{proofs.Sum(proof => proof.FaultCount)} faults.",
                (true, 0) => "There is nothing to prove: nothing was issued yet.",
                _ => "Sound.",
            });
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
