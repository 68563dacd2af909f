using System.Globalization;

namespace Orafo.Invoicing.Documents;

/// <summary>The reference that a payment of an invoice bears (BT-83): a structured creditor reference, ISO 11649.</summary>
public static class CreditorReference
{
    /// <summary>Without RF and the check digits.</summary>
    private const int Longest = 21;

    /// <summary>RF, two check digits, and the letters and digits of the invoice number.</summary>
    /// <exception cref="ArgumentException">The number has none, or more than 21 of them.</exception>
    public static string Of(string invoiceNumber)
    {
        var reference = string.Concat(invoiceNumber.Where(char.IsAsciiLetterOrDigit)).ToUpperInvariant();
        if (reference.Length is 0 or > Longest)
            throw new ArgumentException("A creditor reference has 1 to 21 letters and digits.", nameof(invoiceNumber));
        var check = 98 - Mod97.Of(reference + "RF00");
        return string.Create(CultureInfo.InvariantCulture, $"RF{check:00}{reference}");
    }
}
