using System.Globalization;
using System.Text.Json;

namespace Orafo.OrderDetails.Catalogue.Administration;

/// <summary>What is wrong with what somebody sent.</summary>
/// <param name="Pointer">Where, as a JSON pointer (RFC 6901); of a CSV file, its column.</param>
/// <param name="Detail">Why. Never what was sent: it may be personal data.</param>
/// <param name="Line">Of a file.</param>
internal sealed record CatalogueFault(string Pointer, string Detail, int? Line = null);

/// <summary>The members of an entry as somebody sent them. Whoever reads them gets a value, and every fault is kept.</summary>
internal sealed class CatalogueForm
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    private readonly Dictionary<string, Member> _members = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<CatalogueFault> _faults = [];

    private CatalogueForm()
    {
    }

    public IReadOnlyList<CatalogueFault> Faults => _faults;

    public static CatalogueForm OfJson(ReadOnlyMemory<char> json)
    {
        var form = new CatalogueForm();
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                form.Fault("", "Not a JSON object.");
            else
            {
                foreach (var member in document.RootElement.EnumerateObject())
                    form._members[member.Name] = new(member.Value.ValueKind, member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : member.Value.GetRawText());
            }
        }
        // Half of a surrogate pair is no text, and is found when it is read.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            form.Fault("", "Not well-formed JSON, or a member comes twice.");
        }

        return form;
    }

    /// <summary>An empty cell is a member that is null.</summary>
    public static CatalogueForm OfCells(IReadOnlyList<string> columns, IReadOnlyList<string> cells)
    {
        var form = new CatalogueForm();
        if (cells.Count != columns.Count)
            form.Fault("", $"{cells.Count} cells, but the header has {columns.Count}.");
        else
        {
            for (var i = 0; i < columns.Count; i++)
                form._members[columns[i]] = new(cells[i].Length == 0 ? JsonValueKind.Null : JsonValueKind.Undefined, cells[i]);
        }

        return form;
    }

    public void Fault(string member, string detail) => _faults.Add(new(member.Length == 0 ? "" : Pointer(member), detail));

    public string Text(string name, int longest) => OptionalText(name, longest) is { } text && !string.IsNullOrWhiteSpace(text) ? text : Missing(name, "");

    /// <summary>Null if it is not there.</summary>
    public string? OptionalText(string name, int longest)
    {
        if (Find(name) is not { } member)
            return null;
        if (member.Kind is not (JsonValueKind.String or JsonValueKind.Undefined))
            return Wrong<string>(name, "Not a text.");
        if (member.Text.Length > longest)
            return Wrong<string>(name, $"At most {longest} characters.");
        return member.Text.Any(char.IsControl) ? Wrong<string>(name, "Control characters are not allowed.") : member.Text;
    }

    public decimal Number(string name, decimal least, decimal most, int decimals) => OptionalNumber(name, least, most, decimals) ?? Missing(name, 0m);

    /// <summary>Null if it is not there.</summary>
    public decimal? OptionalNumber(string name, decimal least, decimal most, int decimals)
    {
        if (Find(name) is not { } member)
            return null;
        const NumberStyles Plain = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (member.Kind is not (JsonValueKind.Number or JsonValueKind.Undefined) || !decimal.TryParse(member.Text, Plain, CultureInfo.InvariantCulture, out var number))
            return Wrong<decimal?>(name, "Not a number.");
        if (number < least || number > most)
            return Wrong<decimal?>(name, string.Create(CultureInfo.InvariantCulture, $"From {least} to {most}."));
        return decimal.Round(number, decimals) == number ? number : Wrong<decimal?>(name, decimals == 0 ? "Not a whole number." : $"At most {decimals} decimals.");
    }

    public int? OptionalWhole(string name, int least) => (int?)OptionalNumber(name, least, int.MaxValue, decimals: 0);

    /// <summary>Null is a value, but it has to be said.</summary>
    public int? WholeOrNull(string name, int least)
    {
        if (!_members.ContainsKey(name))
            Missing(name, 0);
        return OptionalWhole(name, least);
    }

    public bool Flag(string name, bool otherwise) => Find(name) switch
    {
        null => otherwise,
        { Kind: JsonValueKind.True } or { Kind: JsonValueKind.Undefined, Text: "true" } => true,
        { Kind: JsonValueKind.False } or { Kind: JsonValueKind.Undefined, Text: "false" } => false,
        _ => Wrong<bool>(name, "Neither true nor false."),
    };

    /// <summary>ISO 8601 with its offset; in UTC.</summary>
    public DateTimeOffset Time(string name)
    {
        string[] forms = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];
        if (Find(name) is not { } member)
            return Missing(name, default(DateTimeOffset));
        // Without an offset it is nobody's.
        if (member.Kind is JsonValueKind.String or JsonValueKind.Undefined
            && DateTimeOffset.TryParseExact(member.Text, forms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            && (member.Text.EndsWith('Z') || member.Text[^6] is '+' or '-'))
            return time.ToUniversalTime();
        return Wrong<DateTimeOffset>(name, "Not a time with its offset (ISO 8601), as in 2026-11-26T09:30:00Z.");
    }

    /// <summary>A member that is not known: a misspelt one would otherwise go unnoticed. The last thing to ask.</summary>
    public void RefuseOthers()
    {
        foreach (var name in _members.Keys.Where(name => !_known.Contains(name)))
            Fault(name, "There is no such member.");
    }

    private Member? Find(string name)
    {
        _known.Add(name);
        return _members.TryGetValue(name, out var member) && member.Kind != JsonValueKind.Null ? member : null;
    }

    private T? Wrong<T>(string name, string detail)
    {
        Fault(name, detail);
        return default;
    }

    /// <summary>Unless something else was said of it already.</summary>
    private T Missing<T>(string name, T instead)
    {
        _known.Add(name);
        if (!_faults.Exists(fault => fault.Pointer.Length == 0 || fault.Pointer == Pointer(name)))
            Fault(name, "Required.");
        return instead;
    }

    private static string Pointer(string name) => "/" + name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    /// <param name="Kind">Of a cell, which may be anything: undefined.</param>
    /// <param name="Text">A string's own, or as it was written.</param>
    private readonly record struct Member(JsonValueKind Kind, string Text);
}
