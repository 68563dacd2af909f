using System.Text.Json.Serialization;

namespace Orafo.Contracts;

/// <summary>An amount in a currency (ISO 4217 code). Never floating point, never without its currency.</summary>
public sealed record Money(decimal Amount, string Currency);

/// <summary>What the customer wants of one article.</summary>
public sealed record OrderLine
{
    public required string Sku { get; init; }

    /// <summary>In pieces. The intake lets any integer pass; order details reject what is not positive.</summary>
    public required int Quantity { get; init; }
}

/// <summary>An order line with the catalogue's price and VAT (EN 16931 BG-25).</summary>
public sealed record PricedLine
{
    public required string Sku { get; init; }

    /// <summary>The article's name (BT-153).</summary>
    public required string Name { get; init; }

    public required int Quantity { get; init; }

    /// <summary>Net price of one piece (BT-146); may carry more decimals than the currency.</summary>
    public required decimal UnitPrice { get; init; }

    /// <summary>UNTDID 5305: S, Z, E, AE, K, G or O (BT-151).</summary>
    public required string VatCategory { get; init; }

    /// <summary>Per cent (BT-152).</summary>
    public required decimal VatRate { get; init; }

    /// <summary>Quantity × unit price, rounded to the currency's minor unit (BT-131).</summary>
    public required decimal NetAmount { get; init; }
}

/// <summary>What is taxed at one VAT category and rate, and the tax on it (BG-23).</summary>
public sealed record VatSubtotal
{
    public required string Category { get; init; }
    public required decimal Rate { get; init; }

    /// <summary>Its share of the charge for shipping, net (BT-99). 0 is not written, as in <see cref="OrderTotals.Charge"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public decimal Charge { get; init; }

    /// <summary>Its lines less its share of the allowance, and with its share of the charge (BT-116).</summary>
    public required decimal TaxableAmount { get; init; }

    /// <summary>Rounded once for the category, not per line (BT-117, BR-CO-17).</summary>
    public required decimal VatAmount { get; init; }
}

/// <summary>An order's sums, all in one currency (EN 16931 BG-22).</summary>
public sealed record OrderTotals
{
    /// <summary>ISO 4217.</summary>
    public required string Currency { get; init; }

    /// <summary>Sum of the lines' net amounts (BT-106).</summary>
    public required decimal LinesNet { get; init; }

    /// <summary>The coupon's worth, net (BT-107).</summary>
    public required decimal Allowance { get; init; }

    /// <summary>For shipping, net (BT-108).</summary>
    /// <remarks>0 is not written: the invoices' hash chain covers these sums as they are stored, and those from before there were charges have no such member.</remarks>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public decimal Charge { get; init; }

    /// <summary>Without VAT (BT-109).</summary>
    public required decimal Net { get; init; }

    /// <summary>BT-110.</summary>
    public required decimal Vat { get; init; }

    /// <summary>With VAT (BT-112): what the customer pays.</summary>
    public required decimal Gross { get; init; }

    public required IReadOnlyList<VatSubtotal> VatBreakdown { get; init; }
}

/// <summary>A customer's name and address, as the invoice (BG-7, BG-8) and the parcel need them.</summary>
[PersonalData]
public sealed record Party
{
    public required string Name { get; init; }
    public required string Street { get; init; }
    public required string PostalCode { get; init; }
    public required string City { get; init; }

    /// <summary>ISO 3166-1 alpha-2.</summary>
    public required string Country { get; init; }

    /// <summary>With its country prefix (BT-48); businesses only.</summary>
    public string? VatId { get; init; }
}

/// <summary>One reason why an order cannot be taken. An order carries all of them, not just the first.</summary>
public sealed record RejectionReason
{
    /// <summary>For programs: <c>unknown-article</c>, <c>quantity-not-positive</c>, <c>unknown-customer</c>, <c>blocked-customer</c>, …</summary>
    public required string Code { get; init; }

    /// <summary>For people; names articles and numbers, never personal data.</summary>
    public required string Text { get; init; }

    /// <summary>Where in the order, as a JSON pointer (RFC 6901), for example <c>/lines/2/quantity</c>.</summary>
    public string? Pointer { get; init; }
}
