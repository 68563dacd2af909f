namespace Orafo.ServiceDefaults;

/// <summary>A currency's smallest unit (ISO 4217).</summary>
public static class Currency
{
    /// <summary>The currencies whose minor unit is not a hundredth.</summary>
    private static readonly Dictionary<string, int> Unusual = new(StringComparer.Ordinal)
    {
        ["BIF"] = 0,
        ["CLP"] = 0,
        ["DJF"] = 0,
        ["GNF"] = 0,
        ["ISK"] = 0,
        ["JPY"] = 0,
        ["KMF"] = 0,
        ["KRW"] = 0,
        ["PYG"] = 0,
        ["RWF"] = 0,
        ["UGX"] = 0,
        ["VND"] = 0,
        ["VUV"] = 0,
        ["XAF"] = 0,
        ["XOF"] = 0,
        ["XPF"] = 0,
        ["BHD"] = 3,
        ["IQD"] = 3,
        ["JOD"] = 3,
        ["KWD"] = 3,
        ["LYD"] = 3,
        ["OMR"] = 3,
        ["TND"] = 3,
    };

    /// <summary>How many decimals an amount has.</summary>
    public static int Decimals(string code) => Unusual.GetValueOrDefault(code, 2);

    /// <summary>To the smallest unit, half away from zero (EN 16931).</summary>
    public static decimal Round(decimal amount, string code) => decimal.Round(amount, Decimals(code), MidpointRounding.AwayFromZero);
}
