using System.Text.Json.Serialization;
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

    /// <summary>All pieces that ever were there to be ordered, those that orders have taken included. Null: not counted.</summary>
    public required int? Stock { get; init; }

    /// <summary>Otherwise orders for it are rejected.</summary>
    public bool IsOnSale { get; init; } = true;

    /// <summary>Pieces of <see cref="Stock"/> that orders have taken and not given back. Only orders change it.</summary>
    [JsonIgnore]
    public int Taken { get; set; }

    /// <summary>Null: as many as anybody wants.</summary>
    [JsonIgnore]
    public int? Available => Stock - Taken;
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

/// <summary>Either per cent or an amount, which are a document-level allowance (EN 16931 BG-20), or no charge for shipping (BG-21): one of the three.</summary>
public sealed class Coupon
{
    public required string Code { get; init; }
    public decimal? Percent { get; init; }

    /// <summary>Net.</summary>
    public decimal? Amount { get; init; }

    public bool FreeShipping { get; init; }

    public required DateTimeOffset ValidFrom { get; init; }
    public required DateTimeOffset ValidUntil { get; init; }

    /// <summary>The lines' net sum must reach it.</summary>
    public required decimal MinimumNet { get; init; }

    /// <summary>Null: without limit.</summary>
    public int? MostUses { get; init; }

    /// <summary>Null: without limit.</summary>
    public int? MostUsesPerCustomer { get; init; }

    /// <summary>By orders that have not given it back. Only orders change it.</summary>
    [JsonIgnore]
    public int Uses { get; set; }
}
