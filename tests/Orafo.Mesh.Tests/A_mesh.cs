using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Mesh.Tests;

/// <summary>Whole journeys through a mesh that runs as a user runs it.</summary>
public sealed class A_mesh
{
    private const string Good = "good-espresso";
    private static readonly string[] OwnQueues =
        ["order-saga", "order-details", "order-completion", "order-release", "invoice", "credit-note", "hand-over", "hand-over-recall"];

    private Testing.Mesh _mesh = null!;
    private string[] _queuesAtStart = [];

    [OneTimeSetUp]
    public async Task Up()
    {
        _mesh = await Testing.Mesh.StartAsync(printSeconds: 0.3);
        _queuesAtStart = await Queues();
        // What a service rehearses with is listed for a moment after it is gone.
        await Eventually.Holds(async () => (await Queues()).Order().SequenceEqual(OwnQueues.Order()), "there are its queues, and no others");
    }

    [OneTimeTearDown]
    public async Task Down() => await _mesh.DisposeAsync();

    [TearDown]
    public async Task Audit()
    {
        var (exitCode, output) = await RunUntil(said => !said.Contains("cannot be read now", StringComparison.Ordinal), "audit");
        Assert.That(exitCode, Is.Zero, output);
    }

    [Test]
    public void Has_its_queues_as_soon_as_it_is_up() =>
        Assert.That(_queuesAtStart, Is.SupersetOf(OwnQueues));

