using System.Diagnostics;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>What is special about a delivery, as events of its span.</summary>
internal static class DeliveryEvents
{
    /// <summary>It comes again, or not for the first time.</summary>
    public static void Began(ConsumeContext context)
    {
        if (Activity.Current is not { IsAllDataRequested: true } span)
            return;
        if (context.ReceiveContext.Redelivered)
            span.AddEvent(new ActivityEvent("message redelivered"));
        if (context.GetRetryAttempt() is > 0 and var retry)
            span.AddEvent(new ActivityEvent("message retried", tags: new() { ["orafo.retry"] = retry }));
    }

    /// <summary>Its message was consumed before: nothing is done.</summary>
    public static void IsDuplicate()
    {
        if (Activity.Current is { IsAllDataRequested: true } span)
            span.AddEvent(new ActivityEvent("duplicate dropped"));
    }
}
