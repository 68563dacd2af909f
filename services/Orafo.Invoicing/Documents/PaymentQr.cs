using System.Collections;
using System.Globalization;
using QRCoder;

namespace Orafo.Invoicing.Documents;

/// <summary>The QR code that a banking app turns into a SEPA credit transfer (EPC069-12, version 002).</summary>
public static class PaymentQr
{
    private const int LongestName = 70;
    private const decimal LeastAmount = 0.01m;
    private const decimal GreatestAmount = 999_999_999.99m;

    /// <summary>What the code says; null if there is nothing that SEPA could transfer: another currency than the euro, no amount, no demand.</summary>
    public static string? Payload(BillingDocument document)
    {
        var amount = document.Totals.Gross;
        if (document is not { Payment: { } payment, Currency: "EUR" } || amount is < LeastAmount or > GreatestAmount)
            return null;
        string[] lines =
        [
            "BCD", "002", "1", "SCT", // Service tag, version, UTF-8, SEPA credit transfer.
            payment.Bic ?? "",
            payment.AccountName.Length > LongestName ? payment.AccountName[..LongestName] : payment.AccountName,
            payment.Iban,
            string.Create(CultureInfo.InvariantCulture, $"EUR{amount:0.00}"),
            "", // No purpose code.
            payment.Reference,
        ];
        return string.Join('\n', lines);
    }

    /// <summary>The code's modules by rows, dark ones set, without the quiet zone. Error correction M, at most version 13, as the guideline wants.</summary>
    public static IReadOnlyList<BitArray> Modules(string payload)
    {
        const int QuietZone = 4;
        using var code = QRCodeGenerator.GenerateQrCode(
            payload, QRCodeGenerator.ECCLevel.M, forceUtf8: true, utf8BOM: false, QRCodeGenerator.EciMode.Default);
        var size = code.ModuleMatrix.Count - 2 * QuietZone;
        return
        [
            .. code.ModuleMatrix.Skip(QuietZone).Take(size)
                .Select(row => new BitArray([.. Enumerable.Range(QuietZone, size).Select(column => row[column])])),
        ];
    }
}
