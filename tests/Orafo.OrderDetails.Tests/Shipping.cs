using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;

namespace Orafo.OrderDetails.Tests;

/// <summary>What an order pays for it, and the coupon for which it pays nothing.</summary>
public sealed class Shipping
{
    private static readonly SellerOptions Seller = new() { Shipping = 4.90m };

    [Test]
    public void Is_charged_unless_a_coupon_makes_it_free()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Charged(Shop.Order(null, ("A", 2))), Is.EqualTo((0m, 4.90m, 24.90m)));
            Assert.That(Charged(Shop.Order("PERCENT", ("A", 2)), Shop.Coupon("PERCENT")), Is.EqualTo((2m, 4.90m, 22.90m)));
            Assert.That(Charged(Shop.Order("FREE", ("A", 2)), Shop.FreeShipping("FREE")), Is.EqualTo((0m, 0m, 20m)));
        }

        static (decimal Allowance, decimal Charge, decimal Net) Charged(GetOrderDetails order, params Coupon[] coupons)
        {
            var totals = Assess(order, coupons).Totals!;
            return (totals.Allowance, totals.Charge, totals.Net);
        }
    }

    [Test]
    public void Goes_abroad_without_VAT_as_the_goods_do()
    {
        var order = Shop.Order(null, ("A", 2)) with { CustomerNumber = "C-JP" };
        var totals = Assess(order).Totals!;
        Assert.That(totals.VatBreakdown.Select(vat => (vat.Category, vat.Charge, vat.TaxableAmount, vat.VatAmount)), Is.EqualTo(new[] { ("G", 4.90m, 24.90m, 0m) }));
    }

    /// <remarks>The minimum is one of goods: shipping does not help to reach it.</remarks>
    [Test]
    public void Is_made_free_only_by_a_coupon_that_may_be_used()
    {
        Assert.That(Codes(Shop.FreeShipping("FREE", minimumNet: 20.01m)), Is.EqualTo(new[] { "minimum-not-reached" }));
        Assert.That(Codes(Shop.FreeShipping("FREE", minimumNet: 20m)), Is.Empty);
        Assert.That(Codes(Shop.FreeShipping("FREE", mostUses: 0)), Is.EqualTo(new[] { "exhausted-coupon" }));
        var late = Shop.Order("FREE", ("A", 2)) with { SubmittedAt = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero) };
        Assert.That(Assess(late, Shop.FreeShipping("FREE")).Reasons.Select(reason => reason.Code), Is.EqualTo(new[] { "expired-coupon" }));

        static IEnumerable<string> Codes(Coupon coupon) => Assess(Shop.Order("FREE", ("A", 2)), coupon).Reasons.Select(reason => reason.Code);
    }

    [Test]
    public async Task Is_free_as_often_as_the_coupon_may_be_used_and_again_after_a_cancellation()
    {
        await using var shop = await Shop.Open(shipping: 4.90m);
        await shop.Add(Shop.Article("A", stock: null), Shop.FreeShipping("FREE", mostUses: 2, mostUsesPerCustomer: 1));
        var first = await shop.Place("FREE", ("A", 2));
        await shop.Place("FREE", ("A", 2));
        Assert.That((await shop.Hears<OrderDetailsRejected>(1)).Single().Reasons.Single().Code, Is.EqualTo("coupon-already-used"));
        await shop.Place(null, ("A", 2));
        Assert.That(await shop.Uses("FREE"), Is.EqualTo(1));

        await shop.Deliver(Shop.Cancellation(first));
        await shop.Sees([first], HoldStates.Released);
        Assert.That(await shop.Uses("FREE"), Is.Zero);
        await shop.Place("FREE", ("A", 2));
        Assert.That((await shop.Hears<OrderDetailsReady>(3)).Select(ready => (ready.Totals.Charge, ready.Totals.Gross)),
            Is.EquivalentTo(new[] { (0m, 24.40m), (4.90m, 30.38m), (0m, 24.40m) }));
    }

    [TestCase("null", "null", "false"), TestCase("10", "null", "true"), TestCase("null", "5", "true"), TestCase("10", "5", "false"), TestCase("10", "5", "true")]
    public async Task Is_free_by_no_coupon_that_the_database_finds_to_be_none_or_two(string percent, string amount, string freeShipping)
    {
        await using var shop = await Shop.Open();
        var insert =
            $"""
             insert into coupons (code, percent, amount, free_shipping, valid_from, valid_until, minimum_net, uses)
             values ('X', {percent}, {amount}, {freeShipping}, '2026-01-01', '2027-01-01', 0, 0) returning uses
             """;
        Assert.That(() => shop.Ask<int>(insert), Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.ConstraintName)).EqualTo("ck_coupons_worth"));
    }

    [TestCase("0", "EUR", null), TestCase("4.9", "EUR", null), TestCase("4.90", "EUR", null), TestCase("500", "JPY", null), TestCase("1.235", "KWD", null)]
    [TestCase("-0.01", "EUR", "Seller:Shipping is not negative"), TestCase("1e12", "EUR", "below 10^12")]
    [TestCase("4.905", "EUR", "Seller:Shipping has at most 2 decimals, as amounts in EUR have."), TestCase("4.9", "JPY", "at most 0 decimals")]
    [TestCase("4,90", "EUR", "Seller:Shipping")]
    public void Costs_what_is_configured_or_the_service_does_not_start(string shipping, string currency, string? complaint)
    {
        using var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder()
                .AddInMemoryCollection(new Dictionary<string, string?> { ["Seller:Shipping"] = shipping, ["Seller:Currency"] = currency }).Build())
            .AddOptions<SellerOptions>().BindConfiguration("Seller").ValidateDataAnnotations().ValidateOnStart()
            .Services.BuildServiceProvider();
        var start = services.GetRequiredService<IStartupValidator>();
        if (complaint is null)
            Assert.That(start.Validate, Throws.Nothing);
        else
            Assert.That(start.Validate, Throws.Exception.With.Message.Contains(complaint));
    }

    private static Assessment Assess(GetOrderDetails order, params Coupon[] coupons)
    {
        var abroad = new Customer { Number = "C-JP", Name = "x", Street = "x", PostalCode = "x", City = "x", Country = "JP", IsBlocked = false };
        return Assessment.Of(order, Shop.Lookup([Shop.Article("A", stock: null)], [Shop.Customer("C-1"), abroad], coupons), Seller);
    }
}
