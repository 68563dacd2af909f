using System.Data;
using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using Orafo.Invoicing;

namespace Orafo.Cli.Auditing;

/// <summary>The head of a series' chain at one of its numbers, as it was noted earlier.</summary>
internal sealed record NotedHead(string Series, byte[] Head, int Sequence)
{
    /// <summary>Reads SERIES=HEAD@NUMBER, the head in hex, as a proof prints it; null if it is something else.</summary>
    public static NotedHead? TryParse(string text) =>
        text.Split('=') is [{ Length: > 0 } series, var rest] && rest.Split('@') is [{ Length: 64 } head, var number]
        && head.All(char.IsAsciiHexDigit) && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            ? new(series, Convert.FromHexString(head), sequence)
            : null;

    public static string Print(string series, byte[] head, int sequence) =>
        string.Create(CultureInfo.InvariantCulture, $"{series}={Convert.ToHexStringLower(head)}@{sequence}");

    public override string ToString() => Print(Series, Head, Sequence);
}

/// <summary>What a series' documents say, read from the first to the last.</summary>
internal sealed class SeriesProof(string name, bool isCredit)
{
    private const int MostFaults = 10;
    private readonly List<string> _faults = [];

    public string Name => name;
    public string Kind => isCredit ? "credit notes" : "invoices";
    public int? First { get; set; }
    public int? Last { get; set; }
    public long Count { get; set; }

    /// <summary>The last document's chain value, in the form of <see cref="NotedHead"/>.</summary>
    public string Head { get; set; } = "";

    /// <summary>How much is wrong. 0: numbers are dense, dates in order, and the content is what was issued.</summary>
    public long FaultCount { get; private set; }

    /// <summary>The first few of them, never with personal data.</summary>
    public IReadOnlyList<string> Faults => _faults;

    public void Fault(string what)
    {
        FaultCount++;
        if (_faults.Count < MostFaults)
            _faults.Add(what);
    }
}

/// <summary>Works out the chains of all series anew, from the content of every document, in one snapshot, with one document in memory.</summary>
internal sealed class InvoiceProof(string database)
{
    /// <param name="noted">Heads that have to be found again.</param>
    /// <param name="stop">Ends the wait.</param>
    public async Task<IReadOnlyList<SeriesProof>> RunAsync(IReadOnlyList<NotedHead> noted, CancellationToken stop)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(stop);
        // What is issued meanwhile is not seen.
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, stop);
        List<SeriesProof> proofs = [];
        foreach (var series in await ReadSeries(connection, stop))
            proofs.Add(await Prove(connection, series, [.. noted.Where(head => head.Series == series.Name)], stop));
        foreach (var missing in noted.Where(head => proofs.TrueForAll(proof => proof.Name != head.Series)))
        {
            var proof = new SeriesProof(missing.Series, isCredit: false);
            proof.Fault($"{missing} was noted, but there is no such series");
            proofs.Add(proof);
        }

        return proofs;
    }

    private static async Task<List<SeriesRow>> ReadSeries(NpgsqlConnection connection, CancellationToken stop)
    {
        List<SeriesRow> series = [];
        await using var command = new NpgsqlCommand(ProofStatements.Series, connection) { CommandTimeout = 0 };
        await using var rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop))
            series.Add(new(rows.GetString(0), rows.GetBoolean(1), rows.IsDBNull(2) ? null : rows.GetInt32(2), rows.IsDBNull(3) ? null : rows.GetFieldValue<byte[]>(3)));
        return series;
    }

    private static async Task<SeriesProof> Prove(NpgsqlConnection connection, SeriesRow series, IReadOnlyList<NotedHead> noted, CancellationToken stop)
    {
        var proof = new SeriesProof(series.Name, series.IsCredit);
        var found = new HashSet<NotedHead>();
        var before = new Document(0, "", "", "", HashChain.Begin(series.Name), [], true);
        await using var command = new NpgsqlCommand(series.IsCredit ? ProofStatements.CreditNotes : ProofStatements.Invoices, connection)
        {
            CommandTimeout = 0,
            Parameters = { new() { Value = series.Name, NpgsqlDbType = NpgsqlDbType.Text } },
        };
        await using (var rows = await command.ExecuteReaderAsync(CommandBehavior.SingleResult, stop))
        {
            while (await rows.ReadAsync(stop))
            {
                var document = Document.Read(rows);
                Check(proof, before, document);
                foreach (var head in noted.Where(head => head.Sequence == document.Sequence && head.Head.AsSpan().SequenceEqual(document.Chain)))
                    found.Add(head);
                proof.First ??= document.Sequence;
                proof.Last = document.Sequence;
                proof.Count++;
                before = document;
            }
        }

        proof.Head = NotedHead.Print(series.Name, before.Chain, before.Sequence);
        if (series.Last is null || series.Head is null)
            proof.Fault($"series {series.Name} has {proof.Kind}, but no counter");
        else if (series.Last != before.Sequence)
            proof.Fault($"series {series.Name} has given out numbers up to {series.Last}, its {proof.Kind} end with {before.Sequence}");
        else if (!series.Head.AsSpan().SequenceEqual(before.Chain))
            proof.Fault($"the head of series {series.Name} is not that of its last document");
        foreach (var head in noted.Where(head => !found.Contains(head) && !(head.Sequence == 0 && head.Head.AsSpan().SequenceEqual(HashChain.Begin(series.Name)))))
            proof.Fault($"{head} was noted, but is not in the chain");
        return proof;
    }

    /// <remarks>Its stored value is what the next one is checked against: what is wrong here is said once, not for all that follow.</remarks>
    private static void Check(SeriesProof proof, Document before, Document document)
    {
        if (document.Sequence == before.Sequence)
            proof.Fault($"{document.Number} has a number that was given out before");
        else if (document.Sequence != before.Sequence + 1)
            proof.Fault($"before {document.Number}, {document.Sequence - before.Sequence - 1L} numbers are missing");
        if (document.Number != string.Create(CultureInfo.InvariantCulture, $"{proof.Name}-{document.Sequence:d6}"))
            proof.Fault($"{document.Number} is not what number {document.Sequence} of series {proof.Name} is called");
        if (!document.IsFromBeforeChains && (string.CompareOrdinal(document.IssueDate, before.IssueDate) < 0 || string.CompareOrdinal(document.IssuedAt, before.IssuedAt) < 0))
            proof.Fault($"{document.Number} is dated {document.IssueDate}, before the document with the number before it");
        if (!document.Chain.AsSpan().SequenceEqual(HashChain.Extend(before.Chain, document.Fields)))
            proof.Fault($"{document.Number} is not what was issued, or not after what it was issued after");
        if (!document.Fits)
            proof.Fault($"{document.Number} does not fit the invoice that it credits");
    }

    private sealed record SeriesRow(string Name, bool IsCredit, int? Last, byte[]? Head);

    private sealed record Document(int Sequence, string Number, string IssueDate, string IssuedAt, byte[] Chain, string[] Fields, bool Fits)
    {
        /// <summary>It keeps no seller, so it was issued when each instance dated by its own clock.</summary>
        public bool IsFromBeforeChains => Fields is ["orafo-invoice/1", _, _, _, _, _, _, _, _, "", ..];

        public static Document Read(NpgsqlDataReader row) => new(
            row.GetInt32(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetFieldValue<byte[]>(4), row.GetFieldValue<string[]>(5), row.GetBoolean(6));
    }
}
