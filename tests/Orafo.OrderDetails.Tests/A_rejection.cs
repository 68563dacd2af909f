using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;

namespace Orafo.OrderDetails.Tests;

/// <summary>Every reason at once, and no more said than a client should know.</summary>
public sealed class A_rejection
{
    [Test]
    public void Has_all_reasons_at_once()
    {
        var customer = new Customer { Number = "C-1", Name = "x", Street = "", PostalCode = " ", City = "x", Country = "DE", VatId = "DE12345678", IsBlocked = true };
        var offSale = new Article { Sku = "OFF", Name = "x", Price = 1m, VatCategory = "S", VatRate = 22m, Stock = 0, IsOnSale = false };
        var coupon = new Coupon
        {
            Code = "X",
            Percent = 10m,
            ValidFrom = DateTimeOffset.UnixEpoch,
            ValidUntil = DateTimeOffset.UnixEpoch.AddDays(1),
            MinimumNet = 1000m,
            MostUses = 1,
            Uses = 1,
        };
        var order = Shop.Order("X", ("A", 5), ("OFF", 1), ("A", 1));
        var reasons = Assessment.Of(order, Shop.Lookup([Shop.Article("A", 5), offSale], [customer], coupon), new()).Reasons;
        Assert.That(reasons.Select(reason => (reason.Code, reason.Pointer)), Is.EqualTo(new[]
        {
            ("blocked-customer", "/customerNumber"), ("incomplete-address", "/customerNumber"), ("malformed-vat-id", "/customerNumber"),
            ("not-on-sale", "/lines/1/sku"), ("not-enough-stock", "/lines/2/quantity"),
            ("expired-coupon", "/couponCode"), ("minimum-not-reached", "/couponCode"), ("exhausted-coupon", "/couponCode"),
        }));
        Assert.That(reasons.Select(reason => reason.Text), Has.None.Contains("DE12345678"));
    }

    [TestCase(3, 4, "4 pieces of article A are wanted. 3 are left."), TestCase(0, 1, "1 pieces of article A are wanted. 0 are left.")]
    [TestCase(11, 12, "12 pieces of article A are wanted. Fewer than that are left.")]
    public void Says_how_much_is_left_only_if_that_is_little(int stock, int quantity, string text)
    {
        var reasons = Assessment.Of(Shop.Order(null, ("A", quantity)), Shop.Lookup([Shop.Article("A", stock)], [Shop.Customer("C-1")]), new()).Reasons;
        Assert.That(reasons.Single().Text, Is.EqualTo(text));
    }

    [TestCase(int.MaxValue, int.MaxValue)]
    public void Does_not_overflow(int first, int second)
    {
        var reasons = Assessment.Of(Shop.Order(null, ("A", first), ("A", second)), Shop.Lookup([Shop.Article("A", int.MaxValue)], [Shop.Customer("C-1")]), new()).Reasons;
        Assert.That(reasons.Single().Pointer, Is.EqualTo("/lines/1/quantity"));
    }

    [Test]
    public void Is_not_for_want_of_stock_where_stock_is_not_counted() =>
        Assert.That(Assessment.Of(Shop.Order(null, ("A", int.MaxValue)), Shop.Lookup([Shop.Article("A", null)], [Shop.Customer("C-1")]), new()).IsAccepted, Is.True);

    [Test]
    public void Is_for_a_customer_who_has_used_the_coupon_up()
    {
        var known = Shop.Lookup([Shop.Article("A", null)], [Shop.Customer("C-1")], Shop.Coupon("X", mostUsesPerCustomer: 2));
        known.UsesPerCustomer[("X", "C-1")] = 2;
        Assert.That(Assessment.Of(Shop.Order("X", ("A", 1)), known, new()).Reasons.Single().Code, Is.EqualTo("coupon-already-used"));
    }

    /// <remarks>Outside of the Union there are countries without postal codes, and ids of other forms.</remarks>
    [TestCase("AE", "", null, true), TestCase("CH", "8001", "CHE123456788", true), TestCase("FR", "", null, false), TestCase("FR", "75001", "CHE123456788", false)]
    public void Asks_of_an_address_what_its_country_has(string country, string postalCode, string? vatId, bool isAccepted)
    {
        var customer = new Customer { Number = "C-1", Name = "x", Street = "x", PostalCode = postalCode, City = "x", Country = country, VatId = vatId, IsBlocked = false };
        Assert.That(Assessment.Of(Shop.Order(null, ("A", 1)), Shop.Lookup([Shop.Article("A", null)], [customer]), new()).IsAccepted, Is.EqualTo(isAccepted));
    }

    [TestCase("ATU12345678"), TestCase("BE0123456789"), TestCase("BG123456789"), TestCase("BG1234567890"), TestCase("CY12345678X"), TestCase("CZ12345678")]
    [TestCase("CZ1234567890"), TestCase("DE123456789"), TestCase("DK12345678"), TestCase("EE123456789"), TestCase("EL123456789"), TestCase("ESX12345678")]
    [TestCase("ESX1234567X"), TestCase("ES12345678X"), TestCase("FI12345678"), TestCase("FRXX123456789"), TestCase("FR12123456789"), TestCase("HR12345678901")]
    [TestCase("HU12345678"), TestCase("IE1234567WA"), TestCase("IE1X23456A"), TestCase("IE1234567A"), TestCase("IT12345678901"), TestCase("LT123456789")]
    [TestCase("LT123456789012"), TestCase("LU12345678"), TestCase("LV12345678901"), TestCase("MT12345678"), TestCase("NL123456789B01"), TestCase("PL1234567890")]
    [TestCase("PT123456789"), TestCase("RO12"), TestCase("RO1234567890"), TestCase("SE123456789012"), TestCase("SI12345678"), TestCase("SK1234567890")]
    [TestCase("GR123456789", false), TestCase("GB123456789", false), TestCase("AT12345678", false), TestCase("DE12345678", false), TestCase("DE1234567890", false)]
    [TestCase("de123456789", false), TestCase(" DE123456789", false), TestCase("DE123456789\n", false), TestCase("DE１２３456789", false), TestCase("FRIO123456789", false)]
    [TestCase("ES123456789", false), TestCase("LT1234567890", false), TestCase("NL123456789A01", false), TestCase("RO1", false), TestCase("X", false), TestCase("IT 12345678901", false)]
    public void Is_for_a_VAT_id_that_no_member_state_issues(string vatId, bool isWellFormed = true) => Assert.That(VatId.IsWellFormed(vatId), Is.EqualTo(isWellFormed));
}
