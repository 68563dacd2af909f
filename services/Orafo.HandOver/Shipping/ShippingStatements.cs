namespace Orafo.HandOver.Shipping;

/// <summary>The SQL of shipping beside the queues' own; {0} … are parameters.</summary>
internal static class ShippingStatements
{
    /// <summary>The states of the bookings of the orders {0} that are not over.</summary>
    public const string BookingsOf = "select id, state from booking_job where id = any ({0})";

    /// <summary>The states of the recalls of the orders {0} that are not over.</summary>
    public const string RecallsOf = "select id, state from recall_job where id = any ({0})";
}
