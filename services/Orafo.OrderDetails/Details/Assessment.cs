using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails.Details;

/// <summary>What becomes of an order: lines and sums, or every reason why not. Pure: it decides over what was looked up.</summary>
public sealed record Assessment(IReadOnlyList<PricedLine> Lines, OrderTotals? Totals, IReadOnlyList<RejectionReason> Reasons)
{
    /// <summary>The member states of the European Union, ISO 3166-1.</summary>
    private static readonly HashSet<string> Union =
    [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ];

    public bool IsAccepted => Reasons.Count == 0;

    public static Assessment Of(GetOrderDetails order, IReadOnlyDictionary<string, Article> articles, Customer? customer, Coupon? coupon, SellerOptions seller)
    {
        List<RejectionReason> reasons = [.. CustomerFaults(order, customer), .. LineFaults(order, articles)];
        var untaxed = CategoryOf(customer, seller);
        PricedLine[] lines =
        [
            .. from line in order.Lines
               where line.Quantity > 0
               let article = articles.GetValueOrDefault(line.Sku)
               where article is not null
               select Price(line, article, untaxed, seller.Currency),
        ];
        var net = lines.Sum(line => line.NetAmount);
        reasons.AddRange(CouponFaults(order, coupon, net, areLinesSound: lines.Length == order.Lines.Count));
        return reasons.Count > 0
            ? new Assessment([], null, reasons)
            : new Assessment(lines, Details.Totals.Of(seller.Currency, lines, Allowance(coupon, net, seller.Currency)), []);
    }

    /// <summary>The reason that shows only when the coupon is taken: another order was quicker.</summary>
    public static RejectionReason ExhaustedCoupon(string code) => Reason("exhausted-coupon", $"Coupon {code} has no uses left.", "/couponCode");

    private static IEnumerable<RejectionReason> CustomerFaults(GetOrderDetails order, Customer? customer)
    {
        if (customer is null)
            yield return Reason("unknown-customer", $"There is no customer {order.CustomerNumber}.", "/customerNumber");
        else if (customer.IsBlocked)
            yield return Reason("blocked-customer", $"Customer {order.CustomerNumber} is blocked.", "/customerNumber");
    }

    private static IEnumerable<RejectionReason> LineFaults(GetOrderDetails order, IReadOnlyDictionary<string, Article> articles)
    {
        for (var i = 0; i < order.Lines.Count; i++)
        {
            if (!articles.ContainsKey(order.Lines[i].Sku))
                yield return Reason("unknown-article", $"There is no article {order.Lines[i].Sku}.", $"/lines/{i}/sku");
            if (order.Lines[i].Quantity <= 0)
                yield return Reason("quantity-not-positive", $"A quantity of {order.Lines[i].Quantity} cannot be delivered.", $"/lines/{i}/quantity");
        }
    }

    private static IEnumerable<RejectionReason> CouponFaults(GetOrderDetails order, Coupon? coupon, decimal net, bool areLinesSound)
    {
        if (order.CouponCode is not { } code)
            yield break;
        if (coupon is null)
            yield return Reason("unknown-coupon", $"There is no coupon {code}.", "/couponCode");
        else if (order.SubmittedAt < coupon.ValidFrom || order.SubmittedAt >= coupon.ValidUntil)
            yield return Reason("expired-coupon", $"Coupon {code} was not valid when the order was placed.", "/couponCode");
        else if (areLinesSound && net < coupon.MinimumNet)
            yield return Reason("minimum-not-reached", $"Coupon {code} needs an order of at least {coupon.MinimumNet:0.00} net.", "/couponCode");
    }

    /// <summary>Why nothing of an order is taxed here, by what the customer is; null if it is.</summary>
    private static string? CategoryOf(Customer? customer, SellerOptions seller) => customer switch
    {
        null => null,
        _ when customer.Country == seller.Country || !Union.Contains(seller.Country) => null,
        // Goods that leave the Union, whoever buys them (Directive 2006/112/EC, art. 146).
        _ when !Union.Contains(customer.Country) => "G",
        // A business in another member state (art. 138).
        { VatId: { Length: > 0 } } => "K",
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

    private static RejectionReason Reason(string code, string text, string pointer) => new() { Code = code, Text = text, Pointer = pointer };
}
