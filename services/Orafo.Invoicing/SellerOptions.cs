using System.ComponentModel.DataAnnotations;
using Orafo.Invoicing.Documents;

namespace Orafo.Invoicing;

/// <summary>Configuration section <c>Seller</c>.</summary>
public sealed class SellerOptions
{
    private readonly Lazy<Seller> _details;

    public SellerOptions() => _details = new(() => new()
    {
        Name = Name,
        Street = Street,
        PostalCode = PostalCode,
        City = City,
        Country = Country,
        VatId = VatId,
        Phone = Phone,
        Email = Email,
        Iban = Documents.Iban.Compact(Iban),
        Bic = string.IsNullOrEmpty(Bic) ? null : Bic,
        AccountName = string.IsNullOrEmpty(AccountName) ? Name : AccountName,
        PaymentDays = PaymentDays,
        ExemptionReason = ExemptionReason,
    });

    /// <summary>IANA name. The issue date and the series' year are those of the seller's time zone.</summary>
    [Required]
    public string TimeZone { get; set; } = "Europe/Rome";

    /// <summary>BT-27.</summary>
    [Required]
    public string Name { get; set; } = "";

    /// <summary>BT-35.</summary>
    [Required]
    public string Street { get; set; } = "";

    /// <summary>BT-38.</summary>
    [Required]
    public string PostalCode { get; set; } = "";

    /// <summary>BT-37.</summary>
    [Required]
    public string City { get; set; } = "";

    /// <summary>BT-40, ISO 3166-1 alpha-2.</summary>
    [Required, RegularExpression("^[A-Z]{2}$")]
    public string Country { get; set; } = "";

    /// <summary>BT-31, with its country prefix (BR-CO-09).</summary>
    [Required, RegularExpression("^[A-Z]{2}[0-9A-Z+*]{2,13}$")]
    public string VatId { get; set; } = "";

    /// <summary>BT-42.</summary>
    [Required]
    public string Phone { get; set; } = "";

    /// <summary>BT-43.</summary>
    [Required, EmailAddress]
    public string Email { get; set; } = "";

    /// <summary>BT-84, ISO 13616; spaces do not count.</summary>
    [Required, Iban]
    public string Iban { get; set; } = "";

    /// <summary>BT-86, ISO 9362. Within SEPA the IBAN is enough.</summary>
    [RegularExpression("^([A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?)?$")]
    public string? Bic { get; set; }

    /// <summary>BT-85; the seller's name if it is left out.</summary>
    public string? AccountName { get; set; }

    /// <summary>From the issue date to the due date (BT-9).</summary>
    [Range(0, 365)]
    public int PaymentDays { get; set; } = 14;

    /// <summary>BT-120 of supplies of category E: the provision that exempts them (Directive 2006/112/EC, art. 226(11)).</summary>
    [Required]
    public string ExemptionReason { get; set; } = "Exempt from VAT, Directive 2006/112/EC, Title IX";

    /// <summary>As an invoice keeps them. They are read once.</summary>
    public Seller Details => _details.Value;

    public DateOnly DateAt(DateTimeOffset instant) =>
        DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(instant, TimeZoneInfo.FindSystemTimeZoneById(TimeZone)).DateTime);
}

/// <summary>The seller as he was when an invoice was issued (EN 16931 BG-4, BG-17).</summary>
public sealed record Seller
{
    public required string Name { get; init; }
    public required string Street { get; init; }
    public required string PostalCode { get; init; }
    public required string City { get; init; }

    /// <summary>ISO 3166-1 alpha-2.</summary>
    public required string Country { get; init; }

    /// <summary>With its country prefix.</summary>
    public required string VatId { get; init; }

    public required string Phone { get; init; }
    public required string Email { get; init; }

    /// <summary>ISO 13616, without spaces.</summary>
    public required string Iban { get; init; }

    /// <summary>ISO 9362.</summary>
    public string? Bic { get; init; }

    public required string AccountName { get; init; }
    public required int PaymentDays { get; init; }
    public required string ExemptionReason { get; init; }
}
