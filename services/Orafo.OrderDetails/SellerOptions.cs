using System.ComponentModel.DataAnnotations;

namespace Orafo.OrderDetails;

/// <summary>Configuration section <c>Seller</c>.</summary>
public sealed class SellerOptions
{
    /// <summary>ISO 3166-1 alpha-2. A business with a VAT id in another member state buys intra-community (category K).</summary>
    [Required, RegularExpression("^[A-Z]{2}$")]
    public string Country { get; set; } = "IT";

    /// <summary>ISO 4217; the catalogue's prices are in it.</summary>
    [Required, RegularExpression("^[A-Z]{3}$")]
    public string Currency { get; set; } = "EUR";
}
