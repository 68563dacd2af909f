using System.Diagnostics;
using MassTransit.Logging;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>A batch of the relay as a span: it belongs to no trace of a message, and is linked with all of them.</summary>
internal static class RelaySpan
{
    private static readonly ActivitySource Source = new(PersistenceMeter.Name);

    /// <summary>The relay's, if the caller works for one.</summary>
    public static ActivityContext? Current => Activity.Current is { } span && span.Source == Source ? span.Context : null;

    /// <returns>Null if nobody listens.</returns>
    public static Activity? Start(List<StoredMessage> messages)
    {
        if (!Source.HasListeners())
            return null;
        var links = messages.Select(LinkOf).OfType<ActivityLink>().Distinct();
        var span = Source.StartActivity(ActivityKind.Internal, parentContext: default, links: links, name: "outbox relay");
        return span?.SetTag("messaging.batch.message_count", messages.Count);
    }

    private static ActivityLink? LinkOf(StoredMessage message) =>
        ActivityContext.TryParse(message.Headers.Get<string>(DiagnosticHeaders.ActivityId), null, out var span) ? new ActivityLink(span) : null;
}
