namespace Orafo.Ordering.Monitoring;

/// <summary>What intake and saga say.</summary>
internal static partial class OrderingLog
{
    [LoggerMessage(LogLevel.Information, "Order {OrderId} is {State} after {Seconds:0.000} s")]
    public static partial void Ended(ILogger logger, Guid orderId, string state, double seconds);

    [LoggerMessage(LogLevel.Warning, "Order {OrderId} is suspended in {State}: {Reason}")]
    public static partial void Suspended(ILogger logger, Guid orderId, string state, string reason);

    [LoggerMessage(LogLevel.Warning, "{Orders} orders have waited too long for {Step}, since {Since:u} the first; they are asked for again, or suspended")]
    public static partial void Overdue(ILogger logger, int orders, string step, DateTimeOffset since);

    [LoggerMessage("Nobody can look now for steps that are overdue")]
    public static partial void OverdueUnknown(ILogger logger, LogLevel level, Exception e);

    [LoggerMessage("Nobody can look now which clients want to be called back")]
    public static partial void CallbacksUnknown(ILogger logger, LogLevel level, Exception e);

    [LoggerMessage(LogLevel.Debug, "Nobody can be told now how far an order is")]
    public static partial void NobodyTold(ILogger logger, Exception e);

    [LoggerMessage(LogLevel.Debug, "Orders cannot be counted now")]
    public static partial void NotCounted(ILogger logger, Exception e);

    [LoggerMessage(LogLevel.Debug, "Forgot {Count} idempotency keys")]
    public static partial void KeysForgotten(ILogger logger, int count);

    [LoggerMessage(LogLevel.Warning, "Idempotency keys cannot be forgotten now: {Error}")]
    public static partial void KeysNotForgotten(ILogger logger, string error);
}
