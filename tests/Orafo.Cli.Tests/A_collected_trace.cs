using System.Diagnostics;
using System.Net;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Orafo.Cli.Servers;
using Orafo.Cli.Tracing;
using SpanKind = Orafo.Cli.Tracing.SpanKind;

namespace Orafo.Cli.Tests;

/// <summary>What the launcher takes over OTLP, keeps on disk and shows. The exporter is the real one.</summary>
public sealed class A_collected_trace
{
    private const string Source = "A_collected_trace";
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("orafo-traces-");

    [TearDown]
    public void Remove()
    {
        _directory.Delete(recursive: true);
        _directory.Create();
    }

    [OneTimeTearDown]
    public void RemoveAll() => _directory.Delete(recursive: true);

    [Test]
    public async Task Is_what_was_exported()
    {
        var (other, order) = (new ActivityContext(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded), Guid.CreateVersion7());
        Activity parent = null!, child = null!;
        var store = new TraceStore(_directory.FullName);
        var counted = 0;
        await Export(request =>
        {
            counted += Span.Count(request);
            store.Add(request);
        }, source =>
        {
            parent = source.StartActivity("parent", ActivityKind.Server)!.SetTag("order.id", order.ToString());
            child = source.StartActivity(ActivityKind.Producer, name: "Grüße", links: [new(other)])!
                .SetTag("text", "a\nb").SetTag("whole", -5L).SetTag("decimal", 0.25).SetTag("truth", true).SetTag("list", new[] { "a", "b" });
            child.AddEvent(new("happened", DateTimeOffset.UnixEpoch.AddMilliseconds(1), new() { ["why"] = "because" }));
            child.SetStatus(ActivityStatusCode.Error, "It failed.");
            child.Dispose();
            parent.Dispose();
        });

        var spans = TraceStore.OfOrder(_directory.FullName, order);
        var read = spans.Single(span => span.Name == "Grüße");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((spans.Count, counted), Is.EqualTo((2, 2)));
            Assert.That((read.TraceId, read.SpanId, read.ParentSpanId, read.Kind), Is.EqualTo((child.TraceId.ToHexString(), child.SpanId.ToHexString(), parent.SpanId.ToHexString(), SpanKind.Producer)));
            Assert.That((read.Service, read.Instance, read.Scope), Is.EqualTo(("teller", "one", Source)));
            Assert.That(read.Start, Is.EqualTo((ulong)(child.StartTimeUtc - DateTime.UnixEpoch).Ticks * 100));
            Assert.That(read.End - read.Start, Is.EqualTo((ulong)child.Duration.Ticks * 100));
            Assert.That(new[] { "text", "whole", "decimal", "truth", "list" }.Select(name => read.Attributes[name]), Is.EqualTo(new object[] { "a\nb", -5L, 0.25, true, "a, b" }));
            Assert.That(read.Events.Select(happened => (happened.At, happened.Name, happened.Attributes["why"])), Is.EqualTo(new[] { (1_000_000UL, "happened", (object)"because") }));
            Assert.That(read.Links, Is.EqualTo(new[] { new SpanLink(other.TraceId.ToHexString(), other.SpanId.ToHexString()) }));
            Assert.That((read.IsError, read.StatusMessage, read.Dropped), Is.EqualTo((true, "It failed.", 0U)));
        }
    }

    [Test]
    public async Task Is_shown_as_a_tree()
    {
        List<Span> spans = [];
        await Export(request => spans.AddRange(Span.ReadAll(request)), source =>
        {
            using var request = source.StartActivity("POST /orders", ActivityKind.Server)!;
            using (source.StartActivity("command", ActivityKind.Client)!.SetTag("db.query.text", "select\n  1"))
            {
            }

            using var message = source.StartActivity("send it", ActivityKind.Producer);
            using var receiver = source.StartActivity("receive it", ActivityKind.Consumer)!.AddEvent(new("message redelivered"));
            using var consumer = source.StartActivity("process it", ActivityKind.Consumer)!.SetStatus(ActivityStatusCode.Error);
        });
        var end = spans.Max(span => span.End);
        var lost = spans.Single(span => span.Name == "receive it") with { SpanId = "1", ParentSpanId = "2", Name = "lost", Events = [], Start = end, End = end };
        var lines = TraceTree.Of([.. spans, lost]).Select(line => line[23..].TrimEnd()).ToArray();
        Assert.That(lines, Is.EqualTo(new[]
        {
            "teller        POST /orders",
            "teller          command  select 1",
            "teller          send it",
            "teller          receive it",
            "                  ! message redelivered",
            "teller            process it  FAILED",
            "teller        lost  (what it hangs on was not exported)",
        }), string.Join('\n', lines));
    }

    [Test]
    public async Task Is_whole_up_to_where_its_writer_was_killed()
    {
        var order = Guid.CreateVersion7();
        var store = new TraceStore(_directory.FullName);
        for (var i = 0; i < 2; i++)
            await Export(store.Add, source => source.StartActivity($"span {i}")!.SetTag("order.id", order.ToString()).Dispose());
        var file = Directory.GetFiles(_directory.FullName).Single();
        await File.WriteAllBytesAsync(file, (await File.ReadAllBytesAsync(file))[..^10]);
        await Export(new TraceStore(_directory.FullName).Add, source => source.StartActivity("span 2")!.SetTag("order.id", order.ToString()).Dispose());
        Assert.That(TraceStore.OfOrder(_directory.FullName, order).Select(span => span.Name), Is.EqualTo(new[] { "span 0", "span 2" }));
    }

    [Test]
    public async Task Goes_when_newer_ones_need_the_room()
    {
        var orders = Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7()).ToArray();
        var store = new TraceStore(_directory.FullName, fileSize: 1, files: 3);
        foreach (var order in orders)
            await Export(store.Add, source => source.StartActivity("span")!.SetTag("order.id", order.ToString()).Dispose());
        Assert.That(orders.Select(order => TraceStore.OfOrder(_directory.FullName, order).Count), Is.EqualTo(new[] { 0, 0, 0, 0, 0, 0, 0, 1, 1, 1 }));
        Assert.That(Directory.GetFiles(_directory.FullName), Has.Length.EqualTo(3));
    }

    [Test]
    public async Task Is_taken_in_the_form_of_OTLP_and_in_no_other()
    {
        List<byte[]> taken = [];
        await using var receiver = OtlpReceiver.Start(taken.Add, port: Ports.Free());
        using var http = new HttpClient();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Post("/v1/traces", "application/json", "{}"u8.ToArray()), Is.EqualTo(HttpStatusCode.UnsupportedMediaType));
            Assert.That(await Post("/v1/traces", "application/x-protobuf", "no protobuf"u8.ToArray()), Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(await Post("/v1/traces", "application/x-protobuf", new byte[17 * 1024 * 1024]), Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
            Assert.That(await Post("/elsewhere", "application/x-protobuf", []), Is.EqualTo(HttpStatusCode.NotFound));
            Assert.That(await Post("/v1/metrics", "application/x-protobuf", [1, 2, 3]), Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await Post("/v1/traces", "application/x-protobuf", []), Is.EqualTo(HttpStatusCode.OK));
            Assert.That(taken, Has.Count.EqualTo(1));
        }

        async Task<HttpStatusCode> Post(string path, string type, byte[] body)
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new(type) } };
            using var answer = await http.PostAsync(new Uri(receiver.Url + path), content);
            return answer.StatusCode;
        }
    }

    /// <summary>Makes spans and exports them.</summary>
    private static async Task Export(Action<byte[]> take, Action<ActivitySource> make)
    {
        await using var receiver = OtlpReceiver.Start(take, port: Ports.Free());
        using var source = new ActivitySource(Source);
        using var provider = Sdk.CreateTracerProviderBuilder().AddSource(Source).ConfigureResource(resource => resource.AddService("teller", serviceInstanceId: "one"))
            .AddOtlpExporter(otlp => (otlp.Protocol, otlp.Endpoint) = (OtlpExportProtocol.HttpProtobuf, new Uri(receiver.Url + "/v1/traces"))).Build();
        make(source);
        Assert.That(provider.ForceFlush(), Is.True);
    }
}
