using System.Text.RegularExpressions;

namespace Orafo.OrderDetails.Details;

/// <summary>VAT identification numbers of the European Union.</summary>
public static partial class VatId
{
    /// <summary>The member states, ISO 3166-1.</summary>
    private static readonly HashSet<string> Union =
    [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ];

    public static bool IsUnion(string country) => Union.Contains(country);

    /// <summary>Which state issued it, ISO 3166-1: Greece's begin with EL (Directive 2006/112/EC, art. 215).</summary>
    public static string CountryOf(string vatId) => vatId.StartsWith("EL", StringComparison.Ordinal) ? "GR" : vatId[..Math.Min(2, vatId.Length)];

    /// <summary>Whether it has the form of one that a member state issues. Whether it was issued, and to whom, only VIES knows.</summary>
    public static bool IsWellFormed(string vatId) => Form().IsMatch(vatId);

    /// <remarks>European Commission, VIES, questions and answers: the structure of VAT identification numbers.</remarks>
    [GeneratedRegex(
        """
        \A(?:
        ATU[0-9]{8} | BE[01][0-9]{9} | BG[0-9]{9,10} | CY[0-9]{8}[A-Z] | CZ[0-9]{8,10} | DE[0-9]{9} | DK[0-9]{8} | EE[0-9]{9} | EL[0-9]{9} |
        ES(?:[A-Z][0-9]{7}[0-9A-Z]|[0-9]{8}[A-Z]) | FI[0-9]{8} | FR[0-9A-HJ-NP-Z]{2}[0-9]{9} | HR[0-9]{11} | HU[0-9]{8} |
        IE(?:[0-9][0-9A-Z+*][0-9]{5}[A-Z]|[0-9]{7}[A-W][A-I]) | IT[0-9]{11} | LT(?:[0-9]{9}|[0-9]{12}) | LU[0-9]{8} | LV[0-9]{11} | MT[0-9]{8} |
        NL[0-9]{9}B[0-9]{2} | PL[0-9]{10} | PT[0-9]{9} | RO[0-9]{2,10} | SE[0-9]{12} | SI[0-9]{8} | SK[0-9]{10}
        )\z
        """,
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Form();
}
