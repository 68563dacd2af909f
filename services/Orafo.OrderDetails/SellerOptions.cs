using System.ComponentModel.DataAnnotations;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails;

/// <summary>Configuration section <c>Seller</c>.</summary>
public sealed class SellerOptions : IValidatableObject
{
    /// <summary>ISO 3166-1 alpha-2. A business with a VAT id in another member state buys intra-community (category K).</summary>
    [Required, RegularExpression("^[A-Z]{2}$")]
    public string Country { get; set; } = "IT";

    /// <summary>ISO 4217; the catalogue's prices are in it.</summary>
    [Required, RegularExpression("^[A-Z]{3}$")]
    public string Currency { get; set; } = "EUR";

    /// <summary>What the shipping of an order costs, whatever is in it: net, in <see cref="Currency"/>.</summary>
    [Range(typeof(decimal), "0", "999999999999", ParseLimitsInInvariantCulture = true, ErrorMessage = "Seller:Shipping is not negative, and below 10^12.")]
    public decimal Shipping { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (ServiceDefaults.Currency.Round(Shipping, Currency) != Shipping)
            yield return new($"Seller:Shipping has at most {ServiceDefaults.Currency.Decimals(Currency)} decimals, as amounts in {Currency} have.", [nameof(Shipping)]);
    }
}
