namespace Orafo.HandOver.Migrations;

/// <summary>What <see cref="Shipping"/> does with the orders that are there.</summary>
internal static class ShippingStatements
{
    /// <summary>They were handed over when they were asked for; there was no carrier.</summary>
    public const string HandedOverAtOnce = "update hand_overs set state = 'handed-over', asked_at = handed_over_at";

    /// <summary>Before, whatever stood there was handed over: what was not is forgotten, so that a repeated command hands it over.</summary>
    public const string OnlyHandedOver = "delete from hand_overs where state <> 'handed-over'";
}
