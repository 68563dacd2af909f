using System.Diagnostics;
using System.Diagnostics.Metrics;
using MassTransit.Logging;
using OpenTelemetry;

namespace Orafo.ServiceDefaults;

/// <summary>Makes all spans say which order they belong to, and those of messages, commands and calls what OpenTelemetry's semantic conventions ask for (1.30 and later).</summary>
/// <remarks>
/// MassTransit 8.5 follows older conventions and writes the addresses of everything. A message that waits in the outbox is created (<c>create</c>) and sent
/// later (<c>send</c>): two spans, as the conventions have it.
/// </remarks>
internal sealed class SpanConventions : BaseProcessor<Activity>
{
    /// <summary>To be compared with what arrives: an exporter drops what it has no room for.</summary>
    private static readonly Counter<long> Ended = new Meter("Orafo.ServiceDefaults").CreateCounter<long>("orafo.spans", "{span}", "Ended and given to the exporter.");

    private const string ErrorType = "error.type";
    private const string Operation = "messaging.operation";
    private const string CorrelationId = "messaging.masstransit.correlation_id";
    private const string MessageId = "messaging.masstransit.message_id";
    private const string DestinationAddress = "messaging.masstransit.destination_address";
    private const string Destination = "messaging.destination.name";

    /// <summary>What else is said elsewhere, or nobody asks for.</summary>
    private static readonly string[] Superfluous =
    [
        Operation, CorrelationId, MessageId, DestinationAddress, "messaging.masstransit.source_address", "messaging.masstransit.input_address",
        "messaging.masstransit.message_types", "messaging.masstransit.saga_id", "peer.address",
    ];

    public override void OnStart(Activity data)
    {
        if (!data.IsAllDataRequested || data.GetTagItem(OrderSpan.Id) is not null)
            return;
        // An order's id is the correlation id of its messages.
        if (data.GetTagItem(CorrelationId) is string correlated)
            OrderSpan.Mark(data, correlated);
        else if (data.Parent?.GetTagItem(OrderSpan.Id) is { } order)
            data.SetTag(OrderSpan.Id, order);
    }

    public override void OnEnd(Activity data)
    {
        if (!data.IsAllDataRequested)
            return;
        if (data.Recorded)
            Ended.Add(1);
        if (data.Status == ActivityStatusCode.Error && data.GetTagItem(ErrorType) is null)
            data.SetTag(ErrorType, ExceptionOf(data) ?? "_OTHER");
        if (data.Source.Name == DiagnosticHeaders.DefaultListenerName)
            Describe(data);
        else if (data.GetTagItem("db.namespace") is string database)
            data.DisplayName = database;
        // Path and query may hold what lets in whoever knows it: a client's address for its callbacks.
        else if (data.Kind == ActivityKind.Client && data.GetTagItem("url.full") is string url && Uri.TryCreate(url, UriKind.Absolute, out var address))
            data.SetTag("url.full", address.GetLeftPart(UriPartial.Authority));
    }

    private static void Describe(Activity span)
    {
        var operation = span.OperationName == "outbox send" ? "create" : span.GetTagItem(Operation) as string;
        if (operation is null)
            return;
        var destination = span.GetTagItem(Destination) as string ?? NameIn(span.GetTagItem(DestinationAddress) as string);
        span.SetTag("messaging.system", "rabbitmq").SetTag("messaging.operation.name", operation).SetTag("messaging.operation.type", operation);
        if (destination is not null)
            span.SetTag(Destination, destination);
        if (span.GetTagItem(MessageId) is { } message)
            span.SetTag("messaging.message.id", message);
        foreach (var tag in Superfluous)
            span.SetTag(tag, null);
        span.DisplayName = $"{operation} {destination}";
    }

    private static string? ExceptionOf(Activity span)
    {
        foreach (var happened in span.EnumerateEvents())
        {
            foreach (var (name, value) in happened.EnumerateTagObjects())
            {
                if (name == "exception.type")
                    return value as string;
            }
        }

        return null;
    }

    /// <summary>The exchange in an address, named like the message: <c>rabbitmq://host/virtual-host/exchange?options</c>.</summary>
    private static string? NameIn(string? address)
    {
        if (address is null)
            return null;
        var path = address.AsSpan();
        if (path.IndexOf('?') is >= 0 and var end)
            path = path[..end];
        return path[(path.LastIndexOf('/') + 1)..].ToString();
    }
}
