using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Mesh;
using Orafo.Cli.Tracing;
using Orafo.Testing;

namespace Orafo.Mesh.Tests;

/// <summary>One trace for each order, from the request that places it to its end, through all services (OpenTelemetry semantic conventions; W3C Trace Context).</summary>
public sealed class A_trace
{
    private const string Good = "good-espresso";
    private SpanCollector _collector = null!;
    private Testing.Mesh _mesh = null!;
    private HttpClient _printer = null!;

    /// <summary>What follows from what, each beneath the one before it. What the devices are asked hangs on the jobs.</summary>
    private static readonly string[] Journey =
    [
        "POST /orders/",
        "create GetOrderDetails", "send GetOrderDetails", "receive order-details", "process GetOrderDetails",
        "create OrderDetailsReady", "send OrderDetailsReady", "receive order-saga", "process OrderDetailsReady",
        "create GenerateInvoice", "send GenerateInvoice", "receive invoice", "process GenerateInvoice",
        "process print_job",
        "create InvoiceGenerated", "send InvoiceGenerated", "receive order-saga", "process InvoiceGenerated",
        "create HandOverOrder", "send HandOverOrder", "receive hand-over", "process HandOverOrder",
        "process booking_job",
        "create OrderHandedOver", "send OrderHandedOver", "receive order-saga", "process OrderHandedOver",
        "create OrderCompleted", "send OrderCompleted", "receive order-completion", "process OrderCompleted",
    ];

    [OneTimeSetUp]
    public async Task Up()
    {
        _collector = new SpanCollector();
        _mesh = await Testing.Mesh.StartAsync(printSeconds: 0, new Dictionary<string, string?>(_collector.Settings)
        {
            ["JAEGER_URL"] = "http://jaeger.example/ui/",
            ["Printing__Attempts"] = "2",
            ["Printing__LongestPause"] = "00:00:01",
        });
        _printer = new HttpClient { BaseAddress = new Uri((await _mesh.StatusAsync()).GetProperty("printer").GetString()!) };
    }

    [OneTimeTearDown]
    public async Task Down()
    {
        _printer.Dispose();
        await _mesh.DisposeAsync();
        await _collector.DisposeAsync();
    }

