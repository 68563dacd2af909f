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
        var totals = Totals.Of("EUR", [Line(0.33m, 22m), Line(0.33m, 22m), Line(0.33m, 22m)], allowance: 0m);
        Assert.That((totals.Net, totals.Vat, totals.Gross), Is.EqualTo((0.99m, 0.22m, 1.21m)));
    }

    [Test]
    public void Split_an_allowance_over_the_rates_and_leave_the_lines_untouched()
    {
        var totals = Totals.Of("EUR", [Line(14.25m, 22m), Line(10.00m, 10m)], allowance: 4.25m);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((totals.LinesNet, totals.Allowance, totals.Net, totals.Vat, totals.Gross), Is.EqualTo((24.25m, 4.25m, 20.00m, 3.42m, 23.42m)));
            Assert.That(totals.VatBreakdown.Select(vat => (vat.Rate, vat.TaxableAmount, vat.VatAmount)),
                Is.EqualTo(new[] { (22m, 11.75m, 2.59m), (10m, 8.25m, 0.83m) }));
        }
    }

    /// <remarks>The seller is in Italy. Directive 2006/112/EC, art. 138 and 146.</remarks>
    [TestCase("IT", "IT01234567897", "S", 22), TestCase("AT", "ATU12345675", "K", 0), TestCase("AT", null, "S", 22), TestCase("AT", "", "S", 22)]
    [TestCase("CH", "CHE123456788", "G", 0), TestCase("CH", null, "G", 0), TestCase("GB", "GB123456789", "G", 0), TestCase("JP", null, "G", 0)]
    public void Are_taxed_by_where_the_customer_is(string country, string? vatId, string category, decimal rate)
    {
        var customer = new Customer { Number = "C-1", Name = "x", Street = "x", PostalCode = "x", City = "x", Country = country, VatId = vatId, IsBlocked = false };
        var article = new Article { Sku = "A", Name = "A", Price = 1m, VatCategory = "S", VatRate = 22m, Stock = 1 };
        var order = new GetOrderDetails { OrderId = Guid.CreateVersion7(), CustomerNumber = "C-1", SubmittedAt = default, Lines = [new() { Sku = "A", Quantity = 1 }] };
        var line = Assessment.Of(order, new Dictionary<string, Article> { ["A"] = article }, customer, coupon: null, new()).Lines.Single();
        Assert.That((line.VatCategory, line.VatRate), Is.EqualTo((category, rate)));
    }

    [TestCase("2.345", "EUR", "2.35")]
    [TestCase("-2.345", "EUR", "-2.35")]
    [TestCase("2.5", "JPY", "3")]
    [TestCase("1.2345", "KWD", "1.235")]
    public void Round_half_away_from_zero_to_the_currencys_smallest_unit(string amount, string currency, string rounded) =>
        Assert.That(Currency.Round(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture), currency),
            Is.EqualTo(decimal.Parse(rounded, System.Globalization.CultureInfo.InvariantCulture)));

    [Test]
    public void Add_up_whatever_is_ordered()
    {
        var random = new Random(20261123);
        decimal[] rates = [0m, 4m, 5m, 10m, 22m];
        for (var trial = 0; trial < 5_000; trial++)
        {
            var lines = Enumerable.Range(0, random.Next(1, 12)).Select(_ => Line(random.Next(0, 1_000_000) / 100m, rates[random.Next(rates.Length)])).ToArray();
            var net = lines.Sum(line => line.NetAmount);
            var totals = Totals.Of("EUR", lines, decimal.Round(net * random.Next(0, 101) / 100m, 2));
            using (Assert.EnterMultipleScope())
            {
                Assert.That(totals.LinesNet, Is.EqualTo(net), "BR-CO-10");
                Assert.That(totals.Net, Is.EqualTo(totals.LinesNet - totals.Allowance), "BR-CO-13");
                Assert.That(totals.VatBreakdown.Sum(vat => vat.TaxableAmount), Is.EqualTo(totals.Net), "BR-S-08 and kin");
                Assert.That(totals.VatBreakdown.Sum(vat => vat.VatAmount), Is.EqualTo(totals.Vat), "BR-CO-14");
                Assert.That(totals.Gross, Is.EqualTo(totals.Net + totals.Vat), "BR-CO-15");
                foreach (var vat in totals.VatBreakdown)
                {
                    Assert.That(vat.TaxableAmount, Is.GreaterThanOrEqualTo(0m));
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

    private static PricedLine Line(decimal net, decimal rate) =>
        new() { Sku = "X", Name = "X", Quantity = 1, UnitPrice = net, VatCategory = "S", VatRate = rate, NetAmount = net };
}
