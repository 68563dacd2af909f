using System.Collections.Concurrent;
using System.Diagnostics;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using MassTransit.Logging;

namespace Orafo.Persistence.Tests;

/// <summary>W3C trace context and baggage outlive the outbox, whoever sends the message (W3C Trace Context, W3C Baggage).</summary>
public sealed class A_trace
{
    private const string State = "vendor=mark";

    [TearDown]
    public void Forget() => TracedConsumer.Seen.Clear();

    /// <param name="isRelayed">By another process than the one that stored it; otherwise from its memory.</param>
    [TestCase(false), TestCase(true)]
    public async Task Goes_on_in_the_consumer_with_its_baggage(bool isRelayed)
    {
        using var traced = new Traced();
        await using var service = await Start();
        var sender = service.Instances[0];
        if (isRelayed)
        {
            sender = await service.StartInstance(_ => { });
            await sender.StopAsync().WaitAsync(Testing.Eventually.Patience);
        }

        ActivityTraceId trace;
        using (var request = traced.Begin("request"))
        {
            trace = request.TraceId;
            request.TraceStateString = State;
            request.AddBaggage("shop", "north, = and; south");
            await LedgerService.Publish(sender, new Note("traced", 1));
        }

        Assert.That(await service.Effects("answer to traced", 1), Is.EqualTo([1]), "However often it is delivered, it takes effect once.");
        Assert.That(
            TracedConsumer.Seen.Distinct(), // A consumer may run twice for one attempt.
            Is.EqualTo(new[] { new Heard("note", trace, true, State, "north, = and; south"), new Heard("answer", trace, true, State, "north, = and; south") }));
        await service.Eventually(
            _ => Task.FromResult(traced.Spans.Count(span => span.TraceId == trace && span.OperationName.EndsWith("receive", StringComparison.Ordinal))), received => received == 2);
        var own = traced.Spans.Where(span => span.TraceId == trace).ToDictionary(span => span.SpanId);
        foreach (var span in own.Values)
            TestContext.Out.WriteLine($"{span.Kind} {span.OperationName} {span.SpanId} < {span.ParentSpanId} links {span.Links.Count()}");
        Assert.That(own.Values.Where(span => span.ParentSpanId != default && !own.ContainsKey(span.ParentSpanId)), Is.Empty, "spans that hang on none of the trace");
        // What is consumed hangs on its delivery, and the delivery on what was published.
        foreach (var received in own.Values.Where(span => span.OperationName.EndsWith("receive", StringComparison.Ordinal)))
        {
            var delivered = own[received.ParentSpanId];
            var published = own[delivered.ParentSpanId];
            Assert.That((delivered.Kind, published.Kind, published.OperationName), Is.EqualTo((ActivityKind.Producer, ActivityKind.Producer, "outbox send")));
        }

        if (isRelayed)
        {
            // The span of a batch stops after the commit that empties the outbox.
            var relays = await service.Eventually(_ => Task.FromResult(Relays()), relays => Array.TrueForAll(relays, relay => relay is not null));
            Assert.That(relays, Is.Not.Empty.And.All.Not.Null);
        }

        Activity?[] Relays() => [.. own.Values.Where(span => span.Links.Any()).Select(Relay)];

        // Each leads to the other: the batch that sent it, and what it sent.
        Activity? Relay(Activity delivered) => traced.Spans.SingleOrDefault(span =>
            span.OperationName == "outbox relay" && span.SpanId == delivered.Links.Single().Context.SpanId && span.TraceId != trace
            && span.Links.Any(link => link.Context.SpanId == delivered.ParentSpanId));
    }

