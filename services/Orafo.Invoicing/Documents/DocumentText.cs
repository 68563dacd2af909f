using System.Globalization;
using System.Text;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Documents;

/// <summary>Text that XML 1.0 takes and paper shows.</summary>
public static class Printable
{
    private const int ZeroWidthNonJoiner = 0x200C;
    private const int ZeroWidthJoiner = 0x200D;

    /// <summary>Control and format characters become spaces, halves of characters a visible replacement; outer spaces go.</summary>
    /// <remarks>
    /// Format characters could turn the direction of what follows, and make a document show what it does not say. Joiners stay: words of some
    /// languages need them.
    /// </remarks>
    public static string Of(string text)
    {
        var printable = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            printable.Append(IsHidden(rune) ? " " : rune.ToString());

        return printable.ToString().Trim();
    }

    private static bool IsHidden(Rune rune) => rune.Value switch
    {
        ZeroWidthNonJoiner or ZeroWidthJoiner => false,
        // No characters, and not in XML.
        0xFFFE or 0xFFFF => true,
        _ => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator,
    };
}

/// <summary>Numbers and dates for people; documents are in English.</summary>
public static class DocumentText
{
    public static string Date(DateOnly date) => date.ToString("d MMMM yyyy", CultureInfo.InvariantCulture);

    /// <summary>With the currency's decimals and a comma between thousands.</summary>
    public static string Amount(decimal amount, string currency) =>
        amount.ToString("N" + Currency.Decimals(currency).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>At least the currency's decimals; a price may carry more.</summary>
    public static string Price(decimal price, string currency)
    {
        var decimals = Math.Max(Currency.Decimals(currency), Significant(price));
        return price.ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }

    public static string Rate(decimal rate) => rate.ToString("0.######", CultureInfo.InvariantCulture) + " %";

    public static string Quantity(int quantity) => quantity.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>How many decimals are left when trailing zeros go.</summary>
    private static int Significant(decimal number)
    {
        var scale = (int)number.Scale;
        while (scale > 0 && decimal.Round(number, scale - 1, MidpointRounding.ToZero) == number)
            scale--;
        return scale;
    }
}

/// <summary>Countries by their English names (ISO 3166-1), as the last line of an address wants them.</summary>
internal static class CountryNames
{
    private static readonly Dictionary<string, string> Names = new(StringComparer.Ordinal)
    {
        ["AT"] = "Austria",
        ["BE"] = "Belgium",
        ["BG"] = "Bulgaria",
        ["CH"] = "Switzerland",
        ["CY"] = "Cyprus",
        ["CZ"] = "Czechia",
        ["DE"] = "Germany",
        ["DK"] = "Denmark",
        ["EE"] = "Estonia",
        ["ES"] = "Spain",
        ["FI"] = "Finland",
        ["FR"] = "France",
        ["GB"] = "United Kingdom",
        ["GR"] = "Greece",
        ["HR"] = "Croatia",
        ["HU"] = "Hungary",
        ["IE"] = "Ireland",
        ["IT"] = "Italy",
        ["JP"] = "Japan",
        ["LI"] = "Liechtenstein",
        ["LT"] = "Lithuania",
        ["LU"] = "Luxembourg",
        ["LV"] = "Latvia",
        ["MT"] = "Malta",
        ["NL"] = "Netherlands",
        ["NO"] = "Norway",
        ["PL"] = "Poland",
        ["PT"] = "Portugal",
        ["RO"] = "Romania",
        ["SE"] = "Sweden",
        ["SI"] = "Slovenia",
        ["SK"] = "Slovakia",
        ["UA"] = "Ukraine",
        ["US"] = "United States",
    };

    /// <summary>The code itself, for countries that are not known here.</summary>
    public static string Of(string code) => Names.GetValueOrDefault(code, code);
}
