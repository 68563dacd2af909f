using Orafo.Contracts;
using Orafo.Invoicing.Tests.Documents;

namespace Orafo.Invoicing.Tests;

/// <summary>EN 16931-1's sums, by the worked example of a coupon on two rates, one thing wrong at a time.</summary>
public sealed class Sound_totals
{
    private static readonly PricedLine[] Lines = [Examples.Line("A", "A", 3, 4.75m, 22m), Examples.Line("B", "B", 1, 10.00m, 10m)];

    private static readonly OrderTotals Totals = Examples.Totals("EUR", 24.25m, 4.25m, [Examples.Vat(22m, 11.75m, 2.59m), Examples.Vat(10m, 8.25m, 0.83m)]);

    [Test]
    public void Are_those_that_keep_every_rule() => Assert.That(SoundTotals.BrokenRule(Lines, Totals), Is.Null);

    private static IEnumerable<TestCaseData> Unsound()
    {
        yield return Case("BT-131", "a line is not quantity times price", Totals, [Lines[0] with { NetAmount = 14.26m }, Lines[1]]);
        yield return Case("BR-CO-10", "the lines come to something else", Totals with { LinesNet = 24.26m });
        yield return Case("BR-CO-13", "the coupon is not taken off", Totals with { Net = 24.25m });
        yield return Case("BR-CO-14", "the VAT is not that of the categories", Totals with { Vat = 3.43m });
        yield return Case("BR-CO-15", "the sum is not net and VAT", Totals with { Gross = 23.43m });
        // 2.585 + 0.825 = 3.41 if nothing is rounded before the end; 2.58 if halves go to the even digit.
        yield return Case("BR-CO-17", "halves are rounded to even", With(Examples.Vat(22m, 11.75m, 2.58m), Examples.Vat(10m, 8.25m, 0.83m)));
        yield return Case("BR-CO-17", "one category has the other's VAT", With(Examples.Vat(22m, 11.75m, 0.83m), Examples.Vat(10m, 8.25m, 2.59m)));
        yield return Case("BR-DEC", "a share of the coupon is not whole cents", With(Examples.Vat(22m, 11.754m, 2.59m), Examples.Vat(10m, 8.246m, 0.82m)));
        yield return Case("BR-DEC", "the coupon is negative", Totals with { Allowance = -4.25m, Net = 28.50m, Gross = 31.92m });
        yield return Case("BR-S-08", "a category is missing", With(Examples.Vat(22m, 20.00m, 4.40m)));
        yield return Case("BR-S-08", "a category has no lines", With(Examples.Vat(22m, 11.75m, 2.59m), Examples.Vat(4m, 8.25m, 0.33m)));
        yield return Case("BR-S-08", "a category is taxed twice", With(Examples.Vat(22m, 11.75m, 2.59m), Examples.Vat(22m, 8.25m, 1.82m)));
        yield return Case("BR-S-08", "more is taxed than was bought", With(Examples.Vat(22m, 9.75m, 2.15m), Examples.Vat(10m, 10.25m, 1.03m)));
        yield return Case("BR-S-08", "the coupon is not the sum of its shares", With(Examples.Vat(22m, 11.75m, 2.59m), Examples.Vat(10m, 8.24m, 0.82m)));
    }

    /// <summary>The worked example of shipping and a coupon.</summary>
    private static readonly OrderTotals Shipped = Examples.All["shipping-and-coupon"].Totals;

    private static IEnumerable<TestCaseData> UnsoundWithShipping()
    {
        yield return Case("BR-CO-12", "the charge is not the sum of its shares", Shipped with { Charge = 4.91m, Net = 26.73m, Gross = 31.28m });
        yield return Case("BR-CO-12", "the charge is there and its shares are not", Shipped with { VatBreakdown = [.. Shipped.VatBreakdown.Select(vat => vat with { Charge = 0m })] });
        // What a version that does not know charges makes of it.
        yield return Case("BR-CO-13", "the charge is lost", Shipped with { Charge = 0m, VatBreakdown = [.. Shipped.VatBreakdown.Select(vat => vat with { Charge = 0m })] });
        yield return Case("BR-CO-13", "the charge is not added", Shipped with { Net = 21.82m });
        yield return Case("BR-DEC", "a share of the charge is not whole cents", Charged(2.885m, 2.015m));
        yield return Case("BR-DEC", "a share of the charge is negative", Charged(5.90m, -1.00m));
        yield return Case("BR-S-08", "the charge is not taxed", Taxed(12.82m, 9.00m));
        yield return Case("BR-S-08", "more is taken off than was bought", Taxed(2.87m, 23.84m));
        yield return Case("BR-S-08", "the coupon is not the sum of its shares", Taxed(15.70m, 11.01m));
    }

    [Test]
    public void Of_shipping_are_those_that_keep_every_rule() => Assert.That(SoundTotals.BrokenRule(Lines, Shipped), Is.Null);

    [TestCaseSource(nameof(Unsound)), TestCaseSource(nameof(UnsoundWithShipping))]
    public void Are_not_those_that_break_one(string rule, OrderTotals totals, PricedLine[] lines) =>
        Assert.That(SoundTotals.BrokenRule(lines, totals), Is.EqualTo(rule));

    [Test]
    public void Of_a_currency_without_decimals_are_whole() => Assert.That(
        (SoundTotals.BrokenRule([Examples.Line("A", "A", 3, 333m, 10m, currency: "JPY")], Examples.Totals("JPY", 999m, 0m, [Examples.Vat(10m, 999m, 100m)])),
            SoundTotals.BrokenRule([Examples.Line("A", "A", 3, 333m, 10m, currency: "JPY")], Examples.Totals("JPY", 999m, 0m, [Examples.Vat(10m, 999m, 99.9m)]))),
        Is.EqualTo(((string?)null, "BR-CO-17")));

    [Test]
    public void Of_a_currency_with_three_decimals_are_sound_too() => Assert.That(
        SoundTotals.BrokenRule([Examples.Line("A", "A", 1, 1.2345m, 5m, currency: "KWD")], Examples.Totals("KWD", 1.235m, 0m, [Examples.Vat(5m, 1.235m, 0.062m)])),
        Is.Null);

    private static OrderTotals With(params VatSubtotal[] vat)
    {
        var sum = vat.Sum(subtotal => subtotal.VatAmount);
        return Totals with { VatBreakdown = vat, Vat = sum, Gross = Totals.Net + sum };
    }

    private static OrderTotals Charged(decimal normal, decimal reduced) =>
        Shipped with { VatBreakdown = [Shipped.VatBreakdown[0] with { Charge = normal }, Shipped.VatBreakdown[1] with { Charge = reduced }] };

    private static OrderTotals Taxed(decimal normal, decimal reduced)
    {
        var (a, b) = (Examples.Vat(22m, normal, Math.Round(normal * 0.22m, 2), charge: 2.88m), Examples.Vat(10m, reduced, Math.Round(reduced * 0.10m, 2), charge: 2.02m));
        return Shipped with { VatBreakdown = [a, b], Vat = a.VatAmount + b.VatAmount, Gross = Shipped.Net + a.VatAmount + b.VatAmount };
    }

    private static TestCaseData Case(string rule, string what, OrderTotals totals, PricedLine[]? lines = null) =>
        new TestCaseData(rule, totals, lines ?? Lines).SetArgDisplayNames(rule, what);
}
