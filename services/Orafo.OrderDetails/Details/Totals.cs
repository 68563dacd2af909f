using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails.Details;

/// <summary>An order's sums, as EN 16931 works them out.</summary>
public static class Totals
{
    /// <param name="currency">ISO 4217.</param>
    /// <param name="lines">Priced, their net amounts rounded.</param>
    /// <param name="allowance">Net, rounded, not more than the lines' sum; split over category and rate, the lines stay untouched.</param>
    public static OrderTotals Of(string currency, IReadOnlyList<PricedLine> lines, decimal allowance)
    {
        var linesNet = lines.Sum(line => line.NetAmount);
        ArgumentOutOfRangeException.ThrowIfNegative(allowance);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(allowance, linesNet);

        var groups = lines
            .GroupBy(line => (line.VatCategory, line.VatRate))
            .Select(group => (group.Key.VatCategory, group.Key.VatRate, Net: group.Sum(line => line.NetAmount)))
            .OrderByDescending(group => group.VatRate).ThenBy(group => group.VatCategory, StringComparer.Ordinal)
            .ToArray();
        var shares = Split(allowance, [.. groups.Select(group => group.Net)], Currency.Decimals(currency));
        VatSubtotal[] breakdown =
        [
            .. groups.Zip(shares, (group, share) => new VatSubtotal
            {
                Category = group.VatCategory,
                Rate = group.VatRate,
                TaxableAmount = group.Net - share,
                VatAmount = Currency.Round((group.Net - share) * group.VatRate / 100m, currency),
            }),
        ];

        var net = linesNet - allowance;
        var vat = breakdown.Sum(subtotal => subtotal.VatAmount);
        return new OrderTotals
        {
            Currency = currency,
            LinesNet = linesNet,
            Allowance = allowance,
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