    [Test]
    public async Task Is_one_tree_from_the_request_to_the_end_of_the_order()
    {
        var order = (await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!;
        await _mesh.FollowAsync(order, "Completed");
        var trace = await _collector.TraceOf(Id(order), IsLast);
        TestContext.Out.WriteLine(SpanCollector.Show(trace));
        using (Assert.EnterMultipleScope())
        {
            ShouldBeOneTree(trace, Id(order));
            ShouldLeadThrough(trace, Journey);
            foreach (var (job, device) in new[] { ("process print_job", "POST"), ("process booking_job", "PUT") })
            {
                var call = trace.SingleOrDefault(span => span.Name == device && span.Kind == SpanKind.Client && NameOf(trace, span.ParentSpanId) == job);
                Assert.That(call, Is.Not.Null, $"{job} asks its device");
                Assert.That(new Uri((string)call!.Attributes["url.full"]).PathAndQuery, Is.EqualTo("/"), "an address may be a secret");
            }
        }
    }

    [Test]
    public async Task Follows_the_semantic_conventions()
    {
        var order = (await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!;
        var trace = await _collector.TraceOf(Id(order), IsLast);
        using (Assert.EnterMultipleScope())
        {
            foreach (var span in trace.Where(span => span.Scope == "MassTransit"))
            {
                Assert.That(span.Attributes["messaging.system"], Is.EqualTo("rabbitmq"), span.Name);
                Assert.That($"{span.Attributes["messaging.operation.name"]} {span.Attributes["messaging.destination.name"]}", Is.EqualTo(span.Name));
                Assert.That(span.Attributes["messaging.operation.type"], Is.AnyOf("create", "send", "receive", "process"), span.Name);
                Assert.That(Guid.TryParse(span.Attributes.GetValueOrDefault("messaging.message.id") as string, out _), Is.True, span.Name);
                Assert.That(span.Kind, Is.EqualTo(span.Attributes["messaging.operation.type"] is "create" or "send" ? SpanKind.Producer : SpanKind.Consumer), span.Name);
            }

            var commands = trace.Where(span => span.Scope == "Npgsql").ToArray();
            Assert.That(commands.Select(span => span.Attributes["db.namespace"]).Distinct(), Is.EquivalentTo(new[] { "orafo_ordering", "orafo_order_details", "orafo_invoicing", "orafo_hand_over" }));
            foreach (var span in commands)
            {
                Assert.That((span.Kind, span.Attributes["db.system.name"], span.Attributes.ContainsKey("db.query.text")), Is.EqualTo((SpanKind.Client, "postgresql", true)), span.Name);
                Assert.That(span.Attributes.Keys.Where(key => key.StartsWith("db.query.parameter", StringComparison.Ordinal)), Is.Empty);
            }

            Assert.That(trace.Where(span => span.Dropped > 0), Is.Empty, "attributes, events or links that were too many");
        }
    }

    /// <remarks>Metrics are the clock: between two exports of each service all that looks by itself has looked.</remarks>
    [Test]
    public async Task Is_not_made_while_nothing_happens()
    {
        var order = (await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!;
        await _mesh.FollowAsync(order, "Completed");
        await _collector.TraceOf(Id(order), IsLast);
        await Exports(1);
        // By the clock: the latest span that has come need not be the latest there is.
        var from = (ulong)(DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * 100;
        await Exports(8);
        Assert.That(_collector.Spans.Where(span => span.Start > from).Select(span => $"{span.Service} {span.Name} {span.Attributes.GetValueOrDefault("db.query.text")}"), Is.Empty);
    }

    /// <remarks>So <c>bench trace</c> counts those that are dropped, and no others.</remarks>
    [Test]
    public async Task Arrives_with_as_many_spans_as_the_services_say_that_they_made()
    {
        var data = new DataDirectory(_mesh.Directory);
        await Exports(2);
        var before = (Made: await TraceBench.Made(data, CancellationToken.None), Arrived: _collector.Spans.Count);
        var order = (await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!;
        await _mesh.FollowAsync(order, "Completed");
        var trace = await _collector.TraceOf(Id(order), IsLast);
        await Exports(2);
        var (made, arrived) = (await TraceBench.Made(data, CancellationToken.None) - before.Made, _collector.Spans.Count - before.Arrived);
        Assert.That(made, Is.EqualTo(arrived).And.AtLeast(trace.Count));
    }

    /// <remarks>What is under way dies with the service, the job that prints above all; what it had ended was exported before.</remarks>
    [TestCase("invoicing"), TestCase("ordering")]
    public async Task Is_whole_although_a_service_is_killed_while_a_page_is_printed(string service)
    {
        Uri order;
        using (await _mesh.PauseAsync("printer"))
        {
            order = (await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!;
            await _mesh.FollowAsync(order, "Invoicing");
            await _collector.TraceOf(Id(order), span => span.Name == "process GenerateInvoice");
            await Eventually.Holds(
                async () => (await _mesh.RunAsync("print", "list", "--state", "running")).Output.Contains(Id(order).ToString(), StringComparison.Ordinal),
                "the page is begun");
            await _mesh.KillAsync(service);
        }

        await _mesh.FollowAsync(order, "Completed");
        var trace = await _collector.TraceOf(Id(order), IsLast);
        TestContext.Out.WriteLine(SpanCollector.Show(trace));
        using (Assert.EnterMultipleScope())
        {
            ShouldBeOneTree(trace, Id(order));
            ShouldLeadThrough(trace, Journey);
            if (service == "invoicing")
                Assert.That(trace.Where(span => span.Name == "process print_job").Select(span => span.Attributes["orafo.attempt"]), Has.Some.EqualTo(2L), "the page was begun again");
        }
    }

    [Test]
    public async Task Is_whole_although_a_service_is_killed_with_a_message_in_its_hands()
    {
        using var management = await _mesh.ConnectToManagementAsync();
        // The management's statistics come a few seconds late: until then they are of the orders before.
        await Eventually.Holds(async () => await Held() == 0, "the service has no message");
        Uri order;
        using (await _mesh.PauseAsync("hand-over"))
        {
            order = (await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!;
            await _mesh.FollowAsync(order, "HandingOver");
            await _collector.TraceOf(Id(order), span => span.Name == "send HandOverOrder");
            await Eventually.Holds(async () => await Held() > 0, "the service has the message");
            await _mesh.KillAsync("hand-over");
        }

        await _mesh.FollowAsync(order, "Completed");
        var trace = await _collector.TraceOf(Id(order), IsLast);
        TestContext.Out.WriteLine(SpanCollector.Show(trace));
        using (Assert.EnterMultipleScope())
        {
            ShouldBeOneTree(trace, Id(order));
            ShouldLeadThrough(trace, Journey);
            Assert.That(trace.Where(span => span.Events.Any(happened => happened.Name == "message redelivered")).Select(span => span.Name), Is.EqualTo(new[] { "receive hand-over" }));
        }

        async Task<int?> Held()
        {
            var queue = await management.GetFromJsonAsync<JsonElement>(new Uri("queues/orafo/hand-over", UriKind.Relative));
            return queue.TryGetProperty("messages_unacknowledged", out var held) ? held.GetInt32() : null;
        }
    }

    [Test]
    public async Task Is_linked_with_the_one_in_which_its_order_is_resumed()
    {
        var order = await Suspended();
        using (var resumed = await _mesh.Api.PostAsync(new Uri($"{order}/resumption", UriKind.Relative), null))
            resumed.EnsureSuccessStatusCode();
        await _mesh.FollowAsync(order, "Completed");
        var first = await _collector.TraceOf(Id(order), IsLast);
        var resumption = await _collector.Trace(
            span => span is { Kind: SpanKind.Server, ParentSpanId: null } && span.Attributes["url.path"] is string path && path == $"/orders/{Id(order)}/resumption",
            span => span.Name == "process GenerateInvoice");
        TestContext.Out.WriteLine(SpanCollector.Show(resumption));
        using (Assert.EnterMultipleScope())
        {
            ShouldBeOneTree(resumption, Id(order));
            ShouldBeOneTree(first, Id(order));
            var root = first.Single(span => span.ParentSpanId is null);
            var saga = resumption.Single(span => span.Name == "process ResumeOrder");
            Assert.That(saga.Links, Does.Contain(new SpanLink(root.TraceId, root.SpanId)));
            // The job went on where it had been published.
            ShouldLeadThrough(first, Journey);
            Assert.That(resumption.SelectMany(span => span.Links).Select(link => (link.TraceId, NameOf(first, link.SpanId))), Does.Contain((root.TraceId, "process GenerateInvoice")));
        }
    }

    [Test]
    public async Task Is_linked_with_the_request_of_an_operator_who_has_its_page_printed_again()
    {
        var order = await Suspended();
        var (exitCode, output) = await _mesh.RunAsync("print", "retry", Id(order).ToString());
        Assert.That(exitCode, Is.Zero, output);
        await _mesh.FollowAsync(order, "Completed");
        var first = await _collector.TraceOf(Id(order), IsLast);
        var retry = await _collector.Trace(span => span.Attributes.GetValueOrDefault("url.path") is string path && path == $"/print-jobs/{Id(order)}/retry", span => span.Kind == SpanKind.Server);
        using (Assert.EnterMultipleScope())
        {
            ShouldBeOneTree(first, Id(order));
            ShouldBeOneTree(retry, Id(order));
            ShouldLeadThrough(first, Journey);
            Assert.That(retry.SelectMany(span => span.Links).Select(link => (link.TraceId, NameOf(first, link.SpanId))), Is.EqualTo(new[] { (first[0].TraceId, "process GenerateInvoice") }));
        }
    }

    /// <remarks>What is shared has a trace of its own: nobody's order, and all of theirs.</remarks>
    [Test]
    public async Task Holds_no_command_that_was_for_other_orders_too()
    {
        var orders = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample(Good))));
        foreach (var order in orders)
            await _mesh.FollowAsync(order!, "Completed");
        var traces = new List<IReadOnlyList<Span>>();
        foreach (var order in orders)
            traces.Add(await _collector.TraceOf(Id(order!), IsLast));
        using (Assert.EnterMultipleScope())
        {
            foreach (var (order, trace) in orders.Zip(traces))
                ShouldBeOneTree(trace, Id(order!));
            var own = traces.SelectMany(trace => trace).ToLookup(span => span.SpanId);
            var shared = _collector.Spans.Where(span => span.Name == "shared transaction" && span.Links.Any(link => own.Contains(link.SpanId))).ToArray();
            Assert.That(shared, Is.Not.Empty);
            foreach (var span in shared)
            {
                Assert.That((span.ParentSpanId, span.Order), Is.EqualTo(((string?)null, (string?)null)));
                Assert.That(span.Links, Has.Count.GreaterThan(1).And.Count.EqualTo(span.Attributes["messaging.batch.message_count"]));
                var back = new SpanLink(span.TraceId, span.SpanId);
                Assert.That(span.Links.SelectMany(link => own[link.SpanId]).Where(member => !member.Links.Contains(back)).Select(member => member.Name), Is.Empty, "each leads to the other");
            }
        }
    }

    [Test]
    public async Task Is_found_where_it_was_exported_to()
    {
        var order = (await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!;
        await _mesh.FollowAsync(order, "Completed");
        var trace = await _collector.TraceOf(Id(order), IsLast);
        var (exitCode, output) = await _mesh.RunAsync("trace", Id(order).ToString());
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain(_collector.Url).And.Contain($"http://jaeger.example/ui/trace/{trace[0].TraceId}"));
    }

    /// <summary>Returns when each service has exported its metrics so often.</summary>
    private async Task Exports(int more)
    {
        var before = SpanCollector.Services.ToDictionary(service => service, service => _collector.Exports.GetValueOrDefault(service));
        await Eventually.Holds(() => SpanCollector.Services.All(service => _collector.Exports.GetValueOrDefault(service) >= before[service] + more), "each service has exported its metrics");
    }

    private static bool IsLast(Span span) => span.Name == "receive order-completion";

    private static Guid Id(Uri order) => Guid.Parse(order.ToString().Split('/')[^1]);

    /// <summary>An order whose page does not come out, before a printer that prints again.</summary>
    private async Task<Uri> Suspended()
    {
        await Set(new { offline = true });
        try
        {
            var order = (await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!;
            await _mesh.FollowAsync(order, "Suspended");
            return order;
        }
        finally
        {
            await Set(new { });
        }
    }

    private async Task Set(object faults)
    {
        using var set = await _printer.PutAsJsonAsync(new Uri("faults", UriKind.Relative), faults);
        set.EnsureSuccessStatusCode();
    }

    private static void ShouldBeOneTree(IReadOnlyList<Span> trace, Guid order)
    {
        Assert.That(trace.Count(span => span.ParentSpanId is null), Is.EqualTo(1), "roots\n" + SpanCollector.Show(trace));
        Assert.That(SpanCollector.Orphans(trace), Is.Empty);
        Assert.That(trace.Where(span => span.Order != order.ToString()).Select(span => $"{span.Name} {span.Order} {span.Attributes.GetValueOrDefault("db.query.text")}"), Is.Empty, "belong to no order, or to another one");
    }

    /// <summary>Each of them is there, beneath the one before it, and began no earlier.</summary>
    private static void ShouldLeadThrough(IReadOnlyList<Span> trace, IReadOnlyList<string> names)
    {
        var byId = trace.ToDictionary(span => span.SpanId);
        var ends = trace.Where(span => span.Name == names[^1]).Select(Path).ToArray();
        Assert.That(ends.Any(path => path.SequenceEqual(names)), Is.True, $"{string.Join(" > ", names)}\nis not\n{string.Join('\n', ends.Select(path => string.Join(" > ", path)))}\n{SpanCollector.Show(trace)}");

        IEnumerable<string> Path(Span last)
        {
            List<Span> path = [];
            for (var span = last; span is not null; span = span.ParentSpanId is { } parent ? byId.GetValueOrDefault(parent) : null)
                path.Insert(0, span);
            Assert.That(path.Zip(path.Skip(1)).Where(step => step.Second.Start + ClockStep < step.First.Start).Select(step => step.Second.Name), Is.Empty, "began before what they hang on");
            return path.Select(span => span.Name);
        }
    }

    /// <summary>In nanoseconds: what the clock of a machine may be set back meanwhile.</summary>
    private const ulong ClockStep = 5_000_000;

    private static string? NameOf(IReadOnlyList<Span> trace, string? span) => trace.SingleOrDefault(one => one.SpanId == span)?.Name;
}
