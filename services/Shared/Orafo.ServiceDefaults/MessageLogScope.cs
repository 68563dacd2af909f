using System.Collections;
using System.Diagnostics;
using MassTransit;
using MassTransit.Logging;
using Microsoft.Extensions.Logging;

namespace Orafo.ServiceDefaults;

/// <summary>Has every line that is logged while a delivery is handled say its order, its message and its trace.</summary>
internal sealed class MessageLogFilter(ILogger<MessageLogFilter> logger) : IFilter<ReceiveContext>
{
    public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
    {
        using (logger.BeginScope(new MessageLogScope(context)))
            await next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("messageLog");
}

/// <summary>Which delivery is handled. Looked up when a line is written: of a delivery of which nothing is said, nothing is asked.</summary>
internal sealed class MessageLogScope(ReceiveContext delivery) : IReadOnlyList<KeyValuePair<string, object?>>
{
    /// <summary>What lines call it, those of jobs, too.</summary>
    public const string OrderId = "OrderId";

    /// <remarks>While there is a span, its trace is beside every line anyway (<see cref="Logs"/>).</remarks>
    public int Count => Activity.Current is null ? 3 : 2;

    /// <remarks>A message about an order is correlated by it. A trace that nobody listens to goes on in the headers.</remarks>
    public KeyValuePair<string, object?> this[int index] => index switch
    {
        0 => new(OrderId, delivery.GetCorrelationId()),
        1 => new("MessageId", delivery.GetMessageId()),
        2 => new("TraceId", TraceId),
        _ => throw new ArgumentOutOfRangeException(nameof(index)),
    };

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
    {
        for (var index = 0; index < Count; index++)
            yield return this[index];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => string.Join(' ', this.Where(item => item.Value is not null).Select(item => $"{item.Key}:{item.Value}"));

    private string? TraceId =>
        ActivityContext.TryParse(delivery.TransportHeaders.Get<string>(DiagnosticHeaders.ActivityId), null, out var span) ? span.TraceId.ToHexString() : null;
}
