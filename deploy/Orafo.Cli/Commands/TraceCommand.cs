using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Mesh;
using Orafo.Cli.Tracing;

namespace Orafo.Cli.Commands;

/// <summary><c>trace</c>: the journey of an order through all services, as the spans tell it that <c>up</c> collects.</summary>
internal static class TraceCommand
{
    private const string Jaeger = "JAEGER_URL";

    /// <param name="data">The mesh; it need not run.</param>
    /// <param name="order">The order's id.</param>
    /// <param name="json">Where the traces go for Jaeger's UI, besides the screen.</param>
    /// <exception cref="OrafoException">Nothing is known of the order.</exception>
    public static async Task<int> RunAsync(DataDirectory data, Guid order, string? json, CancellationToken stop)
    {
        if (MeshState.Load(data) is { TracesTo: { } elsewhere })
            return await Elsewhere(data, order, elsewhere, stop);
        var traces = TraceStore.OfOrder(data.Traces, order).GroupBy(span => span.TraceId).Select(trace => trace.ToList()).OrderBy(trace => trace.Min(span => span.Start)).ToList();
        // Requests that only look have a trace each.
        var journeys = traces.FindAll(trace => trace.Exists(
            span => span.Kind is SpanKind.Producer or SpanKind.Consumer || (span.Kind == SpanKind.Server && span.Attributes.GetValueOrDefault("http.request.method") is not ("GET" or "HEAD"))));
        if (journeys.Count == 0)
            throw new OrafoException($"No span of order {order} has been collected. They come a second after they end, and go when newer ones need the room; and the id may be another one.");
        foreach (var journey in journeys)
        {
            Console.WriteLine($"Trace {journey[0].TraceId}: {journey.Count} spans, {TraceTree.Duration(journey)}{Link(journey[0].TraceId)}");
            foreach (var line in TraceTree.Of(journey))
                Console.WriteLine(line);
            Console.WriteLine();
        }

        if (traces.Count > journeys.Count)
            Console.WriteLine($"And {traces.Count - journeys.Count} requests that only looked at it.");
        if (json is not null)
        {
            await File.WriteAllTextAsync(json, JaegerJson.Of(journeys), stop);
            Console.WriteLine($"{json} is for Jaeger's UI: Search, Upload.");
        }

        return 0;
    }

    /// <summary>The services export to somebody else. Which traces they are, the order's timeline says.</summary>
    private static async Task<int> Elsewhere(DataDirectory data, Guid order, string elsewhere, CancellationToken stop)
    {
        using var intake = Intake.Connect(data);
        using var answer = await intake.GetAsync(new Uri($"orders/{order}", UriKind.Relative), stop);
        if (!answer.IsSuccessStatusCode)
            throw new OrafoException($"The intake answers {(int)answer.StatusCode} to the question for order {order}.");
        var status = await answer.Content.ReadFromJsonAsync<JsonElement>(stop);
        Console.WriteLine($"The services export their spans to {elsewhere}. The order's traces:");
        foreach (var trace in status.GetProperty("timeline").EnumerateArray()
            .Select(transition => transition.TryGetProperty("traceId", out var id) ? id.GetString() : null).OfType<string>().Distinct(StringComparer.Ordinal))
            Console.WriteLine($"  {trace}{Link(trace)}");
        return 0;
    }

    private static string Link(string trace) =>
        Environment.GetEnvironmentVariable(Jaeger) is { Length: > 0 } jaeger ? $"  {jaeger.TrimEnd('/')}/trace/{trace}" : "";
}
