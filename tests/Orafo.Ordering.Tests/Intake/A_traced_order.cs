using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Orafo.Cli.Tracing;
using Orafo.Testing;

namespace Orafo.Ordering.Tests.Intake;

/// <summary>Whether and how spans are exported is said by the standard variables (OpenTelemetry specification, SDK environment variables; W3C Trace Context).</summary>
public sealed class A_traced_order
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string SampledParent = $"00-{Trace}-00f067aa0ba902b7-01";
    private const string UnsampledParent = $"00-{Trace}-00f067aa0ba902b7-00";

    [TestCase("grpc"), TestCase("http/protobuf")]
    public async Task Is_exported_over(string protocol)
    {
        await using var wire = await OtlpOnAWire.Start(isGrpc: protocol == "grpc");
        var (order, _) = await Place(wire, parent: null, isSampled: true, ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=shop"));
        var own = wire.Spans.Where(span => span.Order == order.ToString()).ToArray();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(own.Select(span => span.Name), Does.Contain("POST /orders/").And.Contain("create GetOrderDetails"));
            Assert.That(own.Select(span => span.Service).Distinct(), Is.EqualTo(new[] { "Orafo.Ordering" }));
            Assert.That(wire.Tenants, Is.Not.Empty.And.All.EqualTo("shop"));
        }
    }

    [TestCase("always_on", null, null, true)]
    [TestCase("always_off", null, null, false)]
    [TestCase("always_off", null, SampledParent, false)]
    [TestCase("parentbased_traceidratio", "0", null, false)]
    [TestCase("parentbased_traceidratio", "1", null, true)]
    [TestCase("parentbased_traceidratio", "0", SampledParent, true)]
    [TestCase("parentbased_traceidratio", "1", UnsampledParent, false)]
    [TestCase(null, null, null, true)]
    [TestCase(null, null, UnsampledParent, false)]
    public async Task Is_sampled_as_the_sampler_says(string? sampler, string? argument, string? parent, bool isSampled)
    {
        await using var wire = await OtlpOnAWire.Start(isGrpc: false);
        (string, string)[] settings = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
        if (sampler is not null)
            settings = [.. settings, ("OTEL_TRACES_SAMPLER", sampler)];
        if (argument is not null)
            settings = [.. settings, ("OTEL_TRACES_SAMPLER_ARG", argument)];
        var (order, trace) = await Place(wire, parent, isSampled, settings);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(wire.Spans.Any(span => span.Order == order.ToString()), Is.EqualTo(isSampled));
            // What hangs on nothing sampled is not sampled for itself: commands, messages, what is shared.
            Assert.That(wire.Spans.Any(span => span.TraceId == trace), Is.EqualTo(isSampled));
            if (parent is not null)
                Assert.That(trace, Is.EqualTo(Trace), "also unsampled, it goes on in the trace of whoever placed it");
            if (!isSampled)
                Assert.That(wire.Spans.Select(span => span.Name), Does.Not.Contain("shared transaction"));
        }
    }

    /// <summary>Places an order, sees the span of its request exported if it is sampled, and stops the service, which exports what it has not yet.</summary>
    /// <returns>The order's id, and the trace that its timeline tells of.</returns>
    private static async Task<(Guid Order, string? Trace)> Place(OtlpOnAWire wire, string? parent, bool isSampled, params (string Name, string Value)[] settings)
    {
        (string, string)[] ways = [("OTEL_EXPORTER_OTLP_ENDPOINT", wire.Url), ("OTEL_BSP_SCHEDULE_DELAY", "200")];
        await using var service = await IntakeService.Start(settings.Concat(ways).ToDictionary(setting => setting.Item1, setting => setting.Item2));
        // It shares this process, whose calls are traced, too: its own headers are not to be replaced.
        using var client = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null }) { BaseAddress = service.Address };
        client.DefaultRequestHeaders.Add("X-Api-Key", await service.AddKey("shop", []));
        using var request = new HttpRequestMessage(HttpMethod.Post, "orders") { Content = new StringContent(IntakeService.Good, Encoding.UTF8, "application/json") };
        if (parent is not null)
            request.Headers.Add("traceparent", parent);
        using var answer = await client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        var order = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid();
        var saga = await service.Look(async db => await db.Sagas.FindAsync(order));
        // A service that stops has a few seconds for it, which a busy machine may take for the first export.
        if (isSampled)
            await Eventually.Holds(() => wire.Spans.Any(span => span.Order == order.ToString() && span.Name == "POST /orders/"), "the request's span is exported");
        return (order, saga!.Timeline[0].TraceId);
    }
}
