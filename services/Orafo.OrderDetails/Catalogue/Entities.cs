using Orafo.Contracts;

namespace Orafo.OrderDetails.Catalogue;

/// <summary>What the shop sells.</summary>
public sealed class Article
{
    public required string Sku { get; init; }
    public required string Name { get; init; }

    /// <summary>Net, of one piece.</summary>
    public required decimal Price { get; init; }

    /// <summary>UNTDID 5305, at home.</summary>
    public required string VatCategory { get; init; }

    /// <summary>Per cent, at home.</summary>
    public required decimal VatRate { get; init; }

    /// <summary>Pieces on the shelf. Nothing reserves them yet.</summary>
    public required int Stock { get; init; }
}

/// <summary>Who may order.</summary>
public sealed class Customer
{
    public required string Number { get; init; }

    [PersonalData]
    public required string Name { get; init; }

    [PersonalData]
    public required string Street { get; init; }

    [PersonalData]
    public required string PostalCode { get; init; }

    [PersonalData]
    public required string City { get; init; }

    /// <summary>ISO 3166-1 alpha-2.</summary>
    public required string Country { get; init; }

    [PersonalData]
    public string? VatId { get; init; }

    /// <summary>Orders of a blocked customer are rejected.</summary>
    public required bool IsBlocked { get; init; }

    public Party ToParty() => new() { Name = Name, Street = Street, PostalCode = PostalCode, City = City, Country = Country, VatId = VatId };
}

/// <summary>A document-level allowance (EN 16931 BG-20): either per cent or an amount.</summary>
public sealed class Coupon
{
    public required string Code { get; init; }
    public decimal? Percent { get; init; }

    /// <summary>Net.</summary>
    public decimal? Amount { get; init; }

    public required DateTimeOffset ValidFrom { get; init; }
    public required DateTimeOffset ValidUntil { get; init; }

    /// <summary>The lines' net sum must reach it.</summary>
    public required decimal MinimumNet { get; init; }

    /// <summary>Null: without limit.</summary>
    public int? MostUses { get; init; }

    public int Uses { get; init; }
}

/// <summary>An order used a coupon; at most once.</summary>
public sealed class CouponRedemption
{
    public required string CouponCode { get; init; }
    public required Guid OrderId { get; init; }
}
