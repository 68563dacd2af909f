namespace Orafo.OrderDetails;

/// <summary>What the service says.</summary>
internal static partial class OrderDetailsLog
{
    [LoggerMessage(LogLevel.Information, "Order {OrderId} is {Outcome}")]
    public static partial void Prepared(ILogger logger, Guid orderId, string outcome);

    [LoggerMessage(LogLevel.Debug, "Order {OrderId} was cancelled, and takes nothing")]
    public static partial void TakesNothing(ILogger logger, Guid orderId);

    [LoggerMessage(LogLevel.Debug, "Order {OrderId} holds nothing")]
    public static partial void HoldsNothing(ILogger logger, Guid orderId);

    [LoggerMessage(LogLevel.Information, "Loaded {Articles} articles, {Customers} customers and {Coupons} coupons from {Directory}")]
    public static partial void Loaded(ILogger logger, int articles, int customers, int coupons, string directory);
}
