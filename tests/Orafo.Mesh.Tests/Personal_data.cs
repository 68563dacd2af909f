using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;
using Orafo.Contracts;
using Orafo.Testing;

namespace Orafo.Mesh.Tests;

/// <summary>What identifies a person is in messages' bodies and in tables, and nowhere else: no log, no span, no metric, no header, no exception's text (GDPR art. 5 and 25).</summary>
/// <remarks>Each marked member of the contracts has a value that is found nowhere by chance (and that JSON leaves as it is), and so has each secret. They go through a whole mesh, on all ways that fail, too.</remarks>
public sealed class Personal_data
{
    private const string Blocked = "C-9102";
    private const string Customer = "C-9101";
    private const string Tap = "tap";

    /// <summary>PostgreSQL's text holds no NUL.</summary>
    private const string Unstorable = "C-9103\0";

    /// <summary>A country identifies nobody, and there are too few of them to be told from other text.</summary>
    private static readonly string[] Harmless = ["Party.Country"];

    /// <summary>Why an order is cancelled: one text in all messages about it.</summary>
    private static readonly string Reason = $"Zaunkoenig {Unique()} wants it no more.";

    private static readonly Dictionary<string, string> Canaries = new(StringComparer.Ordinal)
    {
        ["Party.Name"] = $"Zilpzalp {Unique()}",
        ["Party.Street"] = $"Rotkehlchenweg {Unique()}",
        ["Party.PostalCode"] = $"P-{Unique()}",
        ["Party.City"] = $"Zaunkoenigsberg {Unique()}",
        ["Party.VatId"] = $"ATU{RandomNumberGenerator.GetInt32(10_000_000, 99_999_999)}",
        ["CancelOrder.Reason"] = Reason,
        ["OrderCancelled.Reason"] = Reason,
        ["CreditInvoice.Reason"] = Reason,
    };

    private readonly ConcurrentQueue<string> _told = [];
    private readonly string _secretPath = Unique();
    private SpanCollector _collector = null!;
    private Testing.Mesh _mesh = null!;
    private HttpListener _receiver = null!;
    private HttpClient _management = null!;

