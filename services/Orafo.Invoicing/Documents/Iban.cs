using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;

namespace Orafo.Invoicing.Documents;

/// <summary>International bank account numbers (ISO 13616).</summary>
public static partial class Iban
{
    /// <summary>Without the spaces that people write between groups of four.</summary>
    public static string Compact(string iban) => iban.Replace(" ", "", StringComparison.Ordinal).ToUpperInvariant();

    /// <summary>Has the form of one, and its check digits are right. The lengths of the countries are not known here.</summary>
    public static bool IsValid(string iban)
    {
        var compact = Compact(iban);
        return Form.IsMatch(compact) && Mod97.Of(compact[4..] + compact[..4]) == 1;
    }

    /// <summary>In groups of four, as people read it.</summary>
    public static string Grouped(string compact) => string.Join(' ', compact.Chunk(4).Select(group => new string(group)));

    [GeneratedRegex("^[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Form { get; }
}

/// <summary>An IBAN whose check digits are right.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class IbanAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) => value is string iban && Iban.IsValid(iban);

    public override string FormatErrorMessage(string name) => $"{name} is no IBAN (ISO 13616): a character is wrong or missing.";
}

/// <summary>ISO 7064 MOD 97-10, with A to Z standing for 10 to 35.</summary>
internal static class Mod97
{
    /// <param name="text">Digits and capital letters.</param>
    public static int Of(string text)
    {
        var rest = 0;
        foreach (var c in text)
            rest = char.IsAsciiDigit(c) ? (rest * 10 + c - '0') % 97 : (rest * 100 + c - 'A' + 10) % 97;
        return rest;
    }
}
