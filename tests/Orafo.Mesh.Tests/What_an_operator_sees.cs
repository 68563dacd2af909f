using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Orafo.Cli.Mesh;
using Orafo.Testing;

namespace Orafo.Mesh.Tests;

/// <summary>Metrics, logs and RabbitMQ's management of a mesh that has done something. It logs as JSON.</summary>
public sealed partial class What_an_operator_sees
{
    private static readonly string[] Services = [.. MeshService.All.Select(service => service.Name)];

    private Testing.Mesh _mesh = null!;
    private string[] _completed = [];
    private string _rejected = "";
    private JsonElement _status;

    [OneTimeSetUp]
    public async Task Up()
    {
        _mesh = await Testing.Mesh.StartAsync(printSeconds: 0, new Dictionary<string, string?>
        {
            ["Logging__Console__FormatterName"] = "json",
            // Nobody listens there; but spans are made, and so there is a trace to name.
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1",
        });
        _status = await _mesh.StatusAsync();
        var orders = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso"))));
        foreach (var order in orders)
            await _mesh.FollowAsync(order!, "Completed");
        _completed = [.. orders.Select(Id)];
        var rejected = await _mesh.PlaceAsync(Testing.Mesh.Sample("bad-unknown-customer"));
        await _mesh.FollowAsync(rejected!, "Rejected");
        _rejected = Id(rejected);
    }

    [OneTimeTearDown]
    public async Task Down() => await _mesh.DisposeAsync();

    [Test]
    public async Task Has_every_metric_that_alerts_and_dashboards_name()
    {
        string[] named =
        [
            .. Observability.Alerts.Select(alert => alert.expr).Concat(Observability.Dashboards.Values.SelectMany(Observability.Panels).SelectMany(Observability.Expressions))
                .SelectMany(Observability.MetricsOf).Distinct(),
        ];
        Assert.That(named, Has.Length.GreaterThan(40));
        // What is counted in a database is there when it was asked for before.
        string[] missing = [];
        await Eventually.Holds(
            async () =>
            {
                // Prometheus' own: whether there was an answer.
                var shown = (await Task.WhenAll(Services.Select(Metrics).Append(BrokerMetrics()))).SelectMany(NamesIn).Append("up").ToHashSet(StringComparer.Ordinal);
                missing = [.. named.Where(name => !shown.Contains(name))];
                return missing.Length == 0;
            }, () => $"nothing is missing: {string.Join(", ", missing)}");
    }

    [Test]
    public async Task Has_labels_that_alerts_tell_things_apart_by()
    {
        var shown = string.Concat(await Task.WhenAll(Services.Select(Metrics).Append(BrokerMetrics())));
        foreach (var label in new[]
        {
            "orafo_intake_duration_seconds_count{.*orafo_outcome=\"stored\"", "orafo_order_step_duration_seconds_count{.*orafo_next=\"Invoicing\".*orafo_state=\"GettingDetails\"",
            "orafo_order_duration_seconds_count{.*orafo_state=\"Completed\"", "orafo_order_duration_seconds_count{.*orafo_state=\"Rejected\"",
            "orafo_pgq_jobs{.*orafo_queue=\"print_job\".*orafo_state=\"parked\"", "orafo_printer_failing{.*orafo_printer=\"main\"",
            "orafo_outbox_lag_seconds{.*orafo_db_context=\"OrderingDb\"", "rabbitmq_detailed_queue_consumers{.*queue=\"hand-over\"",
            "db_client_connection_count{.*pool_name=\"orafo_invoicing\".*state=\"used\"", "db_client_connection_max{.*pool_name=\"orafo_invoicing\"", "le=\"7200\"",
        })
            Assert.That(shown, Does.Match(label));
    }

    [Test]
    public async Task Learns_from_metrics_of_no_single_order_client_or_article()
    {
        var shown = string.Concat(await Task.WhenAll(Services.Select(Metrics)));
        foreach (var single in _completed.Append(_rejected).Concat(["C-1001", "C-9999", "MOK-01", "development", "Password"]))
            Assert.That(shown, Does.Not.Contain(single));
    }

    [Test]
    public async Task Counts_orders_by_state_and_the_age_of_the_oldest()
    {
        using (await _mesh.PauseAsync("invoicing"))
        {
            await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso"))));
            await Eventually.Holds(async () => Value(await Metrics("ordering"), "orafo_orders", "Invoicing") == 3, "three orders are being invoiced");
            Assert.That(Value(await Metrics("ordering"), "orafo_orders_oldest_seconds", "Invoicing"), Is.GreaterThan(0));
            Assert.That(Value(await Metrics("ordering"), "orafo_orders", "Suspended"), Is.Zero);
        }

        await Eventually.Holds(async () => Value(await Metrics("ordering"), "orafo_orders", "Invoicing") == 0, "they have been");
        Assert.That(Value(await Metrics("ordering"), "orafo_orders_oldest_seconds", "Invoicing"), Is.Zero);
    }

