using System.Diagnostics;
using MassTransit.Logging;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Trace context and baggage in a message's headers (W3C Trace Context, W3C Baggage), beyond what MassTransit carries.</summary>
/// <remarks>
/// MassTransit 8.5 writes a span's id only if it made the span, so a trace that is not sampled would begin anew at the next consumer;
/// it does not carry the trace state, and nobody reads the baggage that it carries.
/// </remarks>
internal static class TraceHeaders
{
    private const string State = "tracestate";
    private const string Baggage = "baggage";

    /// <summary>What the current span has to say to whoever consumes the message.</summary>
    public static void Write(SendContext context)
    {
        if (Activity.Current is not { IdFormat: ActivityIdFormat.W3C } span)
            return;
        context.Headers.Set(DiagnosticHeaders.ActivityId, span.Id);
        if (span.TraceStateString is { Length: > 0 } state)
            context.Headers.Set(State, state);
        // The ids that MassTransit adds are in the message anyway.
        var baggage = span.Baggage.Where(item => item.Key is not (DiagnosticHeaders.CorrelationId or DiagnosticHeaders.Messaging.ConversationId));
        var members = string.Join(',', baggage.Select(item => Uri.EscapeDataString(item.Key) + '=' + Uri.EscapeDataString(item.Value ?? "")));
        if (members.Length > 0)
            context.Headers.Set(Baggage, members);
    }

    /// <summary>Gives it to the current span, the one of the delivery.</summary>
    public static void Restore(ConsumeContext context)
    {
        if (Activity.Current is not { } span)
            return;
        if (span.TraceStateString is null && context.Headers.Get<string>(State) is { } state)
            span.TraceStateString = state;
        if (context.Headers.Get<string>(Baggage) is not { } baggage)
            return;
        // Those that were added last come first.
        foreach (var member in baggage.Split(',').Reverse())
        {
            // What follows a semicolon are properties, for which a span has no place.
            if (member.Split(';')[0].Split('=', 2) is [var name, var value] && span.GetBaggageItem(Uri.UnescapeDataString(name.Trim())) is null)
                span.AddBaggage(Uri.UnescapeDataString(name.Trim()), Uri.UnescapeDataString(value.Trim()));
        }
    }
}
