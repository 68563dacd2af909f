using System.Collections.Concurrent;
using Orafo.Cli.Servers;
using Orafo.Cli.Tracing;

namespace Orafo.Testing;

/// <summary>Takes what the services of a mesh export, over OTLP.</summary>
public sealed class SpanCollector : IAsyncDisposable
{
    private readonly ConcurrentQueue<byte[]> _requests = [];
    private readonly ConcurrentQueue<Span> _spans = [];
    private readonly ConcurrentDictionary<string, int> _metrics = new(StringComparer.Ordinal);
    private readonly OtlpReceiver _receiver;

    public SpanCollector() => _receiver = OtlpReceiver.Start(
        request =>
        {
            _requests.Enqueue(request);
            foreach (var span in Span.ReadAll(request))
                _spans.Enqueue(span);
        },
        request =>
        {
            _requests.Enqueue(request);
            foreach (var service in Services.Where(service => request.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(service)) >= 0))
                _metrics.AddOrUpdate(service, 1, (_, before) => before + 1);
        },
        // Whoever exports to the usual one does not mean us.
        Ports.Free());

    /// <summary>By their names in spans and metrics.</summary>
    public static IReadOnlyList<string> Services { get; } = ["Orafo.Ordering", "Orafo.OrderDetails", "Orafo.Invoicing", "Orafo.HandOver"];

    public string Url => _receiver.Url;

    /// <summary>Environment variables of a mesh that exports here, sooner than usual.</summary>
    public Dictionary<string, string?> Settings => new(_receiver.Environment, StringComparer.Ordinal)
    {
        ["OTEL_BSP_SCHEDULE_DELAY"] = "100",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "2000",
    };

    /// <summary>All that have come.</summary>
    public IReadOnlyList<Span> Spans => [.. _spans];

    /// <summary>All requests as they came, metrics included.</summary>
    public IReadOnlyList<byte[]> Requests => [.. _requests];

    /// <summary>How often each service has exported its metrics.</summary>
    public IReadOnlyDictionary<string, int> Exports => _metrics;

    /// <summary>The spans that hang on none that has come.</summary>
    public static IReadOnlyList<Span> Orphans(IReadOnlyList<Span> trace)
    {
        var known = trace.Select(span => span.SpanId).ToHashSet(StringComparer.Ordinal);
        return [.. trace.Where(span => span.ParentSpanId is { } parent && !known.Contains(parent))];
    }

    /// <summary>The trace that began with the request that placed an order, once its last span has come and all that hang on others do.</summary>
    /// <param name="order">Its id.</param>
    /// <param name="last">Whether a span is the last one.</param>
    public Task<IReadOnlyList<Span>> TraceOf(Guid order, Predicate<Span> last) =>
        Trace(span => span is { Kind: SpanKind.Server, ParentSpanId: null } && span.Order == order.ToString() && span.Attributes.GetValueOrDefault("url.path") is "/orders", last);

    /// <summary>The trace with a span of a kind, once its last one has come and all that hang on others do.</summary>
    public async Task<IReadOnlyList<Span>> Trace(Predicate<Span> of, Predicate<Span> last)
    {
        IReadOnlyList<Span> trace = [];
        try
        {
            await Eventually.Holds(
                () =>
                {
                    var spans = Spans;
                    trace = spans.FirstOrDefault(span => of(span)) is { } known ? [.. spans.Where(span => span.TraceId == known.TraceId)] : [];
                    return trace.Any(span => last(span)) && Orphans(trace).Count == 0;
                }, "all spans of the trace have come");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}\n{Show(trace)}", e);
        }

        return trace;
    }

    /// <summary>As <c>./orafo trace</c> shows it.</summary>
    public static string Show(IReadOnlyList<Span> trace) => trace.Count == 0 ? "No span." : string.Join('\n', TraceTree.Of(trace));

    public ValueTask DisposeAsync() => _receiver.DisposeAsync();
}
