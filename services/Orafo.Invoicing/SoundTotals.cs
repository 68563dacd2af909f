using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing;

/// <summary>Whether an invoice adds up, by EN 16931-1. One that does not is never issued.</summary>
public static class SoundTotals
{
    /// <summary>
    ///     The method that BR-CO-17 asks for: once for each category and rate, half away from zero. States differ (CJEU C-484/06, C-302/07), so an invoice says
    ///     how its VAT was rounded.
    /// </summary>
    public const string VatRounding = "per-category-half-away-from-zero";

    /// <summary>The first rule that is broken, or null.</summary>
    public static string? BrokenRule(IReadOnlyList<PricedLine> lines, OrderTotals totals)
    {
        var currency = totals.Currency;
        if (lines.Any(line => line.NetAmount != Currency.Round(line.Quantity * line.UnitPrice, currency)))
            return "BT-131";
        if (totals.LinesNet != lines.Sum(line => line.NetAmount))
            return "BR-CO-10";
        if (totals.Charge != totals.VatBreakdown.Sum(vat => vat.Charge))
            return "BR-CO-12";
        if (totals.Net != totals.LinesNet - totals.Allowance + totals.Charge)
            return "BR-CO-13";
        if (totals.Vat != totals.VatBreakdown.Sum(vat => vat.VatAmount))
            return "BR-CO-14";
        if (totals.Gross != totals.Net + totals.Vat)
            return "BR-CO-15";
        if (totals.VatBreakdown.Any(vat => vat.VatAmount != Currency.Round(vat.TaxableAmount * vat.Rate / 100m, currency)))
            return "BR-CO-17";
        if (totals.Allowance < 0m || Currency.Round(totals.Allowance, currency) != totals.Allowance
            || totals.VatBreakdown.Any(vat => Currency.Round(vat.TaxableAmount, currency) != vat.TaxableAmount
                || vat.Charge < 0m || Currency.Round(vat.Charge, currency) != vat.Charge))
            return "BR-DEC";
        return IsSplitSoundly(lines, totals) ? null : "BR-S-08";
    }

    /// <summary>BR-S-08 and kin: each category and rate of the lines is taxed once, on its lines less its share of the allowance and with that of the charge.</summary>
    private static bool IsSplitSoundly(IReadOnlyList<PricedLine> lines, OrderTotals totals)
    {
        var nets = lines.GroupBy(line => (line.VatCategory, line.VatRate)).ToDictionary(group => group.Key, group => group.Sum(line => line.NetAmount));
        if (totals.VatBreakdown.Count != nets.Count)
            return false;
        var shares = 0m;
        foreach (var vat in totals.VatBreakdown)
        {
            if (!nets.Remove((vat.Category, vat.Rate), out var net))
                return false;
            var share = net + vat.Charge - vat.TaxableAmount;
            if (share < 0m || share > net)
                return false;
            shares += share;
        }

        return shares == totals.Allowance;
    }
}