    /// <param name="isRelayed">By another process than the one that stored it; otherwise from its memory.</param>
    [TestCase(false), TestCase(true)]
    public async Task That_is_not_sampled_does_not_begin_anew(bool isRelayed)
    {
        using var traced = new Traced();
        await using var service = await Start();
        var sender = service.Instances[0];
        if (isRelayed)
        {
            sender = await service.StartInstance(_ => { });
            await sender.StopAsync().WaitAsync(Testing.Eventually.Patience);
        }

        ActivityTraceId trace;
        using (var request = traced.Begin(Traced.Unsampled))
        {
            trace = request.TraceId;
            request.AddBaggage("shop", "north");
            await LedgerService.Publish(sender, new Note("traced", 1));
        }

        await service.Effects("answer to traced", 1);
        Assert.That(TracedConsumer.Seen.Distinct(), Is.EqualTo(new[] { new Heard("note", trace, false, null, "north"), new Heard("answer", trace, false, null, "north") }));
        Assert.That(traced.Spans.Where(span => span.Recorded && span.OperationName.Contains("traced", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public async Task Is_kept_apart_from_those_of_deliveries_in_the_same_transaction()
    {
        using var traced = new Traced();
        await using var service = await Start();
        const int messages = 200;
        ConcurrentDictionary<string, ActivityTraceId> traces = [];
        await Task.WhenAll(Enumerable.Range(0, messages).Select(async i =>
        {
            using var request = traced.Begin("request");
            request.AddBaggage("shop", $"{i}");
            traces[$"{i}"] = request.TraceId;
            await service.Publish(new Note("traced", i));
        }));

        await service.Effects("answer to traced", messages);
        // Spans stop after the commit.
        await service.Eventually(
            _ => Task.FromResult(
                traced.Spans.Count(span => traces.Values.Contains(span.TraceId) && span.OperationName.EndsWith("receive", StringComparison.Ordinal))),
            received => received >= 2 * messages);
        Assert.That(TracedConsumer.Seen.Distinct().Count(), Is.EqualTo(2 * messages));
        Assert.That(TracedConsumer.Seen.Where(heard => heard.Baggage is null || traces[heard.Baggage] != heard.Trace), Is.Empty);

        // What they shared is in none of their traces, and each leads to the other.
        var own = traced.Spans.Where(span => traces.Values.Contains(span.TraceId)).ToDictionary(span => span.SpanId);
        var shared = traced.Spans.Where(span => span.OperationName == "shared transaction").ToArray();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(shared, Is.Not.Empty);
            Assert.That(shared.Where(span => span.ParentSpanId != default || own.ContainsKey(span.SpanId)), Is.Empty);
            foreach (var span in shared)
            {
                Assert.That(span.Links.Count(), Is.GreaterThan(1).And.EqualTo(span.GetTagItem("messaging.batch.message_count")));
                Assert.That(span.Links.Select(link => own.GetValueOrDefault(link.Context.SpanId)?.Links.Any(back => back.Context.SpanId == span.SpanId)), Is.All.True);
            }
        }
    }

    [Test]
    public async Task Says_that_a_message_came_again_or_was_tried_again()
    {
        using var traced = new Traced();
        await using var service = await LedgerService.Start();
        var id = Guid.CreateVersion7();
        for (var i = 0; i < 3; i++)
        {
            await service.PublishPast(new NoteAndAnswer("twice", 1), id);
            await service.Effects("answer to twice", 1);
        }

        await service.Publish(new NoteAndFail("poisoned"));
        await service.Eventually(async _ => (await service.Broker.QueuesAsync()).GetValueOrDefault("note-and-fail_error"), messages => messages == 1);
        Assert.That(Events("duplicate dropped"), Has.Length.EqualTo(2));
        Assert.That(Events("message retried").Select(retried => retried.Tags.Single()), Is.EqualTo(Enumerable.Range(1, 5).Select(retry => KeyValuePair.Create<string, object?>("orafo.retry", retry))));

        ActivityEvent[] Events(string name) => [.. traced.Spans.SelectMany(span => span.Events).Where(happened => happened.Name == name)];
    }

    private static Task<LedgerService> Start() =>
        LedgerService.Start(consumers: bus => bus.AddConsumer<TracedConsumer>().Endpoint(endpoint => endpoint.Name = "traced"));

    public sealed record Heard(string Message, ActivityTraceId Trace, bool IsSampled, string? State, string? Baggage);

    public sealed class TracedConsumer(LedgerDb db) : IConsumer<Note>, IConsumer<Answer>
    {
        public static ConcurrentQueue<Heard> Seen { get; } = [];

        public Task Consume(ConsumeContext<Note> context)
        {
            Hear("note");
            return context.Publish(new Answer("traced", 1));
        }

        public Task Consume(ConsumeContext<Answer> context)
        {
            Hear("answer");
            db.Effects.Add(new Effect { Of = "answer to traced", Value = 1 });
            return Task.CompletedTask;
        }

        private static void Hear(string message)
        {
            var span = Activity.Current!;
            Seen.Enqueue(new Heard(message, span.TraceId, span.Recorded, span.TraceStateString, span.GetBaggageItem("shop")));
        }
    }

    /// <summary>Samples as OpenTelemetry does by default: as the parent is sampled, and every trace that begins, except for those named so.</summary>
    private sealed class Traced : IDisposable
    {
        public const string Unsampled = "unsampled request";
        private readonly ActivitySource _source = new("A_trace");
        private readonly ActivityListener _listener;

        public Traced()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = heard => heard.Name is "A_trace" or DiagnosticHeaders.DefaultListenerName or PersistenceMeter.Name,
                Sample = Sample,
                ActivityStopped = Spans.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public ConcurrentQueue<Activity> Spans { get; } = [];

        public Activity Begin(string name) => _source.StartActivity(name)!;

        public void Dispose()
        {
            _listener.Dispose();
            _source.Dispose();
        }

        private static ActivitySamplingResult Sample(ref ActivityCreationOptions<ActivityContext> span)
        {
            if (span.Name == Unsampled)
                return ActivitySamplingResult.PropagationData;
            if (span.Parent.TraceId == default || span.Parent.TraceFlags.HasFlag(ActivityTraceFlags.Recorded))
                return ActivitySamplingResult.AllDataAndRecorded;
            return span.Parent.IsRemote ? ActivitySamplingResult.PropagationData : ActivitySamplingResult.None;
        }
    }
}