    [Test]
    public async Task Completes_a_good_order()
    {
        var order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good));
        var status = await _mesh.FollowAsync(order!, "Completed");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(status.GetProperty("total").GetProperty("amount").GetDecimal(), Is.EqualTo(94.79m));
            Assert.That(status.GetProperty("timeline").EnumerateArray().Select(step => step.GetProperty("state").GetString()),
                Is.EqualTo(new[] { "Submitted", "GettingDetails", "Invoicing", "HandingOver", "Completed" }));
        }
    }

    [Test]
    public async Task Shows_an_orders_journey_and_gives_it_to_Jaeger()
    {
        var order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good), "journey");
        await _mesh.FollowAsync(order!, "Completed");
        Assert.That(await _mesh.PlaceAsync(Testing.Mesh.Sample(Good), "journey"), Is.EqualTo(order));
        var file = Path.Combine(_mesh.Directory, "journey.json");
        var id = order!.ToString().Split('/')[^1];
        // Each service exports once a second, and by itself.
        var (exitCode, output) = await RunUntil(
            said => said.Contains("process OrderCompleted", StringComparison.Ordinal) && said.Contains("! request repeated", StringComparison.Ordinal) && !said.Contains("not exported", StringComparison.Ordinal), "trace", id, "--json", file);
        Assert.That(exitCode, Is.Zero, output);
        foreach (var line in new[] { "Ordering      POST /orders", "OrderDetails", "process print_job", "http://127.0.0.1:", "insert into \"idempotency_keys\"" })
            Assert.That(output, Does.Contain(line));

        var trace = JsonDocument.Parse(await File.ReadAllTextAsync(file)).RootElement.GetProperty("data")[0];
        var spans = trace.GetProperty("spans").EnumerateArray().ToArray();
        var known = spans.Select(span => span.GetProperty("spanID").GetString()).ToHashSet();
        using (Assert.EnterMultipleScope())
        {
            foreach (var span in spans)
            {
                Assert.That(span.GetProperty("traceID").GetString(), Is.EqualTo(trace.GetProperty("traceID").GetString()));
                Assert.That(trace.GetProperty("processes").TryGetProperty(span.GetProperty("processID").GetString()!, out _));
                Assert.That(span.GetProperty("references").EnumerateArray().Where(reference => reference.GetProperty("refType").GetString() == "CHILD_OF")
                    .Select(reference => reference.GetProperty("spanID").GetString()), Is.SubsetOf(known).And.All.Not.EqualTo(span.GetProperty("spanID").GetString()));
                Assert.That(span.GetProperty("startTime").GetInt64() / 1_000_000, Is.EqualTo(DateTimeOffset.UtcNow.ToUnixTimeSeconds()).Within(600), "in microseconds");
            }

            Assert.That(spans.Count(span => span.GetProperty("references").GetArrayLength() == 0), Is.EqualTo(1), "one root");
            Assert.That(trace.GetProperty("processes").EnumerateObject().Select(process => process.Value.GetProperty("serviceName").GetString()), Is.EquivalentTo(SpanCollector.Services));
        }

        var (unknown, refusal) = await _mesh.RunAsync("trace", Guid.CreateVersion7().ToString());
        Assert.That((unknown, refusal), Is.EqualTo((1, refusal)));
        Assert.That(refusal, Does.Contain("No span"));
    }

    [Test]
    public async Task Gives_clients_their_invoice_and_others_nothing()
    {
        var order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good));
        var status = await _mesh.FollowAsync(order!, "Completed");
        var link = new Uri(status.GetProperty("links").GetProperty("invoice").GetString()!, UriKind.Relative);
        var (pdf, tag) = await Read("application/pdf");
        var (xml, _) = await Read("application/xml");
        var (json, _) = await Read("application/json");
        using var invoicing = await _mesh.ConnectAsync("invoicing");
        using var known = new HttpRequestMessage(HttpMethod.Get, $"invoices/{status.GetProperty("invoiceNumber").GetString()}") { Headers = { { "Accept", "application/pdf" } } };
        using var same = await invoicing.SendAsync(known);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(pdf[..5], Is.EqualTo("%PDF-"u8.ToArray()));
            Assert.That(await same.Content.ReadAsByteArrayAsync(), Is.EqualTo(pdf));
            Assert.That((tag, same.Headers.ETag?.ToString()), Is.EqualTo((same.Headers.ETag?.ToString(), tag)).And.Not.EqualTo(((string?)null, (string?)null)));
            Assert.That(System.Text.Encoding.UTF8.GetString(xml), Does.Contain("urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"));
            Assert.That(JsonDocument.Parse(json).RootElement.GetProperty("number").GetString(), Is.EqualTo(status.GetProperty("invoiceNumber").GetString()));
        }

        using var note = await _mesh.Api.GetAsync(new Uri($"{order}/credit-note", UriKind.Relative));
        Assert.That(note.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), "it was not cancelled");
        invoicing.DefaultRequestHeaders.Remove("X-Api-Key");
        using var stranger = await invoicing.GetAsync(new Uri("print-jobs", UriKind.Relative));
        Assert.That(stranger.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));

        async Task<(byte[] Bytes, string? Tag)> Read(string form)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, link) { Headers = { { "Accept", form } } };
            using var answer = await _mesh.Api.SendAsync(request);
            Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.OK, form)));
            return (await answer.Content.ReadAsByteArrayAsync(), answer.Headers.ETag?.ToString());
        }
    }

    /// <remarks>What one service finds complete, all others have to take.</remarks>
    [Test]
    public async Task Completes_an_order_to_where_there_are_no_postal_codes()
    {
        using var catalogue = await _mesh.ConnectAsync("order-details");
        using var put = await catalogue.PutAsJsonAsync(new Uri("customers/C-9001", UriKind.Relative), new { name = "Noor", street = "Al Wasl Road 1", postalCode = "", city = "Dubai", country = "AE" });
        Assert.That(put.IsSuccessStatusCode, await put.Content.ReadAsStringAsync());
        var order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good).Replace("C-1001", "C-9001", StringComparison.Ordinal));
        await _mesh.FollowAsync(order!, "Completed");
    }

    [TestCase("wait=60"), TestCase("respond-async, wait=60"), TestCase("WAIT = \"60\"; seconds")]
    public async Task Answers_with_the_end_of_the_order_if_asked_to_wait(string prefer)
    {
        using var http = await _mesh.ConnectAsync();
        using var answer = await Testing.Mesh.PostAsync(http, Testing.Mesh.Sample(Good), ("Prefer", prefer));
        var status = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.That((answer.StatusCode, status.GetProperty("status").GetString(), answer.Headers.GetValues("Preference-Applied").Single()),
            Is.EqualTo((HttpStatusCode.OK, "Completed", "wait=60")), status.ToString());
    }

    [Test]
    public async Task Answers_many_that_wait_for_the_same_and_for_other_orders()
    {
        var orders = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample(Good))));
        var answers = await Task.WhenAll(orders.Concat(orders).Select(order => Wait(order!, 60)));
        Assert.That(answers, Is.All.EqualTo("Completed"));
        Assert.That(await Wait(orders[0]!, 60), Is.EqualTo("Completed"), "of an order that is completed already");
    }

    [Test]
    public async Task Answers_in_time_if_the_order_is_not()
    {
        Uri? order;
        using (await _mesh.PauseAsync("printer"))
        {
            order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good));
            Assert.That(await Wait(order!, 1), Is.Not.EqualTo("Completed"));
        }

        Assert.That(await Wait(order!, 60), Is.EqualTo("Completed"));
    }

    [Test]
    public async Task Answers_that_an_order_is_accepted_although_the_database_goes_away_while_it_waits()
    {
        var supervisor = Orafo.Cli.Mesh.MeshState.Running(new(_mesh.Directory)).Supervisor;
        var postgres = await _mesh.PidAsync("postgresql");
        var before = Guid.CreateVersion7();
        Uri order;
        using (await _mesh.PauseAsync("printer"))
        {
            var waiting = _mesh.PostAsync(Testing.Mesh.Sample(Good), ("Prefer", "wait=10"));
            order = await FirstAfter(before).WaitAsync(TimeSpan.FromMinutes(4));
            await _mesh.FollowAsync(order, "Invoicing");
            // Nobody starts the database again before the wait is over.
            supervisor.Signal(ChildProcess.Stop);
            try
            {
                ChildProcess.Signal(postgres, ChildProcess.Kill);
                using var answer = await waiting;
                Assert.That((answer.StatusCode, answer.Headers.Location), Is.EqualTo((HttpStatusCode.Accepted, order)));
            }
            finally
            {
                supervisor.Signal(ChildProcess.Continue);
            }
        }

        await _mesh.FollowAsync(order, "Completed");

        // The request that waits has told nobody which order it placed.
        async Task<Uri> FirstAfter(Guid earlier)
        {
            while (true)
            {
                var page = await _mesh.Api.GetFromJsonAsync<JsonElement>(new Uri($"orders?after={earlier}", UriKind.Relative));
                if (page.GetProperty("orders").EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } found)
                    return new Uri(found.GetProperty("links").GetProperty("self").GetString()!, UriKind.Relative);
                await Task.Delay(50); // The interval of looking, not the time to wait.
            }
        }
    }

    [TestCase(""), TestCase("wait"), TestCase("wait=0"), TestCase("wait=-1"), TestCase("wait=soon"), TestCase("handling=lenient"), TestCase("respond-async; wait=30")]
    public async Task Does_not_wait_for_what_it_does_not_understand(string prefer)
    {
        using var answer = await _mesh.PostAsync(Testing.Mesh.Sample(Good), ("Prefer", prefer));
        Assert.That((answer.StatusCode, answer.Headers.Contains("Preference-Applied")), Is.EqualTo((HttpStatusCode.Accepted, false)));
        await _mesh.FollowAsync(answer.Headers.Location!, "Completed");
    }

    [Test]
    public async Task Rejects_a_bad_order_with_every_reason()
    {
        var (exitCode, output) = await _mesh.RunAsync("order", Path.Combine(Orafo.Cli.Repository.Root, "deploy", "samples", "orders", "bad-everything.json"));
        Assert.That(exitCode, Is.EqualTo(1));
        foreach (var reason in new[] { "unknown-customer", "unknown-article", "quantity-not-positive", "unknown-coupon" })
            Assert.That(output, Does.Contain(reason));
    }

    [Test]
    public async Task Makes_one_order_of_one_Idempotency_Key_even_if_the_requests_race()
    {
        var key = Guid.CreateVersion7().ToString();
        var orders = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample(Good), key)));
        Assert.That(orders.Distinct(), Has.Exactly(1).Items.And.None.Null);
        await _mesh.FollowAsync(orders[0]!, "Completed");

        using var other = await _mesh.PostAsync(Testing.Mesh.Sample("good-large"), ("Idempotency-Key", key));
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.UnprocessableEntity));
    }

    [TestCase("{", HttpStatusCode.BadRequest)]
    [TestCase("{}", HttpStatusCode.BadRequest, "/customerNumber", "/lines")]
    [TestCase("""{"customerNumber":"C-1001","lines":[]}""", HttpStatusCode.BadRequest, "/lines")]
    [TestCase("""{"customerNumber":"C-1001","lines":[null,{"sku":"X"}]}""", HttpStatusCode.BadRequest, "/lines/0", "/lines/1/quantity")]
    [TestCase("""{"customerNumber":"C-1001","coupon":"X","lines":[{"sku":"X","quantity":1}]}""", HttpStatusCode.BadRequest, "/coupon")]
    public async Task Answers_a_malformed_order_with_its_faults_and_stores_nothing(string body, HttpStatusCode expected, params string[] pointers)
    {
        using var answer = await _mesh.PostAsync(body);
        Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((expected, "application/problem+json")));
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.That(problem.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("pointer").GetString()), Is.SupersetOf(pointers), problem.ToString());
    }

    [Test]
    public async Task Streams_an_order_to_its_end()
    {
        var order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good));
        using var http = await _mesh.ConnectAsync();
        var events = await http.GetStringAsync(new Uri($"{order}/events", UriKind.Relative));
        Assert.That(events.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => JsonDocument.Parse(line["data: ".Length..]).RootElement.GetProperty("state").GetString()),
            Is.EqualTo(new[] { "Submitted", "GettingDetails", "Invoicing", "HandingOver", "Completed" }));
    }

    [Test]
    public async Task Lets_in_who_has_a_key_until_it_is_revoked()
    {
        var (exitCode, key) = await _mesh.RunAsync("keys", "add", "shop", "--days", "1");
        Assert.That(exitCode, Is.Zero, key);
        using var shop = new HttpClient { BaseAddress = _mesh.Api.BaseAddress, DefaultRequestHeaders = { { "X-Api-Key", key.Trim() } } };
        using (var placed = await shop.PostAsync(new Uri("orders", UriKind.Relative), new StringContent(Testing.Mesh.Sample(Good), System.Text.Encoding.UTF8, "application/json")))
            Assert.That(placed.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        var prefix = key.Split('_')[1];
        Assert.That((await _mesh.RunAsync("keys", "list", "shop")).Output, Does.Contain(prefix).And.Not.Contain(key.Trim()));
        Assert.That((await _mesh.RunAsync("keys", "revoke", prefix)).ExitCode, Is.Zero);
        await Eventually.Holds(
            async () =>
            {
                using var refused = await shop.GetAsync(new Uri("orders", UriKind.Relative));
                return refused.StatusCode == HttpStatusCode.Unauthorized;
            }, "the key lets nobody in");
    }

    [Test]
    public async Task Says_why_an_order_is_not_resumed_or_cancelled()
    {
        var order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good));
        await _mesh.FollowAsync(order!, "Completed");
        var id = order!.ToString().Split('/')[^1];
        Assert.That(await _mesh.RunAsync("resume", id), Is.EqualTo((1, "orafo: The order is not suspended. It is Completed.\n")));
        Assert.That(await _mesh.RunAsync("cancel", id, "--reason", "Too late."), Is.EqualTo((1, "orafo: The order has come to its end. It is Completed.\n")));
    }

    [TestCase("ordering"), TestCase("order-details"), TestCase("invoicing"), TestCase("hand-over"), TestCase("printer"), TestCase("carrier"), TestCase("rabbitmq"), TestCase("postgresql")]
    // The service is back long before its broker.
    [TestCase("rabbitmq", "hand-over")]
    public async Task Completes_all_ten_orders_although_a_part_is_killed_under_way(params string[] parts)
    {
        var orders = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample(Good))));
        Assert.That(orders, Has.None.Null);
        // The first is somewhere on its way; then the blow falls.
        await _mesh.FollowAsync(orders[0]!, "Invoicing", "HandingOver", "Completed");
        await Task.WhenAll(parts.Select(_mesh.KillAsync));
        foreach (var order in orders)
            await _mesh.FollowAsync(order!, "Completed");
    }

    [Test]
    public async Task Takes_orders_while_the_broker_is_away_and_completes_them_when_it_is_back()
    {
        // Killed is the case above.
        Uri?[] orders;
        using (await _mesh.PauseAsync("rabbitmq"))
            orders = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample(Good))));

        Assert.That(orders, Has.None.Null);
        foreach (var order in orders)
            await _mesh.FollowAsync(order!, "Completed");
    }

    [Test]
    public async Task Shows_what_its_broker_refuses_and_completes_the_order_once_the_cause_is_gone()
    {
        Uri? order;
        using (await _mesh.PauseAsync("hand-over"))
        {
            using (var management = await _mesh.ConnectToManagementAsync())
                (await management.DeleteAsync(new Uri("queues/orafo/hand-over", UriKind.Relative))).EnsureSuccessStatusCode();
            order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good));
            var (exitCode, output) = await RunUntil(said => said.Contains("attempts", StringComparison.Ordinal), "outbox");
            Assert.That(exitCode, Is.Zero);
            Assert.That(output, Does.Contain("ordering: 1 transactions").And.Contain("HandOver").And.Contain("returned").And.Contain("hand-over: nothing was refused"));
        }

        var (_, retried) = await _mesh.RunAsync("outbox", "--retry");
        Assert.That(retried, Does.Contain("ordering"));
        await _mesh.FollowAsync(order!, "Completed");
        Assert.That((await _mesh.RunAsync("outbox")).Output, Does.Contain("ordering: nothing was refused"));
    }

    [Test]
    public async Task Leaves_no_process_behind_and_forgets_nothing_over_a_restart()
    {
        var state = Orafo.Cli.Mesh.MeshState.Running(new(_mesh.Directory));
        var order = await _mesh.PlaceAsync(Testing.Mesh.Sample(Good));
        var (exitCode, output) = await _mesh.RunAsync("down");
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(state.Processes().Append(state.Supervisor).Where(process => process.IsRunning), Is.Empty);

        await _mesh.UpAsync(printSeconds: 0.3);
        await _mesh.FollowAsync(order!, "Completed");
    }

    [Test]
    public async Task Survives_its_supervisor_that_is_killed()
    {
        var state = Orafo.Cli.Mesh.MeshState.Running(new(_mesh.Directory));
        state.Supervisor.Signal(ChildProcess.Kill);
        await _mesh.UpAsync(printSeconds: 0.3);
        Assert.That(state.Processes().Where(process => process.IsRunning), Is.Empty);
        await _mesh.FollowAsync((await _mesh.PlaceAsync(Testing.Mesh.Sample(Good)))!, "Completed");
    }

    private async Task<string?> Wait(Uri order, int seconds)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, order) { Headers = { { "Prefer", $"wait={seconds}" } } };
        using var http = await _mesh.ConnectAsync();
        using var answer = await http.SendAsync(request);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("status").GetString();
    }

    /// <summary>What a command says as soon as it is what is asked for; within a minute, or what it said last.</summary>
    private async Task<(int ExitCode, string Output)> RunUntil(Predicate<string> isIt, params string[] command)
    {
        var started = Stopwatch.GetTimestamp();
        (int ExitCode, string Output) said;
        do
        {
            said = await _mesh.RunAsync(command);
        }
        while (!isIt(said.Output) && Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(1));
        return said;
    }

    private async Task<string[]> Queues()
    {
        using var management = await _mesh.ConnectToManagementAsync();
        using var queues = JsonDocument.Parse(await management.GetStringAsync(new Uri("queues/orafo", UriKind.Relative)));
        return [.. queues.RootElement.EnumerateArray().Select(queue => queue.GetProperty("name").GetString()!)];
    }
}