    [Test]
    public async Task Shows_metrics_to_nobody_without_the_operators_key([ValueSource(nameof(Services))] string service)
    {
        using var stranger = new HttpClient { BaseAddress = Address(service) };
        foreach (var (header, value) in new (string, string)[]
        {
            ("X-Nothing", "x"), ("X-Api-Key", _status.GetProperty("apiKey").GetString()!), ("Authorization", "Bearer " + new string('a', 64)), ("Authorization", "Bearer"), ("Authorization", "Basic eDp4"),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "metrics") { Headers = { { header, value } } };
            using var answer = await stranger.SendAsync(request);
            Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.Unauthorized, "application/problem+json")), header);
        }
    }

    /// <remarks>As Prometheus asks by the standards of today: names stay as they are in alerts.</remarks>
    [TestCase("text/plain;version=0.0.4"), TestCase("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1")]
    public async Task Shows_the_same_names_however_Prometheus_asks(string accept)
    {
        using var asks = Reader("ordering");
        asks.DefaultRequestHeaders.TryAddWithoutValidation("Accept", accept);
        Assert.That(NamesIn(await asks.GetStringAsync(new Uri("metrics", UriKind.Relative))), Does.Contain("orafo_outbox_published_total"));
    }

    [Test]
    public async Task Has_one_line_for_each_order_in_each_service()
    {
        Dictionary<string, string> said = new()
        {
            ["ordering"] = "is Completed after ",
            ["order-details"] = "is accepted",
            ["invoicing"] = "has invoice ",
            ["hand-over"] = "is handed over",
        };
        foreach (var service in Services)
        {
            await Eventually.Holds(() => _completed.All(order => About(service, order).Any()), $"{service} speaks of all orders");
            foreach (var order in _completed)
            {
                var line = About(service, order).Single(line => line.GetProperty("LogLevel").GetString() is not "Debug");
                Assert.That((line.GetProperty("LogLevel").GetString(), line.GetProperty("Message").GetString()), Is.EqualTo(("Information", line.GetProperty("Message").GetString())));
                Assert.That(line.GetProperty("Message").GetString(), Does.Contain(said[service]));
            }
        }

        await Eventually.Holds(() => About("order-details", _rejected).Any() && About("ordering", _rejected).Any(), "both speak of the rejected order");
        Assert.That(About("order-details", _rejected).Concat(About("ordering", _rejected)).Select(line => line.GetProperty("LogLevel").GetString()), Is.EqualTo(new[] { "Information", "Information" }));
    }

    [Test]
    public async Task Finds_order_trace_and_message_or_job_beside_each_line_of_their_handling()
    {
        foreach (var service in Services)
        {
            await Eventually.Holds(() => _completed.All(order => About(service, order).Any()), $"{service} speaks of all orders");
            foreach (var order in _completed)
            {
                var line = About(service, order).Single();
                Assert.That(Beside(line, "OrderId"), Is.EqualTo(new[] { order }), service);
                // Who hands over is a job.
                Assert.That(Beside(line, service == "hand-over" ? "JobId" : "MessageId"), Has.Length.EqualTo(1).And.All.Match("^[0-9a-f-]{36}$"), service);
                Assert.That(Beside(line, "TraceId"), Has.Length.EqualTo(1).And.All.Match("^[0-9a-f]{32}$"), service);
            }
        }

        // The same in all of them: where the order's trace goes on.
        foreach (var order in _completed)
            Assert.That(Services.Select(service => Beside(About(service, order).Single(), "TraceId").Single()).Distinct().ToArray(), Has.Length.EqualTo(1));
    }

    [Test]
    public void Reads_no_error_of_what_went_well() =>
        Assert.That(Services.SelectMany(Lines).Where(line => line.GetProperty("LogLevel").GetString() is "Error" or "Critical").Select(line => line.ToString()), Is.Empty);

    [Test]
    public async Task Sees_who_is_connected_who_consumes_and_what_queues_are_held_to()
    {
        using var management = Management();
        JsonElement[] connections = [], consumers = [];
        // The management's statistics come a few seconds late.
        await Eventually.Holds(
            async () =>
            {
                connections = await Get("connections");
                consumers = await Get("consumers/orafo");
                return connections.Length >= Services.Length && consumers.Length >= 8;
            }, "all services are connected");
        var instances = new List<string>();
        foreach (var service in MeshService.All)
            instances.Add($"{service.Project} {Environment.MachineName}-{await _mesh.PidAsync(service.Name)}");
        Assert.That(connections.Select(connection => connection.GetProperty("user_provided_name").GetString()), Is.EquivalentTo(instances));
        Assert.That(consumers.Select(consumer => (consumer.GetProperty("queue").GetProperty("name").GetString(), consumer.GetProperty("consumer_tag").GetString())),
            Is.EquivalentTo(MeshService.All.SelectMany((service, number) => service.Queues.Select(queue => (queue, instances[number])))));
        Assert.That((await Get("policies/orafo")).Select(policy => policy.GetProperty("name").GetString()), Is.EqualTo(new[] { "orafo-queues" }));
        Assert.That((await Get("exchanges/orafo")).Select(exchange => exchange.GetProperty("name").GetString()), Does.Contain("GenerateInvoice"));

        async Task<JsonElement[]> Get(string what) => [.. (await management.GetFromJsonAsync<JsonElement>(new Uri(what, UriKind.Relative))).EnumerateArray()];
    }

    [Test]
    public async Task May_only_look_on_at_the_broker()
    {
        using var management = Management();
        (HttpMethod Method, string Path, object? Body)[] writes =
        [
            (HttpMethod.Put, "queues/orafo/mine", new { durable = true }),
            (HttpMethod.Delete, "queues/orafo/invoice", null),
            (HttpMethod.Delete, "queues/orafo/invoice/contents", null),
            (HttpMethod.Post, "queues/orafo/invoice/get", new { count = 1, ackmode = "ack_requeue_true", encoding = "auto" }),
            (HttpMethod.Post, "exchanges/orafo/GenerateInvoice/publish", new { properties = new { }, routing_key = "", payload = "{}", payload_encoding = "string" }),
            (HttpMethod.Put, "exchanges/orafo/mine", new { type = "fanout" }),
            (HttpMethod.Put, "policies/orafo/mine", new { pattern = ".*", definition = new Dictionary<string, object> { ["max-length"] = 1 } }),
            (HttpMethod.Put, "users/mine", new { password = "x", tags = "administrator" }),
            (HttpMethod.Put, "permissions/orafo/operator", new { configure = ".*", write = ".*", read = ".*" }),
            (HttpMethod.Put, "vhosts/mine", new { }),
        ];
        foreach (var (method, path, body) in writes)
        {
            using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
            using var answer = await management.SendAsync(request);
            var said = await answer.Content.ReadAsStringAsync();
            // What the broker itself refuses comes back as 400 with its word for it.
            Assert.That(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden || (answer.StatusCode == HttpStatusCode.BadRequest && said.Contains("ACCESS_REFUSED", StringComparison.Ordinal)),
                $"{method} {path}: {answer.StatusCode} {said}");
        }

        using var users = await management.GetAsync(new Uri("users", UriKind.Relative));
        Assert.That(users.IsSuccessStatusCode, Is.False, "hashes of passwords are not shown");
    }

    private static string Id(Uri? order) => order!.ToString().Split('/')[^1];

    private Uri Address(string service) =>
        new(_status.GetProperty("services").EnumerateArray().Single(part => part.GetProperty("name").GetString() == service).GetProperty("url").GetString()!);

    /// <summary>As Prometheus asks.</summary>
    private HttpClient Reader(string service) => new()
    {
        BaseAddress = Address(service),
        DefaultRequestHeaders = { Authorization = new("Bearer", File.ReadAllText(new DataDirectory(_mesh.Directory).OperatorKey).Trim()) },
    };

    private async Task<string> Metrics(string service)
    {
        using var reader = Reader(service);
        return await reader.GetStringAsync(new Uri("metrics", UriKind.Relative));
    }

    private async Task<string> BrokerMetrics()
    {
        using var http = new HttpClient();
        var metrics = _status.GetProperty("brokerMetrics").GetString()!;
        return await http.GetStringAsync(new Uri(metrics)) + await http.GetStringAsync(new Uri(metrics + "/detailed?vhost=orafo&family=queue_coarse_metrics&family=queue_consumer_count"));
    }

    private static IEnumerable<string> NamesIn(string metrics) => SampleName().Matches(metrics).Select(match => match.Value);

    /// <summary>Null if it is not shown.</summary>
    private static double? Value(string metrics, string name, string state) =>
        Regex.Match(metrics, $$"""^{{name}}\{[^}]*orafo_state="{{state}}"[^}]*\} ([0-9.eE+-]+)""", RegexOptions.Multiline) is { Success: true } sample
            ? double.Parse(sample.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : null;

    /// <summary>In the text or beside it.</summary>
    private IEnumerable<JsonElement> About(string service, string order) => Lines(service).Where(line => line.ToString().Contains(order, StringComparison.Ordinal));

    /// <summary>All that the service has logged so far.</summary>
    private IEnumerable<JsonElement> Lines(string service)
    {
        using var log = new StreamReader(new FileStream(new DataDirectory(_mesh.Directory).Log(service), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (log.ReadLine() is { } line)
        {
            // The last one may be on its way.
            if (line.StartsWith('{') && line.EndsWith('}'))
                yield return JsonDocument.Parse(line).RootElement;
        }
    }

    /// <summary>What scopes say by that name.</summary>
    private static string[] Beside(JsonElement line, string name) =>
        [.. line.GetProperty("Scopes").EnumerateArray().Where(scope => scope.ValueKind == JsonValueKind.Object && scope.TryGetProperty(name, out _)).Select(scope => scope.GetProperty(name).ToString())];

    private HttpClient Management()
    {
        var management = _status.GetProperty("management");
        var user = management.GetProperty("operator");
        var credentials = $"{user.GetProperty("user").GetString()}:{user.GetProperty("password").GetString()}";
        return new HttpClient
        {
            BaseAddress = new Uri(management.GetProperty("url").GetString() + "/api/"),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials))) },
        };
    }

    [GeneratedRegex(@"^[a-z_:][\w:]*(?=[{ ])", RegexOptions.Multiline)]
    private static partial Regex SampleName();
}
