using System.Globalization;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails.Tests;

/// <summary>EN 16931: BR-CO-10, -13, -14, -15, -17; largest remainder; ISO 4217.</summary>
public sealed class Sums
{
    [Test]
    public void Round_VAT_once_per_category_and_rate_and_not_per_line()
    {
        // Three lines of 0.33: per line 3 × 0.07 = 0.21, per category 0.99 × 22 % = 0.2178 → 0.22.
        var totals = Totals.Of("EUR", [Line(0.33m, 22m), Line(0.33m, 22m), Line(0.33m, 22m)], allowance: 0m, charge: 0m);
        Assert.That((totals.Net, totals.Vat, totals.Gross), Is.EqualTo((0.99m, 0.22m, 1.21m)));
    }

    [Test]
    public void Split_an_allowance_over_the_rates_and_leave_the_lines_untouched()
    {
        var totals = Totals.Of("EUR", [Line(14.25m, 22m), Line(10.00m, 10m)], allowance: 4.25m, charge: 0m);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((totals.LinesNet, totals.Allowance, totals.Net, totals.Vat, totals.Gross), Is.EqualTo((24.25m, 4.25m, 20.00m, 3.42m, 23.42m)));
            Assert.That(totals.VatBreakdown.Select(vat => (vat.Rate, vat.TaxableAmount, vat.VatAmount)),
                Is.EqualTo(new[] { (22m, 11.75m, 2.59m), (10m, 8.25m, 0.83m) }));
        }
    }

    /// <summary>Lines of 14.25 at 22 % and 10.00 at 10 %, and 4.90 for shipping: 2.879… and 2.020… → 2.88 and 2.02.</summary>
    /// <remarks>
    /// Without a coupon 17.13 × 22 % = 3.7686, 12.02 × 10 % = 1.202. With 4.25 off, shares 2.50 and 1.75: 14.63 × 22 % = 3.2186, 10.27 × 10 % = 1.027.
    /// With all goods taken off: 2.88 × 22 % = 0.6336, 2.02 × 10 % = 0.202.
    /// </remarks>
    [TestCase("0", "17.13", "3.77", "12.02", "1.20", "29.15", "34.12")]
    [TestCase("4.25", "14.63", "3.22", "10.27", "1.03", "24.90", "29.15")]
    [TestCase("24.25", "2.88", "0.63", "2.02", "0.20", "4.90", "5.73")]
    public void Tax_shipping_as_the_goods_are_taxed(string off, string normal, string normalVat, string reduced, string reducedVat, string net, string gross)
    {
        var totals = Totals.Of("EUR", [Line(14.25m, 22m), Line(10.00m, 10m)], Number(off), charge: 4.90m);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((totals.LinesNet, totals.Charge, totals.Net, totals.Gross), Is.EqualTo((24.25m, 4.90m, Number(net), Number(gross))));
            Assert.That(totals.VatBreakdown.Select(vat => (vat.Rate, vat.Charge, vat.TaxableAmount, vat.VatAmount)), Is.EqualTo(new[]
            {
                (22m, 2.88m, Number(normal), Number(normalVat)), (10m, 2.02m, Number(reduced), Number(reducedVat)),
            }));
        }
    }

    /// <summary>4.95 in two: 2.475 each, the odd cent at the higher rate. 2.48 × 22 % = 0.5456, 2.47 × 10 % = 0.247.</summary>
    [Test]
    public void Tax_the_shipping_of_goods_that_are_free_in_equal_parts()
    {
        var totals = Totals.Of("EUR", [Line(0m, 10m), Line(0m, 22m)], allowance: 0m, charge: 4.95m);
        Assert.That((totals.LinesNet, totals.Net, totals.Vat, totals.Gross), Is.EqualTo((0m, 4.95m, 0.80m, 5.75m)));
        Assert.That(totals.VatBreakdown.Select(vat => (vat.Rate, vat.Charge, vat.TaxableAmount, vat.VatAmount)),
            Is.EqualTo(new[] { (22m, 2.48m, 2.48m, 0.55m), (10m, 2.47m, 2.47m, 0.25m) }));
    }

    /// <summary>999 and 333 at 10 and 8 %, 500 for shipping: 375 and 125. 1374 × 10 % = 137.4, 458 × 8 % = 36.64.</summary>
    [Test]
    public void Split_shipping_to_the_currencys_smallest_unit() =>
        Assert.That(Totals.Of("JPY", [Line(999m, 10m), Line(333m, 8m)], allowance: 0m, charge: 500m).VatBreakdown.Select(vat => (vat.Charge, vat.TaxableAmount, vat.VatAmount)),
            Is.EqualTo(new[] { (375m, 1374m, 137m), (125m, 458m, 37m) }));

    /// <remarks>The text is that of the version before there was shipping.</remarks>
    [Test]
    public void Are_written_without_shipping_as_they_always_were() => Assert.That(
        JsonColumn.ToJson(Totals.Of("EUR", [Line(14.25m, 22m), Line(10.00m, 10m)], allowance: 4.25m, charge: 0m)), Is.EqualTo(
            """
            {"currency":"EUR","linesNet":24.25,"allowance":4.25,"net":20.00,"vat":3.42,"gross":23.42,"vatBreakdown":[{"category":"S","rate":22,"taxableAmount":11.75,"vatAmount":2.59},{"category":"S","rate":10,"taxableAmount":8.25,"vatAmount":0.83}]}
            """));

    /// <remarks>The seller is in Italy. Directive 2006/112/EC, art. 138 and 146.</remarks>
    [TestCase("IT", "IT01234567897", "S", 22), TestCase("AT", "ATU12345675", "K", 0), TestCase("AT", null, "S", 22), TestCase("AT", "", "S", 22)]
    [TestCase("AT", "IT01234567897", "S", 22), TestCase("GR", "EL123456789", "K", 0)]
    [TestCase("CH", "CHE123456788", "G", 0), TestCase("CH", null, "G", 0), TestCase("GB", "GB123456789", "G", 0), TestCase("JP", null, "G", 0)]
    public void Are_taxed_by_where_the_customer_is(string country, string? vatId, string category, decimal rate)
    {
        var customer = new Customer { Number = "C-1", Name = "x", Street = "x", PostalCode = "x", City = "x", Country = country, VatId = vatId, IsBlocked = false };
        var article = new Article { Sku = "A", Name = "A", Price = 1m, VatCategory = "S", VatRate = 22m, Stock = 1 };
        var order = new GetOrderDetails { OrderId = Guid.CreateVersion7(), CustomerNumber = "C-1", SubmittedAt = default, Lines = [new() { Sku = "A", Quantity = 1 }] };
        var line = Assessment.Of(order, Shop.Lookup([article], [customer]), new()).Lines.Single();
        Assert.That((line.VatCategory, line.VatRate), Is.EqualTo((category, rate)));
    }

    [TestCase("2.345", "EUR", "2.35")]
    [TestCase("-2.345", "EUR", "-2.35")]
    [TestCase("2.5", "JPY", "3")]
    [TestCase("1.2345", "KWD", "1.235")]
    public void Round_half_away_from_zero_to_the_currencys_smallest_unit(string amount, string currency, string rounded) =>
        Assert.That(Currency.Round(Number(amount), currency), Is.EqualTo(Number(rounded)));

    [Test]
    public void Add_up_whatever_is_ordered()
    {
        var random = new Random(20261123);
        decimal[] rates = [0m, 4m, 5m, 10m, 22m];
        for (var trial = 0; trial < 5_000; trial++)
        {
            var lines = Enumerable.Range(0, random.Next(1, 12)).Select(_ => Line(random.Next(0, 1_000_000) / 100m, rates[random.Next(rates.Length)])).ToArray();
            var net = lines.Sum(line => line.NetAmount);
            var charge = random.Next(2) == 0 ? 0m : random.Next(1, 5_000) / 100m;
            var totals = Totals.Of("EUR", lines, decimal.Round(net * random.Next(0, 101) / 100m, 2), charge);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(totals.LinesNet, Is.EqualTo(net), "BR-CO-10");
                Assert.That(totals.Net, Is.EqualTo(totals.LinesNet - totals.Allowance + totals.Charge), "BR-CO-13");
                Assert.That((totals.Charge, totals.VatBreakdown.Sum(vat => vat.Charge)), Is.EqualTo((charge, charge)), "BR-CO-12");
                Assert.That(totals.VatBreakdown.Sum(vat => vat.TaxableAmount), Is.EqualTo(totals.Net), "BR-S-08 and kin");
                Assert.That(totals.VatBreakdown.Sum(vat => vat.VatAmount), Is.EqualTo(totals.Vat), "BR-CO-14");
                Assert.That(totals.Gross, Is.EqualTo(totals.Net + totals.Vat), "BR-CO-15");
                foreach (var vat in totals.VatBreakdown)
                {
                    var bought = lines.Where(line => line.VatRate == vat.Rate).Sum(line => line.NetAmount);
                    Assert.That(vat.TaxableAmount, Is.InRange(vat.Charge, bought + vat.Charge));
                    if (net > 0m)
                        Assert.That(Math.Abs(vat.Charge - charge * bought / net), Is.LessThan(0.01m), "the goods' proportion");
                    Assert.That(vat.VatAmount, Is.EqualTo(Currency.Round(vat.TaxableAmount * vat.Rate / 100m, "EUR")), "BR-CO-17");
                }
            }
        }
    }

    [Test]
    public void Split_so_that_the_parts_sum_to_the_whole_and_none_is_off_by_a_unit()
    {
        var random = new Random(4217);
        for (var trial = 0; trial < 5_000; trial++)
        {
            var weights = Enumerable.Range(0, random.Next(1, 9)).Select(_ => (decimal)random.Next(0, 10_000)).ToArray();
            var amount = weights.Sum() == 0 ? 0m : random.Next(0, 100_000) / 100m;
            var parts = Totals.Split(amount, weights, decimals: 2);
            Assert.That(parts.Sum(), Is.EqualTo(amount));
            for (var i = 0; i < parts.Length && weights.Sum() > 0; i++)
                Assert.That(Math.Abs(parts[i] - amount * weights[i] / weights.Sum()), Is.LessThan(0.01m));
        }
    }

    private static decimal Number(string text) => decimal.Parse(text, CultureInfo.InvariantCulture);

    private static PricedLine Line(decimal net, decimal rate) =>
        new() { Sku = "X", Name = "X", Quantity = 1, UnitPrice = net, VatCategory = "S", VatRate = rate, NetAmount = net };
}
