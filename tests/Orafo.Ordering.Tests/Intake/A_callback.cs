using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Ordering.Access;
using Orafo.Ordering.Notifying;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.Ordering.Tests.Intake;

public sealed class A_callback
{
    private const string Somewhere = """{"url":"https://shop.example/orders"}""";

    [Test]
    public async Task Is_set_with_a_secret_that_is_answered_once_and_stored_nowhere()
    {
        var service = await IntakeService.Shared;
        var name = $"client-{Guid.CreateVersion7():n}";
        using var client = await service.ClientNamed(name);
        using var first = await client.Send(HttpMethod.Put, "callback", Somewhere);
        Assert.That((first.StatusCode, first.Headers.CacheControl?.NoStore), Is.EqualTo((HttpStatusCode.Created, true)));
        var secret = (await first.Json()).GetProperty("secret").GetString()!;
        Assert.That(Convert.FromBase64String(secret["whsec_".Length..]), Has.Length.EqualTo(32));

        using var again = await client.Send(HttpMethod.Put, "callback", """{"url":"https://shop.example/elsewhere"}""");
        Assert.That((again.StatusCode, (await again.Json()).TryGetProperty("secret", out _)), Is.EqualTo((HttpStatusCode.OK, false)));
        using var read = await client.Send(HttpMethod.Get, "callback");
        var its = await read.Json();
        Assert.That((its.GetProperty("url").GetString(), its.TryGetProperty("secret", out _)), Is.EqualTo(("https://shop.example/elsewhere", false)));

        var row = await service.Look(db => db.Database.SqlQuery<string>($"select callbacks::text as \"Value\" from callbacks where client = {name}").SingleAsync());
        Assert.That(row, Does.Contain("https://shop.example/elsewhere").And.Not.Contain(secret["whsec_".Length..]));
    }

