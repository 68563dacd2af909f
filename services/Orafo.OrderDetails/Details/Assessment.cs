using System.Globalization;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails.Details;

/// <summary>What becomes of an order: lines and sums, or every reason why not. Pure: it decides over what was looked up.</summary>
public sealed record Assessment(IReadOnlyList<PricedLine> Lines, OrderTotals? Totals, IReadOnlyList<RejectionReason> Reasons)
{
    /// <summary>Up to here a client is told how many pieces are left; how many more there are is the shop's business.</summary>
    private const int LargestStockShown = 10;

    public bool IsAccepted => Reasons.Count == 0;

    public static Assessment Of(GetOrderDetails order, OrderDetailsLookup known, SellerOptions seller)
    {
        var customer = known.Customers.GetValueOrDefault(order.CustomerNumber);
        var coupon = order.CouponCode is null ? null : known.Coupons.GetValueOrDefault(order.CouponCode);
        List<RejectionReason> reasons = [.. CustomerFaults(order, customer), .. LineFaults(order, known.Articles)];
        var untaxed = CategoryOf(customer, seller);
        PricedLine[] lines =
        [
            .. from line in order.Lines
               where line.Quantity > 0
               let article = known.Articles.GetValueOrDefault(line.Sku)
               where article is not null
               select Price(line, article, untaxed, seller.Currency),
        ];
        var net = lines.Sum(line => line.NetAmount);
        var usesOfCustomer = order.CouponCode is null ? 0 : known.UsesPerCustomer.GetValueOrDefault((order.CouponCode, order.CustomerNumber));
        reasons.AddRange(CouponFaults(order, coupon, usesOfCustomer, net, areLinesSound: lines.Length == order.Lines.Count));
        return reasons.Count > 0
            ? new Assessment([], null, reasons)
            : new Assessment(lines, Details.Totals.Of(seller.Currency, lines, Allowance(coupon, net, seller.Currency), Shipping(coupon, seller)), []);
    }

    private static IEnumerable<RejectionReason> CustomerFaults(GetOrderDetails order, Customer? customer)
    {
        if (customer is null)
        {
            yield return Reason("unknown-customer", $"There is no customer {order.CustomerNumber}.", "/customerNumber");
            yield break;
        }

        if (customer.IsBlocked)
            yield return Reason("blocked-customer", $"Customer {order.CustomerNumber} is blocked.", "/customerNumber");
        if (MissingIn(customer) is { Length: > 0 } missing)
            yield return Reason("incomplete-address", $"The address of customer {order.CustomerNumber} lacks {string.Join(", ", missing)}.", "/customerNumber");
        if (customer.VatId is { Length: > 0 } vatId && VatId.IsUnion(customer.Country) && !VatId.IsWellFormed(vatId))
            yield return Reason("malformed-vat-id", $"The VAT id of customer {order.CustomerNumber} is none that a member state issues.", "/customerNumber");
    }

    /// <summary>What an invoice (Directive 2006/112/EC, art. 226(5)) and a parcel need. Not every country outside of the Union has postal codes.</summary>
    private static string[] MissingIn(Customer customer) =>
    [
        .. new (string What, bool IsMissing)[]
        {
            ("a name", string.IsNullOrWhiteSpace(customer.Name)),
            ("a street", string.IsNullOrWhiteSpace(customer.Street)),
            ("a postal code", string.IsNullOrWhiteSpace(customer.PostalCode) && VatId.IsUnion(customer.Country)),
            ("a city", string.IsNullOrWhiteSpace(customer.City)),
        }.Where(part => part.IsMissing).Select(part => part.What),
    ];

