using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails.Details;

/// <summary>An order's sums, as EN 16931 works them out.</summary>
public static class Totals
{
    /// <param name="currency">ISO 4217.</param>
    /// <param name="lines">Priced, their net amounts rounded.</param>
    /// <param name="allowance">Net, rounded, not more than the lines' sum; split over category and rate, the lines stay untouched.</param>
    /// <param name="charge">For shipping: net, rounded, not negative. Shipping is ancillary to the goods and taxed as they are, so it is split like the allowance.</param>
    public static OrderTotals Of(string currency, IReadOnlyList<PricedLine> lines, decimal allowance, decimal charge)
    {
        var linesNet = lines.Sum(line => line.NetAmount);
        ArgumentOutOfRangeException.ThrowIfNegative(allowance);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(allowance, linesNet);
        ArgumentOutOfRangeException.ThrowIfNegative(charge);

        var groups = lines
            .GroupBy(line => (line.VatCategory, line.VatRate))
            .Select(group => (group.Key.VatCategory, group.Key.VatRate, Net: group.Sum(line => line.NetAmount)))
            .OrderByDescending(group => group.VatRate).ThenBy(group => group.VatCategory, StringComparer.Ordinal)
            .ToArray();
        decimal[] weights = [.. groups.Select(group => group.Net)];
        var allowances = Split(allowance, weights, Currency.Decimals(currency));
        // Goods that are all free have no proportion: each category and rate then bears the same part.
        var charges = Split(charge, linesNet == 0m ? [.. groups.Select(_ => 1m)] : weights, Currency.Decimals(currency));
        VatSubtotal[] breakdown =
        [
            .. groups.Select((group, i) =>
            {
                var taxable = group.Net - allowances[i] + charges[i];
                return new VatSubtotal
                {
                    Category = group.VatCategory,
                    Rate = group.VatRate,
                    Charge = charges[i],
                    TaxableAmount = taxable,
                    VatAmount = Currency.Round(taxable * group.VatRate / 100m, currency),
                };
            }),
        ];

        var net = linesNet - allowance + charge;
        var vat = breakdown.Sum(subtotal => subtotal.VatAmount);
        return new OrderTotals
        {
            Currency = currency,
            LinesNet = linesNet,
            Allowance = allowance,
            Charge = charge,
            Net = net,
            Vat = vat,
            Gross = net + vat,
            VatBreakdown = breakdown,
        };
    }

    /// <summary>Splits an amount in proportion to weights by largest remainder: the parts sum to the whole, to the smallest unit.</summary>
    public static decimal[] Split(decimal amount, IReadOnlyList<decimal> weights, int decimals)
    {
        var sum = weights.Sum();
        if (sum == 0)
            return new decimal[weights.Count];
        var unit = new decimal(1, 0, 0, false, (byte)decimals);
        var exact = weights.Select(weight => amount * weight / sum).ToArray();
        var parts = exact.Select(part => decimal.Round(part, decimals, MidpointRounding.ToZero)).ToArray();
        var missing = (int)((amount - parts.Sum()) / unit);
        foreach (var index in Enumerable.Range(0, parts.Length).OrderByDescending(index => exact[index] - parts[index]).ThenBy(index => index).Take(missing))
            parts[index] += unit;
        return parts;
    }
}