    [TestCase("""{"url":"http://shop.example/orders"}""", "/url")]
    [TestCase("""{"url":"https://user:word@shop.example/orders"}""", "/url")]
    [TestCase("""{"url":"ftp://shop.example/orders"}""", "/url")]
    [TestCase("""{"url":"/orders"}""", "/url")]
    [TestCase("""{"url":"https://localhost/orders"}""", "/url")]
    [TestCase("""{"url":"https://127.0.0.1/orders"}""", "/url")]
    [TestCase("""{"url":"https://2130706433/orders"}""", "/url")]
    [TestCase("""{"url":"https://0x7f.1/orders"}""", "/url")]
    [TestCase("""{"url":"https://[::1]/orders"}""", "/url")]
    [TestCase("""{"url":"https://[::ffff:10.1.2.3]/orders"}""", "/url")]
    [TestCase("""{"url":"https://10.1.2.3/orders"}""", "/url")]
    [TestCase("""{"url":"https://169.254.169.254/latest/meta-data"}""", "/url")]
    [TestCase("""{"url":7,"secret":"whsec_"}""", "/secret", "/url")]
    [TestCase("""{}""", "/url")]
    [TestCase("""[]""", "")]
    public async Task Is_refused_with_every_fault_if_nobody_should_be_called_there(string body, params string[] pointers)
    {
        using var client = await (await IntakeService.Shared).Client();
        using var answer = await client.Send(HttpMethod.Put, "callback", body);
        Assert.That(await answer.Problem(), Is.EqualTo((400, "invalid-request")));
        Assert.That((await answer.Json()).GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("pointer").GetString()), Is.EquivalentTo(pointers));
        using var read = await client.Send(HttpMethod.Get, "callback");
        Assert.That(await read.Problem(), Is.EqualTo((404, "not-found")));
    }

    [Test]
    public async Task Is_refused_if_its_address_is_too_long_or_there_is_none()
    {
        using var client = await (await IntakeService.Shared).Client();
        using var longest = await client.Send(HttpMethod.Put, "callback", $$"""{"url":"https://shop.example/{{new string('x', Callback.LongestUrl)}}"}""");
        Assert.That(await longest.Problem(), Is.EqualTo((400, "invalid-request")));
        using var large = await client.Send(HttpMethod.Put, "callback", $$"""{"url":"https://shop.example/{{new string('x', 20_000)}}"}""");
        Assert.That(await large.Problem(), Is.EqualTo((413, "too-large")));
        using var none = await client.Send(HttpMethod.Put, "callback");
        Assert.That(await none.Problem(), Is.EqualTo((400, "malformed-json")));
    }

    [Test]
    public async Task Is_deleted_with_its_secrets()
    {
        using var client = await (await IntakeService.Shared).Client();
        using var first = await client.Send(HttpMethod.Put, "callback", Somewhere);
        using var deleted = await client.Send(HttpMethod.Delete, "callback");
        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        using var twice = await client.Send(HttpMethod.Delete, "callback");
        Assert.That(await twice.Problem(), Is.EqualTo((404, "not-found")));
        using var anew = await client.Send(HttpMethod.Put, "callback", Somewhere);
        Assert.That(anew.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await anew.Json()).GetProperty("secret").GetString(), Is.Not.EqualTo((await first.Json()).GetProperty("secret").GetString()));
    }

    [Test]
    public async Task Is_tried_and_signed_with_both_secrets_while_one_takes_the_place_of_the_other()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(shop);
        using var client = await service.Client();
        using var set = await client.Send(HttpMethod.Put, "callback", $$"""{"url":"{{shop.Url}}"}""");
        var first = Key((await set.Json()).GetProperty("secret").GetString()!);
        await Test(client);
        var told = await shop.Hears(1);
        Assert.That(told.Signature, Is.EqualTo(Signature(told, first)));
        var said = JsonDocument.Parse(told.Body).RootElement;
        Assert.That((said.GetProperty("type").GetString(), said.GetProperty("id").GetString()), Is.EqualTo(("orafo.ping.v1", told.Id)));

        using var replaced = await client.Send(HttpMethod.Post, "callback/secret");
        Assert.That((replaced.StatusCode, replaced.Headers.CacheControl?.NoStore), Is.EqualTo((HttpStatusCode.OK, true)));
        var answer = await replaced.Json();
        var second = Key(answer.GetProperty("secret").GetString()!);
        Assert.That(answer.GetProperty("oldUntil").GetDateTimeOffset(), Is.GreaterThan(DateTimeOffset.UtcNow.AddHours(23)));
        await NothingLeft(service);
        await Test(client);
        var both = await shop.Hears(2);
        Assert.That(both.Signature, Is.EqualTo($"{Signature(both, second)} {Signature(both, first)}"));
    }

    [Test]
    public async Task Is_tried_once_whatever_comes_of_it()
    {
        await using var shop = new WebhookListener { Answers = _ => 500 };
        await using var service = await Start(shop);
        using var client = await service.Client();
        using var set = await client.Send(HttpMethod.Put, "callback", $$"""{"url":"{{shop.Url}}"}""");
        await Test(client);
        await shop.Hears(1);
        await NothingLeft(service);
        Assert.That(shop.Said, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task That_was_given_up_is_shown_to_an_administrator_who_has_it_tried_again()
    {
        await using var shop = new WebhookListener { Answers = _ => 500 };
        await using var service = await Start(shop, attempts: 1);
        var name = $"client-{Guid.CreateVersion7():n}";
        using var client = await service.ClientNamed(name);
        using var set = await client.Send(HttpMethod.Put, "callback", $$"""{"url":"{{shop.Url}}"}""");
        var queue = service.Services.GetRequiredService<JobQueue<TellClient>>();
        await queue.PublishAsync(new NewJob<TellClient>(new("orafo.order.completed.v1", "an-order-4", DateTimeOffset.UnixEpoch, new(Guid.Empty, "Completed", "C-1001", null, null, null)))
        {
            Metadata = new Dictionary<string, string> { [TellClient.Client] = name },
            DeduplicationKey = "an-order-4",
        });
        using var admin = await service.Client(Scopes.Admin);
        JsonElement[] parked = [];
        await Eventually.Holds(async () => (parked = await Parked()).Length == 1, "it is parked");
        Assert.That((parked[0].GetProperty("client").GetString(), parked[0].GetProperty("event").GetString(), parked[0].GetProperty("error").GetString()),
            Is.EqualTo((name, "an-order-4", "The receiver answered 500.")));

        shop.Answers = _ => 204;
        var again = $"callbacks/parked/{parked[0].GetProperty("id").GetGuid()}/retry";
        using var retried = await admin.Send(HttpMethod.Post, again);
        Assert.That(retried.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        await NothingLeft(service);
        Assert.That(shop.Said, Has.Count.EqualTo(2));
        Assert.That(await Parked(), Is.Empty);
        using var late = await admin.Send(HttpMethod.Post, again);
        Assert.That(await late.Problem(), Is.EqualTo((404, "not-found")));

        async Task<JsonElement[]> Parked()
        {
            using var answer = await admin.Send(HttpMethod.Get, "callbacks/parked");
            return [.. (await answer.Json()).GetProperty("callbacks").EnumerateArray()];
        }
    }

    [Test]
    public async Task Is_one_and_has_all_secrets_though_many_ask_at_the_same_time()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(shop);
        using var client = await service.Client();
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.Send(HttpMethod.Put, "callback", $$"""{"url":"{{shop.Url}}"}""")));
        Assert.That(answers.Select(answer => (int)answer.StatusCode).Order(), Is.EqualTo(Enumerable.Repeat(200, 7).Append(201)));
        List<string> secrets = [];
        foreach (var answer in answers.Where(answer => answer.StatusCode == HttpStatusCode.Created)
            .Concat(await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => client.Send(HttpMethod.Post, "callback/secret")))))
            secrets.Add((await answer.Json()).GetProperty("secret").GetString()!);
        await Test(client);
        var told = await shop.Hears(1);
        Assert.That(told.Signature.Split(' '), Is.EquivalentTo(secrets.Select(secret => Signature(told, Key(secret)))));
    }

    [Test]
    public async Task Is_nowhere_without_a_key_to_sign_with()
    {
        await using var service = await IntakeService.Start(new Dictionary<string, string> { ["Callbacks:Key"] = "" });
        using var client = await service.Client(Scopes.Write, Scopes.Read);
        using var answer = await client.Send(HttpMethod.Put, "callback", Somewhere);
        Assert.That(await answer.Problem(), Is.EqualTo((404, "not-found")));
    }

    [Test]
    public void Is_configured_with_a_key_that_nobody_guesses()
    {
        static int Mistakes(string? key) => new CallbackOptions { Key = key }.Validate(new(new object())).Count();
        Assert.That((Mistakes(null), Mistakes(new string('x', 32)), Mistakes("short")), Is.EqualTo((0, 0, 1)));
    }

    private static Task<IntakeService> Start(WebhookListener shop, int attempts = 1000) => IntakeService.Start(new Dictionary<string, string>
    {
        ["Callbacks:Attempts"] = attempts.ToString(CultureInfo.InvariantCulture),
        ["Callbacks:AllowedNetworks:0"] = $"{shop.Url.Host}/32",
        ["Callbacks:FirstPause"] = "00:00:00.02",
        ["Callbacks:PollingInterval"] = "00:00:00.05",
    });

    private static async Task Test(HttpClient client)
    {
        using var answer = await client.Send(HttpMethod.Post, "callback/test");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
    }

    private static Task NothingLeft(IntakeService service) => Eventually.Holds(
        () => service.Look(async db => await db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from callback_job").SingleAsync() == 0), "no job is left");

    private static byte[] Key(string secret) => Convert.FromBase64String(secret["whsec_".Length..]);

    private static string Signature(Said said, byte[] key) =>
        "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{said.Id}.{said.Timestamp}.{said.Body}")));
}
