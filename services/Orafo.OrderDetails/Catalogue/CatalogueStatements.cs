using MassTransit;

namespace Orafo.OrderDetails.Catalogue;

/// <summary>The SQL of the catalogue.</summary>
internal static class CatalogueStatements
{
    /// <summary>Uses a coupon. No row: its uses are exhausted. The row's lock decides between two orders that want the last one.</summary>
    public const string UseCoupon = IndependentQuery.Mark + "\nupdate coupons set uses = uses + 1 where code = {0} and (most_uses is null or uses < most_uses)";

    /// <summary>Two instances that start at once load the catalogue one after the other.</summary>
    public const string LockForLoading = "lock table articles in share row exclusive mode";
}
