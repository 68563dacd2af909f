namespace Orafo.Ordering.Migrations;

/// <summary>What <see cref="Callbacks"/> does with the orders that are there.</summary>
internal static class CallbackStatements
{
    /// <summary>Who placed them stands with the order only. Those that are over need it no more.</summary>
    public const string ClientsOfOrdersUnderWay =
        """
        update order_saga set client = orders.client
        from orders
        where orders.id = order_saga.correlation_id and orders.client <> '' and order_saga.current_state not in ('Completed', 'Rejected', 'Cancelled')
        """;
}
