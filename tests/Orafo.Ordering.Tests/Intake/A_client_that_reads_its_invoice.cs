using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;

namespace Orafo.Ordering.Tests.Intake;

/// <summary>The invoice service is not for clients: the intake asks for them.</summary>
public sealed class A_client_that_reads_its_invoice
{
    [TestCase("invoice"), TestCase("credit-note")]
    public async Task Gets_the_very_bytes_and_what_is_said_of_them(string kind)
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake();
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using var answer = await client.Send(HttpMethod.Get, $"orders/{order}/{kind}", null, ("Accept", "application/pdf, application/xml;q=0.5"));
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var content = answer.Content.Headers;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await answer.Content.ReadAsByteArrayAsync(), Is.EqualTo(InvoicesOnAWire.Pdf));
            Assert.That((content.ContentType?.ToString(), content.ContentLength, content.ContentDisposition?.FileName), Is.EqualTo(("application/pdf", InvoicesOnAWire.Pdf.Length, "2026-000001.pdf")));
            Assert.That((answer.Headers.ETag?.Tag, answer.Headers.Vary.Single()), Is.EqualTo(("\"the-hash\"", "Accept")));
            // With the operators' key, never the client's.
            Assert.That(wire.Asked, Is.EqualTo(new[] { new Asked("GET", $"/orders/{order}/{kind}", IntakeService.OperatorKey, "application/pdf, application/xml;q=0.5") }));
        }
    }

    [Test]
    public async Task Is_told_if_it_has_it_already()
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake();
        using var client = await service.Client();
        using var answer = await client.Send(HttpMethod.Get, $"orders/{await client.PlaceGood()}/invoice", null, ("If-None-Match", "\"the-hash\""));
        Assert.That((answer.StatusCode, answer.Headers.ETag?.Tag, await answer.Content.ReadAsStringAsync()), Is.EqualTo((HttpStatusCode.NotModified, "\"the-hash\"", "")));
    }

    [Test]
    public async Task Is_told_where_when_it_has_its_number_and_is_credited()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        var links = await Links();
        Assert.That((links.TryGetProperty("invoice", out _), links.TryGetProperty("creditNote", out _)), Is.EqualTo((false, false)));
        await service.Look(db => db.Sagas.Where(saga => saga.CorrelationId == order).ExecuteUpdateAsync(saga => saga.SetProperty(one => one.InvoiceNumber, "2026-000001")));
        links = await Links();
        Assert.That((links.GetProperty("invoice").GetString(), links.TryGetProperty("creditNote", out _)), Is.EqualTo(($"/orders/{order}/invoice", false)));
        await service.Bring(order, "Cancelled");
        links = await Links();
        Assert.That((links.GetProperty("invoice").GetString(), links.GetProperty("creditNote").GetString()), Is.EqualTo(($"/orders/{order}/invoice", $"/orders/{order}/credit-note")));

        async Task<System.Text.Json.JsonElement> Links()
        {
            using var answer = await client.Send(HttpMethod.Get, $"orders/{order}");
            return (await answer.Json()).GetProperty("links");
        }
    }

    [Test]
    public async Task Does_not_get_that_of_another_client()
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake();
        using var owner = await service.Client();
        using var other = await service.Client();
        var order = await owner.PlaceGood();
        foreach (var kind in new[] { "invoice", "credit-note" })
        {
            using var answer = await other.Send(HttpMethod.Get, $"orders/{order}/{kind}");
            using var unknown = await other.Send(HttpMethod.Get, $"orders/{Guid.CreateVersion7()}/{kind}");
            Assert.That(await answer.Problem(), Is.EqualTo((404, "not-found")).And.EqualTo(await unknown.Problem()));
        }

        Assert.That(wire.Asked, Is.Empty, "the invoice service is not even asked");
        using var admin = await service.Client(Access.Scopes.Admin);
        using var seen = await admin.Send(HttpMethod.Get, $"orders/{order}/invoice");
        Assert.That(seen.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase(404, null, 404, "not-found", "has no invoice, or not yet")]
    [TestCase(406, null, 406, "not-acceptable", "application/json, application/pdf, application/xml")]
    [TestCase(406, "BR-DEC says so.", 406, "not-acceptable", "BR-DEC says so.")]
    [TestCase(401, null, 503, "unavailable", "away, or busy")]
    [TestCase(500, "Secrets of the house.", 503, "unavailable", "away, or busy")]
    public async Task Is_told_why_there_is_none(int status, string? detail, int told, string kind, string why)
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake();
        using var client = await service.Client();
        wire.Answers = InvoicesOnAWire.Refuses(status, detail);
        using var answer = await client.Send(HttpMethod.Get, $"orders/{await client.PlaceGood()}/invoice", null, ("Accept", "text/html"));
        Assert.That(await answer.Problem(), Is.EqualTo((told, kind)));
        Assert.That((await answer.Json()).GetProperty("detail").GetString(), Does.Contain(why));
        Assert.That(answer.Headers.RetryAfter?.Delta, told == 503 ? Is.GreaterThan(TimeSpan.Zero) : Is.Null);
    }

    [Test]
    public async Task Is_told_when_to_try_again_if_the_invoice_service_is_busy()
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake();
        using var client = await service.Client();
        var order = await client.PlaceGood();
        wire.Answers = InvoicesOnAWire.Refuses(503, retryAfter: "7");
        for (var i = 0; i < 5; i++)
        {
            using var answer = await client.Send(HttpMethod.Get, $"orders/{order}/invoice");
            Assert.That((await answer.Problem(), answer.Headers.RetryAfter?.Delta), Is.EqualTo(((503, "unavailable"), TimeSpan.FromSeconds(7))));
        }

        Assert.That(wire.Asked, Has.Count.EqualTo(5), "one that answers is not left alone");
    }

    [Test]
    public async Task Is_told_so_while_the_invoice_service_is_away_and_orders_go_on()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        for (var i = 0; i < 5; i++)
        {
            using var answer = await client.Send(HttpMethod.Get, $"orders/{order}/invoice");
            Assert.That((await answer.Problem(), answer.Headers.RetryAfter?.Delta is { } wait && wait > TimeSpan.Zero), Is.EqualTo(((503, "unavailable"), true)));
        }

        await client.PlaceGood();
    }

    [Test]
    public async Task Does_not_wait_for_an_invoice_service_that_hangs()
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake(("Intake:InvoicePatience", "00:00:00.2"));
        using var client = await service.Client();
        var order = await client.PlaceGood();
        wire.Answers = context => Task.Delay(Timeout.Infinite, context.RequestAborted); // The service that hangs: until whoever asks hangs up. The test waits for no time.
        for (var i = 0; i < 10; i++)
        {
            using var answer = await client.Send(HttpMethod.Get, $"orders/{order}/invoice");
            Assert.That(await answer.Problem(), Is.EqualTo((503, "unavailable")));
        }

        Assert.That(wire.Asked.Count, Is.LessThan(10), "after three it is left alone for a while");
    }

    /// <remarks>A part of a document must not pass for the whole.</remarks>
    [Test]
    public async Task Sees_that_a_document_was_cut_off()
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake();
        using var client = await service.Client();
        var hasBegun = new TaskCompletionSource();
        wire.Answers = async context =>
        {
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync("""{"number":""");
            await context.Response.Body.FlushAsync();
            await hasBegun.Task;
            context.Abort();
        };
        using var answer = await client.Send(HttpMethod.Get, $"orders/{await client.PlaceGood()}/invoice");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        hasBegun.SetResult();
        Assert.That(answer.Content.ReadAsStringAsync, Throws.InstanceOf<HttpRequestException>());
    }

    /// <remarks>What one client says must not count as a failure of the invoice service, which would be left alone then.</remarks>
    [Test]
    public async Task Keeps_nobody_from_theirs_by_what_it_says_it_accepts()
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake();
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using var handler = new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8 };
        using var odd = new HttpClient(handler) { BaseAddress = client.BaseAddress };
        odd.DefaultRequestHeaders.Add("X-Api-Key", client.DefaultRequestHeaders.GetValues("X-Api-Key"));
        foreach (var accept in new[] { "application/pdf;ü=\"ü\"", "application/pdf;x=\"" + new string('x', 20_000) + "\"", "application/pdf;ü=\"\u6c34\"", "text/html, ü" })
        {
            using var answer = await odd.Send(HttpMethod.Get, $"orders/{order}/invoice", null, ("Accept", accept));
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"{accept.Length} characters");
        }

        Assert.That(wire.Asked.Select(asked => asked.Accept), Is.All.Empty);
    }

    [Test]
    public async Task Is_given_so_many_at_a_time()
    {
        await using var wire = await InvoicesOnAWire.Start();
        await using var service = await wire.StartIntake(("Intake:DocumentsPerClient", "2"));
        using var client = await service.Client();
        using var other = await service.Client();
        var order = await client.PlaceGood();
        var another = await other.PlaceGood();
        var released = new TaskCompletionSource();
        wire.Answers = async context =>
        {
            await released.Task;
            await InvoicesOnAWire.GivePdf(context);
        };
        var reading = new[] { Read(), Read() };
        await Testing.Eventually.Holds(() => wire.Asked.Count == 2, "both are asked for");
        using var third = await client.Send(HttpMethod.Get, $"orders/{order}/invoice");
        Assert.That(await third.Problem(), Is.EqualTo((429, "too-many-requests")));
        Assert.That(int.Parse(third.Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture), Is.Positive);
        wire.Answers = InvoicesOnAWire.GivePdf;
        using var its = await other.Send(HttpMethod.Get, $"orders/{another}/invoice");
        Assert.That(its.StatusCode, Is.EqualTo(HttpStatusCode.OK), "of another client");
        released.SetResult();
        Assert.That(await Task.WhenAll(reading), Is.All.EqualTo(HttpStatusCode.OK));

        async Task<HttpStatusCode> Read()
        {
            using var answer = await client.Send(HttpMethod.Get, $"orders/{order}/invoice");
            return answer.StatusCode;
        }
    }

    [TestCase(""), TestCase("not a key that is long enough"), TestCase("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public async Task Has_no_intake_that_starts_without_the_operators_key(string key) => Assert.That(
        await Testing.Eventually.Refuses(() => IntakeService.Start(new Dictionary<string, string> { ["Operators:Key"] = key })),
        Is.InstanceOf<Microsoft.Extensions.Options.OptionsValidationException>().With.Message.Contains("Operators__Key"));
}
