using System.Diagnostics;
using MassTransit.Logging;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>What is done for several messages at once, as a span: it belongs to no trace of theirs, and is linked with all of them.</summary>
/// <remarks>If none of them is sampled, neither is it. What is done meanwhile hangs on it, or on nothing: never on whichever message came first.</remarks>
internal static class SharedSpan
{
    private const string Relay = "outbox relay";
    private const string Transaction = "shared transaction";
    private static readonly ActivitySource Source = new(PersistenceMeter.Name);

    /// <summary>The span of the relay's batch, if the caller works for one.</summary>
    public static ActivityContext? CurrentRelay => Activity.Current is { OperationName: Relay } span && span.Source == Source ? span.Context : null;

    /// <summary>A batch of the relay.</summary>
    /// <returns>Null if nobody listens.</returns>
    public static Activity? OfRelay(List<StoredMessage> messages) =>
        Source.HasListeners() ? Start(Relay, messages.Select(LinkOf).OfType<ActivityLink>().Distinct(), messages.Count) : null;

    /// <summary>A transaction of several deliveries, each of which is linked with it, too. That of a single one is a part of that one's trace.</summary>
    /// <returns>Null for a single one, or if nobody listens.</returns>
    public static Activity? OfTransaction<TDbContext>(Delivery<TDbContext>[] deliveries) where TDbContext : DbContext
    {
        if (deliveries is [{ Span: var only }])
        {
            Activity.Current = only;
            return null;
        }

        var spans = deliveries.Select(delivery => delivery.Span).OfType<Activity>().ToArray();
        var shared = Start(Transaction, spans.Select(span => new ActivityLink(span.Context)), deliveries.Length);
        if (shared is null)
            return null;
        var link = new ActivityLink(shared.Context);
        foreach (var span in spans)
            span.AddLink(link);
        return shared;
    }

    private static Activity? Start(string name, IEnumerable<ActivityLink> links, int messages)
    {
        Activity.Current = null;
        ActivityLink[] sampled = [.. links.Where(link => link.Context.TraceFlags.HasFlag(ActivityTraceFlags.Recorded))];
        return sampled.Length == 0
            ? null
            : Source.StartActivity(ActivityKind.Internal, parentContext: default, links: sampled, name: name)?.SetTag("messaging.batch.message_count", messages);
    }

    private static ActivityLink? LinkOf(StoredMessage message) =>
        ActivityContext.TryParse(message.Headers.Get<string>(DiagnosticHeaders.ActivityId), null, out var span) ? new ActivityLink(span) : null;
}
