namespace Orafo.HandOver;

/// <summary>What consumers and jobs say.</summary>
internal static partial class HandOverLog
{
    [LoggerMessage(LogLevel.Information, "Order {OrderId} is handed over")]
    public static partial void HandedOver(ILogger logger, Guid orderId);

    [LoggerMessage(LogLevel.Debug, "Order {OrderId} is {State} and is not handed over")]
    public static partial void NotHandedOver(ILogger logger, Guid orderId, string state);

    [LoggerMessage(LogLevel.Debug, "Order {OrderId} is recalled before it was to be handed over, and will not be")]
    public static partial void RecalledBefore(ILogger logger, Guid orderId);
}
