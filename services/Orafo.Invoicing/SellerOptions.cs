using System.ComponentModel.DataAnnotations;

namespace Orafo.Invoicing;

/// <summary>Configuration section <c>Seller</c>.</summary>
public sealed class SellerOptions
{
    /// <summary>IANA name. The issue date and the series' year are those of the seller's time zone.</summary>
    [Required]
    public string TimeZone { get; set; } = "Europe/Rome";

    public DateOnly DateAt(DateTimeOffset instant) =>
        DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(instant, TimeZoneInfo.FindSystemTimeZoneById(TimeZone)).DateTime);
}
