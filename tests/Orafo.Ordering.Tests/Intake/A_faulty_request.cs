using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Orafo.Ordering.Intake;

namespace Orafo.Ordering.Tests.Intake;

public sealed class A_faulty_request
{
    private const string Line = """{"sku":"X","quantity":1}""";

    [TestCase("""{}""", "/customerNumber", "/lines")]
    [TestCase("""[]""", "")]
    [TestCase("""null""", "")]
    [TestCase("""{"customerNumber":"C-1001","lines":[]}""", "/lines")]
    [TestCase("""{"customerNumber":"C-1001","lines":{}}""", "/lines")]
    [TestCase("""{"customerNumber":null,"lines":null}""", "/customerNumber", "/lines")]
    [TestCase("""{"customerNumber":7,"lines":[7,null,{"sku":"","quantity":1.5},{"sku":"X","quantity":"2"},{"quantity":1000001,"sku":[]}]}""",
        "/customerNumber", "/lines/0", "/lines/1", "/lines/2/sku", "/lines/2/quantity", "/lines/3/quantity", "/lines/4/sku", "/lines/4/quantity")]
    [TestCase("""{"customerNumber":"C","cuponCode":"X","a/b~c":1,"lines":[{"sku":"X","quantity":1,"price":1}]}""", "/cuponCode", "/a~1b~0c", "/lines/0/price")]
    [TestCase("""{"customerNumber":"C","customerNumber":"D","lines":[{"sku":"X","quantity":1}]}""", "/customerNumber")]
    [TestCase("""{"customerNumber":"C\u0000","couponCode":"\ud800","lines":[{"sku":" ","quantity":1}]}""", "/customerNumber", "/couponCode", "/lines/0/sku")]
    [TestCase("""{"\ud800":1,"customerNumber":"C","lines":[{"sku":"X","quantity":1}]}""", "")]
    [TestCase("""{"customerNumber":"C23456789012345678901234567890123","lines":[{"sku":"X","quantity":99999999999}]}""", "/customerNumber", "/lines/0/quantity")]
    public async Task Is_told_every_fault_and_where_it_is(string body, params string[] pointers)
    {
        using var client = await (await IntakeService.Shared).Client();
        using var answer = await client.Place(body);
        Assert.That(await answer.Problem(), Is.EqualTo((400, "invalid-request")));
        Assert.That((await answer.Json()).GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("pointer").GetString()), Is.EquivalentTo(pointers));
    }

    [Test]
    public async Task Is_told_of_too_many_lines_and_not_of_each()
    {
        using var client = await (await IntakeService.Shared).Client();
        using var answer = await client.Place($$"""{"customerNumber":"C","lines":[{{string.Join(',', Enumerable.Repeat(Line, SubmitOrder.MostLines + 1))}}]}""");
        Assert.That(await answer.Problem(), Is.EqualTo((400, "invalid-request")));
        Assert.That((await answer.Json()).GetProperty("errors").GetArrayLength(), Is.EqualTo(1));
    }

    [Test]
    public async Task Is_told_no_more_faults_than_a_client_can_use()
    {
        using var client = await (await IntakeService.Shared).Client();
        using var answer = await client.Place($$"""{{{string.Join(',', Enumerable.Range(0, 5000).Select(i => $"\"{i}\":1"))}}}""");
        Assert.That(await answer.Problem(), Is.EqualTo((400, "invalid-request")));
        var errors = (await answer.Json()).GetProperty("errors");
        Assert.That((errors.GetArrayLength(), errors[100].GetProperty("detail").GetString()), Is.EqualTo((101, "And 4902 more faults.")));
    }

    [TestCase("{", "Line 1, byte 2.")]
    [TestCase("", "A body is needed.")]
    [TestCase("{\n  \"customerNumber\": C-1001}", "Line 2, byte 21.")]
    [TestCase("{} {}", "Line 1, byte 4.")]
    public async Task Is_told_where_its_JSON_ends_to_be_JSON(string body, string detail)
    {
        using var client = await (await IntakeService.Shared).Client();
        using var answer = await client.Place(body);
        Assert.That(await answer.Problem(), Is.EqualTo((400, "malformed-json")));
        var error = (await answer.Json()).GetProperty("errors")[0];
        Assert.That((error.GetProperty("pointer").GetString(), error.GetProperty("detail").GetString()), Is.EqualTo(("", detail)));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Not.Contain("Exception").And.Not.Contain("System."));
    }

    [TestCase("a b"), TestCase("256 characters")]
    public async Task Is_told_of_an_Idempotency_Key_that_cannot_be_one_with_the_faults_of_its_body(string key)
    {
        using var client = await (await IntakeService.Shared).Client();
        using var answer = await client.Place("""{"lines":[]}""", ("Idempotency-Key", key == "a b" ? key : new string('x', 256)));
        Assert.That(await answer.Problem(), Is.EqualTo((400, "invalid-request")));
        var errors = (await answer.Json()).GetProperty("errors").EnumerateArray().ToArray();
        Assert.That(errors.Count(error => error.TryGetProperty("parameter", out var name) && name.GetString() == "Idempotency-Key"), Is.EqualTo(1));
        Assert.That(errors, Has.Length.EqualTo(3));
    }

    [TestCase("text/plain", null, 415), TestCase("application/json; charset=utf-16", null, 415), TestCase("application/json", "gzip", 415), TestCase(null, null, 415)]
    [TestCase("application/json; charset=utf-8", null, 202), TestCase("application/vnd.shop+json", null, 202)]
    public async Task Is_refused_if_its_body_has_another_form(string? type, string? encoding, int status)
    {
        using var client = await (await IntakeService.Shared).Client();
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(IntakeService.Good));
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        if (encoding is not null)
            content.Headers.ContentEncoding.Add(encoding);
        using var answer = await client.PostAsync(new Uri("orders", UriKind.Relative), content);
        if (status == 202)
            Assert.That((int)answer.StatusCode, Is.EqualTo(202));
        else
            Assert.That(await answer.Problem(), Is.EqualTo((415, "unsupported-media-type")));
    }

    [TestCase(true), TestCase(false)]
    public async Task Is_refused_if_it_is_too_large_whether_or_not_it_says_so(bool isChunked)
    {
        using var client = await (await IntakeService.Shared).Client();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("orders", UriKind.Relative))
        {
            Content = Requests.Json(new string(' ', 65 * 1024) + IntakeService.Good),
            Headers = { TransferEncodingChunked = isChunked },
        };
        using var answer = await client.SendAsync(request);
        Assert.That(await answer.Problem(), Is.EqualTo((413, "too-large")));
    }

    [TestCase("text/html", 406), TestCase("application/json;q=0", 406), TestCase("application/xml, application/json;q=0.1", 202), TestCase("*/*", 202), TestCase("application/*", 202), TestCase("nonsense", 202)]
    public async Task Is_refused_if_it_wants_an_answer_of_another_form(string accept, int status)
    {
        using var client = await (await IntakeService.Shared).Client();
        using var answer = await client.Place(IntakeService.Good, ("Accept", accept));
        if (status == 202)
            Assert.That((int)answer.StatusCode, Is.EqualTo(202));
        else
            Assert.That(await answer.Problem(), Is.EqualTo((406, "not-acceptable")));
    }

    [TestCase("DELETE", "orders", 405, "method-not-allowed"), TestCase("PUT", "orders/019ab1f0-4a3c-7d21-9b5e-6f1c2a7d8e90", 405, "method-not-allowed")]
    [TestCase("GET", "orders/7", 404, "not-found"), TestCase("GET", "nothing", 404, "not-found"), TestCase("GET", "orders/019ab1f0-4a3c-7d21-9b5e-6f1c2a7d8e90", 404, "not-found")]
    [TestCase("GET", "orders?limit=0&after=x&status=Lost&customer=", 400, "invalid-request")]
    public async Task Is_answered_with_a_problem_whatever_it_is(string method, string path, int status, string kind)
    {
        using var client = await (await IntakeService.Shared).Client();
        using var answer = await client.Send(new HttpMethod(method), path, null, ("Accept", "application/json"));
        Assert.That(await answer.Problem(), Is.EqualTo((status, kind)));
        if (status == 405)
            Assert.That(answer.Content.Headers.Allow, Is.Not.Empty);
        if (status == 400)
            Assert.That((await answer.Json()).GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("parameter").GetString()), Is.EquivalentTo(new[] { "status", "customer", "after", "limit" }));
    }

    [Test]
    public async Task Of_a_client_that_asks_too_often_is_told_when_to_come_again_and_others_are_served()
    {
        await using var service = await IntakeService.Start(new Dictionary<string, string> { ["Intake:Burst"] = "2", ["Intake:RequestsPerSecond"] = "1" });
        using var client = await service.Client();
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => client.Place()));
        var refused = answers.Where(answer => answer.StatusCode == HttpStatusCode.TooManyRequests).ToArray();
        Assert.That(refused, Is.Not.Empty);
        Assert.That(await refused[0].Problem(), Is.EqualTo((429, "too-many-requests")));
        Assert.That(refused[0].Headers.RetryAfter?.Delta, Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(1)));
        using var other = await service.Client();
        await other.PlaceGood();
    }

    [Test]
    public async Task Is_told_to_come_again_while_the_database_is_away()
    {
        var servers = await Testing.OwnServers.GetAsync();
        await using var service = await IntakeService.Start(database: await servers.CreateDatabaseAsync("intake"));
        using var client = await service.Client();
        await client.PlaceGood();
        await servers.Postgres.StopAsync();
        try
        {
            using var answer = await client.Place();
            Assert.That(await answer.Problem(), Is.EqualTo((503, "unavailable")));
            Assert.That(answer.Headers.RetryAfter?.Delta, Is.Not.Null);
        }
        finally
        {
            await servers.Postgres.RestartAsync(CancellationToken.None);
        }
    }

    [Test]
    public void Has_kinds_that_the_README_explains()
    {
        var readme = File.ReadAllText(Path.Combine(TestContext.CurrentContext.TestDirectory, "README.md"));
        Assert.That(Problems.All.Where(kind => !readme.Contains($"| `{kind.Name}` | {kind.Status} |", StringComparison.Ordinal)), Is.Empty);
    }
}