    private static IEnumerable<RejectionReason> LineFaults(GetOrderDetails order, IReadOnlyDictionary<string, Article> articles)
    {
        // An article may stand in several lines: the one that wants more than is left is to blame.
        Dictionary<string, long> wanted = new(StringComparer.Ordinal);
        for (var i = 0; i < order.Lines.Count; i++)
        {
            var line = order.Lines[i];
            var article = articles.GetValueOrDefault(line.Sku);
            if (article is null)
                yield return Reason("unknown-article", $"There is no article {line.Sku}.", $"/lines/{i}/sku");
            else if (!article.IsOnSale)
                yield return Reason("not-on-sale", $"Article {line.Sku} is not on sale.", $"/lines/{i}/sku");
            if (line.Quantity <= 0)
                yield return Reason("quantity-not-positive", $"A quantity of {line.Quantity} cannot be delivered.", $"/lines/{i}/quantity");
            else if (article is { IsOnSale: true, Available: { } available })
            {
                var inAll = wanted[line.Sku] = wanted.GetValueOrDefault(line.Sku) + line.Quantity;
                if (inAll > available)
                {
                    var left = available <= LargestStockShown ? $"{available} are" : "Fewer than that are";
                    yield return Reason("not-enough-stock", $"{inAll} pieces of article {line.Sku} are wanted. {left} left.", $"/lines/{i}/quantity");
                }
            }
        }
    }

    private static IEnumerable<RejectionReason> CouponFaults(GetOrderDetails order, Coupon? coupon, int usesOfCustomer, decimal net, bool areLinesSound)
    {
        if (order.CouponCode is not { } code)
            yield break;
        if (coupon is null)
        {
            yield return Reason("unknown-coupon", $"There is no coupon {code}.", "/couponCode");
            yield break;
        }

        if (order.SubmittedAt < coupon.ValidFrom || order.SubmittedAt >= coupon.ValidUntil)
            yield return Reason("expired-coupon", $"Coupon {code} was not valid when the order was placed.", "/couponCode");
        if (areLinesSound && net < coupon.MinimumNet)
            yield return Reason("minimum-not-reached", string.Create(CultureInfo.InvariantCulture, $"Coupon {code} needs an order of at least {coupon.MinimumNet:0.00} net."), "/couponCode");
        if (coupon.Uses >= coupon.MostUses)
            yield return Reason("exhausted-coupon", $"Coupon {code} has no uses left.", "/couponCode");
        else if (usesOfCustomer >= coupon.MostUsesPerCustomer)
            yield return Reason("coupon-already-used", $"Customer {order.CustomerNumber} has used coupon {code} as often as one customer may.", "/couponCode");
    }

    /// <summary>Why nothing of an order is taxed here, by what the customer is; null if it is.</summary>
    private static string? CategoryOf(Customer? customer, SellerOptions seller) => customer switch
    {
        null => null,
        _ when customer.Country == seller.Country || !VatId.IsUnion(seller.Country) => null,
        // Goods that leave the Union, whoever buys them (Directive 2006/112/EC, art. 146).
        _ when !VatId.IsUnion(customer.Country) => "G",
        // A business in another member state, known to the tax authority of one that is not the seller's (art. 138).
        { VatId: { Length: > 0 } vatId } when VatId.CountryOf(vatId) != seller.Country => "K",
        _ => null,
    };

    /// <param name="untaxed">Instead of the article's own category.</param>
    private static PricedLine Price(OrderLine line, Article article, string? untaxed, string currency) => new()
    {
        Sku = article.Sku,
        Name = article.Name,
        Quantity = line.Quantity,
        UnitPrice = article.Price,
        VatCategory = untaxed ?? article.VatCategory,
        VatRate = untaxed is null ? article.VatRate : 0m,
        NetAmount = Currency.Round(line.Quantity * article.Price, currency),
    };

    /// <summary>Never more than there is to pay.</summary>
    private static decimal Allowance(Coupon? coupon, decimal net, string currency) => coupon switch
    {
        { Percent: { } percent } => Currency.Round(net * percent / 100m, currency),
        { Amount: { } amount } => Math.Min(Currency.Round(amount, currency), net),
        _ => 0m,
    };

    private static decimal Shipping(Coupon? coupon, SellerOptions seller) => coupon is { FreeShipping: true } ? 0m : seller.Shipping;

    private static RejectionReason Reason(string code, string text, string pointer) => new() { Code = code, Text = text, Pointer = pointer };
}