    [OneTimeSetUp]
    public async Task Up()
    {
        var receiver = $"http://127.0.0.1:{Ports.Free()}/";
        _receiver = new HttpListener { Prefixes = { receiver } };
        _receiver.Start();
        _ = Hear();
        _collector = new SpanCollector();
        _mesh = await Testing.Mesh.StartAsync(printSeconds: 0, new Dictionary<string, string?>(_collector.Settings)
        {
            ["Printing__Attempts"] = "2",
            ["Printing__LongestPause"] = "00:00:01",
            ["Webhooks__AllowedNetworks__0"] = "127.0.0.0/8",
            ["Webhooks__Receivers__shop__Url"] = $"{receiver}shop/{_secretPath}?key={_secretPath}",
            ["Webhooks__Receivers__shop__Secrets__0"] = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)),
            ["Callbacks__AllowedNetworks__0"] = "127.0.0.0/8",
        });
        var management = (await _mesh.StatusAsync()).GetProperty("management");
        _management = new HttpClient
        {
            BaseAddress = new Uri(management.GetProperty("url").GetString() + "/api/"),
            DefaultRequestHeaders = { Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{management.GetProperty("user").GetString()}:{management.GetProperty("password").GetString()}"))) },
        };
        using (var callback = await _mesh.Api.PutAsJsonAsync(new Uri("callback", UriKind.Relative), new { url = $"{receiver}client/{_secretPath}" }))
            callback.EnsureSuccessStatusCode();
        using var catalogue = await _mesh.ConnectAsync("order-details");
        foreach (var (number, isBlocked) in new[] { (Customer, false), (Blocked, true) })
        {
            using var put = await catalogue.PutAsJsonAsync(new Uri($"customers/{number}", UriKind.Relative), new
            {
                name = Canaries["Party.Name"],
                street = Canaries["Party.Street"],
                postalCode = Canaries["Party.PostalCode"],
                city = Canaries["Party.City"],
                country = "AT",
                vatId = Canaries["Party.VatId"],
                isBlocked,
            });
            Assert.That(put.IsSuccessStatusCode, await put.Content.ReadAsStringAsync());
        }
    }

    [OneTimeTearDown]
    public async Task Down()
    {
        _management.Dispose();
        await _mesh.DisposeAsync();
        await _collector.DisposeAsync();
        _receiver.Close();
    }

    [Test]
    public void Has_a_canary_for_each_member_that_is_marked()
    {
        var types = typeof(GetOrderDetails).Assembly.GetExportedTypes();
        var members = types.SelectMany(type => type.GetProperties()).Where(member => member.IsDefined(typeof(PersonalDataAttribute)) || member.DeclaringType!.IsDefined(typeof(PersonalDataAttribute))).ToArray();
        var texts = members.Where(member => member.PropertyType == typeof(string)).Select(member => $"{member.DeclaringType!.Name}.{member.Name}");
        Assert.That(texts.Except(Harmless), Is.EquivalentTo(Canaries.Keys));
        Assert.That(members.Where(member => member.PropertyType != typeof(string) && !member.PropertyType.IsDefined(typeof(PersonalDataAttribute))), Is.Empty, "neither a text nor a type that is marked: it needs a canary, too");
    }

    [Test]
    public async Task Is_in_no_log_span_metric_header_or_exception()
    {
        await FailOnAllWays();
        await TapAll();
        await FailOnAllWays();
        await GoOnAllWays();
        await ExportAll();

        var secrets = new Dictionary<string, string>(Canaries, StringComparer.Ordinal)
        {
            ["the path of an address"] = _secretPath,
            ["the API key"] = _mesh.Api.DefaultRequestHeaders.GetValues("X-Api-Key").Single(),
            ["the operators' key"] = (await File.ReadAllTextAsync(new DataDirectory(_mesh.Directory).OperatorKey)).Trim(),
        };
        var tapped = await Tapped();
        var logs = Logs();
        var exported = _collector.Requests.Select((request, i) => ($"export {i}", Encoding.UTF8.GetString(request))).ToArray();
        using (Assert.EnterMultipleScope())
        {
            // They did come by.
            foreach (var (member, canary) in Canaries)
                Assert.That(tapped.Any(message => (member.StartsWith("Party.", StringComparison.Ordinal) || message.From == member.Split('.')[0]) && message.Body.Contains(canary, StringComparison.Ordinal)), Is.True, $"{member} is in a message");
            Assert.That(_told.Select(path => path.Split('/')[1]).Distinct(), Is.EquivalentTo(new[] { "shop", "client" }), "webhooks were sent");
            Assert.That(_collector.Spans.Any(span => span.Events.Any(happened => happened.Attributes.ContainsKey("exception.message"))), Is.True, "exceptions are in spans");
            Assert.That(tapped.Any(message => message.Around.Contains("MT-Fault-Message", StringComparison.Ordinal)), Is.True, "exceptions are in headers");
            Assert.That(logs.SelectMany(log => log.Text.Split('\n')).Where(line => line.Contains("R-FAULT", StringComparison.Ordinal)),
                Is.Not.Empty.And.All.Match("=> OrderId:[0-9a-f-]{36} MessageId:[0-9a-f-]{36}"), "exceptions are in logs, found by their order");
            Assert.That(_collector.Exports.Keys, Is.EquivalentTo(SpanCollector.Services), "metrics came");

            Assert.That(Leaks(logs, secrets), Is.Empty, "logs");
            Assert.That(Leaks(exported, secrets), Is.Empty, "spans and metrics");
            Assert.That(Leaks(tapped.Select(message => (message.From, message.Around)), secrets), Is.Empty, "headers and faults");
        }
    }

    /// <summary>Messages that fail in each service, or cannot even be read.</summary>
    private async Task FailOnAllWays()
    {
        var party = new JsonObject
        {
            ["name"] = Canaries["Party.Name"],
            ["street"] = Canaries["Party.Street"],
            ["postalCode"] = Canaries["Party.PostalCode"],
            ["city"] = Canaries["Party.City"],
            ["country"] = "AT",
            ["vatId"] = Canaries["Party.VatId"],
        };
        var before = await ErrorsIn("invoice", "hand-over", "order-saga");
        // An invoice that does not add up is refused by its consumer.
        await Publish("GenerateInvoice", new() { ["customerNumber"] = Customer, ["customer"] = party.DeepClone(), ["lines"] = new JsonArray(), ["totals"] = Totals(gross: "1") });
        // What the database cannot hold is refused by it, in the middle of a statement that holds all the rest.
        await Publish("GenerateInvoice", new() { ["customerNumber"] = Unstorable, ["customer"] = party.DeepClone(), ["lines"] = new JsonArray(), ["totals"] = Totals(gross: "0"), ["delivery"] = "electronic" });
        await Publish("HandOverOrder", new()
        {
            ["customerNumber"] = Unstorable,
            ["invoiceNumber"] = "2026-000001",
            ["deliverTo"] = party.DeepClone(),
            ["lines"] = new JsonArray(),
            ["total"] = new JsonObject { ["amount"] = "1", ["currency"] = "EUR" },
        });
        // A member of the wrong type cannot be read.
        var unreadable = party.DeepClone().AsObject();
        unreadable["postalCode"] = new JsonArray(Canaries["Party.PostalCode"]);
        await Publish("GenerateInvoice", new() { ["customerNumber"] = Customer, ["customer"] = unreadable, ["lines"] = new JsonArray(), ["totals"] = Totals(gross: "0") });
        // Of an order that nobody placed, the saga wants to hear nothing.
        await Publish("OrderDetailsReady", new() { ["customer"] = party.DeepClone(), ["lines"] = new JsonArray(), ["totals"] = Totals(gross: "0") });
        await Eventually.Holds(
            async () => await ErrorsIn("invoice") >= Before("invoice") + 3 && await ErrorsIn("hand-over") > Before("hand-over") && await ErrorsIn("order-saga") > Before("order-saga"),
            "what fails is put aside");

        int Before(string queue) => before.GetValueOrDefault(queue);
    }

    private static JsonObject Totals(string gross) => new()
    {
        ["currency"] = "EUR",
        ["linesNet"] = "0",
        ["allowance"] = "0",
        ["net"] = "0",
        ["vat"] = "0",
        ["gross"] = gross,
        ["vatBreakdown"] = new JsonArray(),
    };

    /// <summary>Orders that end in each of the ways.</summary>
    private async Task GoOnAllWays()
    {
        var completed = await Place(Customer);
        var status = await _mesh.FollowAsync(completed, "Completed");
        foreach (var form in new[] { "application/pdf", "application/xml", "application/json" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(status.GetProperty("links").GetProperty("invoice").GetString()!, UriKind.Relative)) { Headers = { { "Accept", form } } };
            using var answer = await _mesh.Api.SendAsync(request);
            answer.EnsureSuccessStatusCode();
        }

        await _mesh.FollowAsync(await Place(Blocked), "Rejected");

        using var printer = await Device("printer");
        await Set(printer, new { offline = true });
        var parked = await Place(Customer);
        await _mesh.FollowAsync(parked, "Suspended");
        var cancelled = await Place(Customer);
        await _mesh.FollowAsync(cancelled, "Suspended");
        using (var cancel = await _mesh.Api.PostAsJsonAsync(new Uri($"{cancelled}/cancellation", UriKind.Relative), new { reason = Reason }))
            cancel.EnsureSuccessStatusCode();
        await _mesh.FollowAsync(cancelled, "Cancelled");
        await Set(printer, new { });
        var (exitCode, output) = await _mesh.RunAsync("print", "retry");
        Assert.That(exitCode, Is.Zero, output);
        await _mesh.FollowAsync(parked, "Completed");

        using var carrier = await Device("carrier");
        await Set(carrier, new { refusePostalCode = Canaries["Party.PostalCode"] });
        var refused = await Place(Customer);
        await _mesh.FollowAsync(refused, "Suspended");
        await Set(carrier, new { });
        using (var resumed = await _mesh.Api.PostAsync(new Uri($"{refused}/resumption", UriKind.Relative), null))
            resumed.EnsureSuccessStatusCode();
        await _mesh.FollowAsync(refused, "Completed");
        await Eventually.Holds(() => _told.Any(path => path.StartsWith("/shop/", StringComparison.Ordinal)) && _told.Any(path => path.StartsWith("/client/", StringComparison.Ordinal)), "webhooks are sent");
    }

    /// <summary>Until what has ended so far has been exported.</summary>
    private async Task ExportAll()
    {
        var before = SpanCollector.Services.ToDictionary(service => service, service => _collector.Exports.GetValueOrDefault(service));
        await Eventually.Holds(() => SpanCollector.Services.All(service => _collector.Exports.GetValueOrDefault(service) >= before[service] + 2), "each service has exported its metrics");
    }

    private async Task<Uri> Place(string customer) =>
        (await _mesh.PlaceAsync(Testing.Mesh.Sample("good-espresso").Replace("C-1001", customer, StringComparison.Ordinal)))!;

    private async Task<HttpClient> Device(string name) => new() { BaseAddress = new Uri((await _mesh.StatusAsync()).GetProperty(name).GetString()!) };

    private static async Task Set(HttpClient device, object faults)
    {
        using var set = await device.PutAsJsonAsync(new Uri("faults", UriKind.Relative), faults);
        set.EnsureSuccessStatusCode();
    }

    /// <summary>Past every client library.</summary>
    private async Task Publish(string message, JsonObject members)
    {
        var (order, id) = (Guid.CreateVersion7().ToString(), Guid.CreateVersion7().ToString());
        members["orderId"] = order;
        var envelope = new JsonObject
        {
            ["messageId"] = id,
            ["correlationId"] = order,
            ["messageType"] = new JsonArray($"urn:message:Orafo.Contracts:{message}"),
            ["message"] = members,
        };
        using var published = await _management.PostAsJsonAsync(
            new Uri($"exchanges/orafo/{message}/publish", UriKind.Relative),
            new { properties = new { content_type = "application/vnd.masstransit+json", delivery_mode = 2, message_id = id, correlation_id = order }, routing_key = "", payload = envelope.ToJsonString(), payload_encoding = "string" });
        published.EnsureSuccessStatusCode();
        Assert.That((await published.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("routed").GetBoolean(), Is.True, message);
    }

    private async Task<int> ErrorsIn(string queue) => (await ErrorsIn([queue])).GetValueOrDefault(queue);

    private async Task<Dictionary<string, int>> ErrorsIn(params string[] queues)
    {
        var known = await _management.GetFromJsonAsync<JsonElement>(new Uri("queues/orafo", UriKind.Relative));
        return known.EnumerateArray().Select(queue => (Name: queue.GetProperty("name").GetString()!, Messages: queue.TryGetProperty("messages", out var messages) ? messages.GetInt32() : 0))
            .Where(queue => queue.Name.EndsWith("_error", StringComparison.Ordinal) && queues.Contains(queue.Name[..^"_error".Length]))
            .ToDictionary(queue => queue.Name[..^"_error".Length], queue => queue.Messages, StringComparer.Ordinal);
    }

    /// <summary>A queue that gets everything that any exchange takes, faults included.</summary>
    private async Task TapAll()
    {
        using (var made = await _management.PutAsJsonAsync(new Uri($"queues/orafo/{Tap}", UriKind.Relative), new { durable = true }))
            made.EnsureSuccessStatusCode();
        var exchanges = await _management.GetFromJsonAsync<JsonElement>(new Uri("exchanges/orafo", UriKind.Relative));
        foreach (var name in exchanges.EnumerateArray().Select(exchange => exchange.GetProperty("name").GetString()!).Where(name => name.Length > 0 && !name.StartsWith("amq.", StringComparison.Ordinal)))
        {
            using var bound = await _management.PostAsJsonAsync(new Uri($"bindings/orafo/e/{Uri.EscapeDataString(name)}/q/{Tap}", UriKind.Relative), new { routing_key = "" });
            bound.EnsureSuccessStatusCode();
        }
    }

    /// <summary>All messages that came to the tap.</summary>
    private async Task<List<Message>> Tapped()
    {
        List<Message> messages = [];
        while (true)
        {
            using var got = await _management.PostAsJsonAsync(
                new Uri($"queues/orafo/{Tap}/get", UriKind.Relative), new { count = 200, ackmode = "ack_requeue_false", encoding = "auto" });
            var some = await got.Content.ReadFromJsonAsync<JsonElement>();
            if (some.GetArrayLength() == 0)
                return messages;
            foreach (var message in some.EnumerateArray())
            {
                // All but what it says; and of a fault, what is said about it.
                var envelope = JsonNode.Parse(message.GetProperty("payload").GetString()!)!.AsObject();
                var said = envelope["message"] as JsonObject;
                envelope.Remove("message");
                var around = message.GetProperty("properties").GetRawText() + Text(envelope) + (said?["exceptions"] is { } exceptions ? Text(exceptions) : "");
                messages.Add(new(message.GetProperty("exchange").GetString()!, message.GetProperty("payload").GetString()!, around));
            }
        }

        static string Text(JsonNode node) => node.ToJsonString();
    }

    /// <summary>Of all processes: the servers', too.</summary>
    private (string File, string Text)[] Logs()
    {
        var data = new DataDirectory(_mesh.Directory);
        var directories = new[] { Path.GetDirectoryName(data.SupervisorLog)!, data.Postgres, data.RabbitMq, Path.Combine(data.RabbitMq, "log") };
        return [.. directories.Where(Directory.Exists).SelectMany(directory => Directory.EnumerateFiles(directory, "*.log")).Select(file => (file, File.ReadAllText(file)))];
    }

    private static IEnumerable<string> Leaks(IEnumerable<(string Where, string Text)> texts, Dictionary<string, string> secrets) =>
        from text in texts
        from secret in secrets
        let at = text.Text.IndexOf(secret.Value, StringComparison.Ordinal)
        where at >= 0
        select $"{secret.Key} in {text.Where}: {text.Text[Math.Max(0, at - 200)..Math.Min(text.Text.Length, at + 100)]}";

    private static string Unique() => RandomNumberGenerator.GetHexString(10, lowercase: true);

    /// <summary>Answers all webhooks, until it is closed.</summary>
    private async Task Hear()
    {
        try
        {
            while (true)
            {
                var request = await _receiver.GetContextAsync();
                _told.Enqueue(request.Request.Url!.AbsolutePath);
                try
                {
                    request.Response.Close();
                }
                // Whoever told it hung up; others tell, too.
                catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException)
                {
                }
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
        }
    }

    /// <param name="From">The exchange.</param>
    /// <param name="Body">All that it carries.</param>
    /// <param name="Around">What it carries besides what it says: properties, headers, exceptions.</param>
    private sealed record Message(string From, string Body, string Around);
}
