using nietras.SeparatedValues;

namespace Orafo.OrderDetails.Catalogue.Administration;

/// <summary>An entry of a file, and where it stands.</summary>
internal sealed record CatalogueLine<T>(int Number, T Entry);

/// <summary>Reads entries from CSV (RFC 4180, with a header; comma, semicolon or tab) or from JSON lines.</summary>
internal sealed class CatalogueFile<T>(CatalogueKind<T> kind)
{
    public const int MostLines = 100_000;
    private const int MostFaults = 100;
    private readonly Dictionary<string, int> _lineOf = new(StringComparer.Ordinal);
    private readonly List<CatalogueFault> _faults = [];

    public List<CatalogueLine<T>> Lines { get; } = [];

    /// <summary>The first of them.</summary>
    public IReadOnlyList<CatalogueFault> Faults => _faults;

    public int FaultCount { get; private set; }

    public void ReadJsonLines(string text)
    {
        var number = 0;
        for (var start = 0; start < text.Length;)
        {
            var end = text.IndexOf('\n', start);
            var line = text.AsMemory(start, (end < 0 ? text.Length : end) - start).Trim();
            start = end < 0 ? text.Length : end + 1;
            number++;
            if (line.IsEmpty)
                continue;
            if (!Add(number, CatalogueForm.OfJson(line)))
                return;
        }
    }

    public void ReadCsv(string text)
    {
        // The header is a row like the others here: the reader's own has no word for a column that comes twice. Cells are counted here, so that a line with too many
        // is a fault of that line.
        using var reader = Sep.Reader(options => options with { HasHeader = false, Unescape = true, DisableColCountCheck = true }).FromText(text);
        string[]? columns = null;
        foreach (var row in reader)
        {
            var cells = new string[row.ColCount];
            for (var i = 0; i < cells.Length; i++)
                cells[i] = row[i].ToString();
            if (columns is null)
            {
                columns = cells;
                if (columns.Distinct(StringComparer.Ordinal).Count() == columns.Length)
                    continue;
                Fault(new("", "A column comes twice.", Line: 1));
                return;
            }

            if (cells is not [""] && !Add(row.LineNumberFrom, CatalogueForm.OfCells(columns, cells)))
                return;
        }
    }

    private bool Add(int number, CatalogueForm form)
    {
        if (Lines.Count == MostLines)
        {
            Fault(new("", $"At most {MostLines} entries.", number));
            return false;
        }

        var key = form.Text(kind.Key, kind.LongestKey);
        var entry = kind.Read(key, form);
        form.RefuseOthers();
        if (key.Length > 0 && !_lineOf.TryAdd(key, number))
            form.Fault(kind.Key, $"The same {kind.What} as on line {_lineOf[key]}.");
        foreach (var fault in form.Faults)
            Fault(fault with { Line = number });
        Lines.Add(new(number, entry));
        return true;
    }

    private void Fault(CatalogueFault fault)
    {
        FaultCount++;
        if (_faults.Count < MostFaults)
            _faults.Add(fault);
    }
}
