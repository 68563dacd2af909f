using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Ordering.Intake;

namespace Orafo.Ordering.Tests.Intake;

public sealed class A_client_that_follows_an_order
{
    [Test]
    public async Task Hears_each_transition_once_and_the_end()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using var answer = await Follow(client, order);
        Assert.That(answer.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/event-stream"));
        using var stream = new StreamReader(await answer.Content.ReadAsStreamAsync());
        List<(string, string)> heard = [await Event(stream), await Event(stream)];
        foreach (var state in new[] { "Invoicing", "HandingOver", "Completed" })
        {
            await service.Bring(order, state);
            heard.Add(await Event(stream));
        }

        Assert.That(heard, Is.EqualTo(new[] { ("0", "Submitted"), ("1", "GettingDetails"), ("2", "Invoicing"), ("3", "HandingOver"), ("4", "Completed") }));
        Assert.That(await stream.ReadToEndAsync(), Is.Empty);
    }

    /// <remarks>Nobody tells this process: another one has committed it.</remarks>
    [Test]
    public async Task Hears_of_what_another_instance_does()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using var answer = await Follow(client, order);
        using var stream = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await Event(stream);
        await Event(stream);
        await service.Bring(order, "Rejected", isTold: false);
        Assert.That(await Event(stream), Is.EqualTo(("2", "Rejected")));
        Assert.That(await stream.ReadToEndAsync(), Is.Empty);
    }

    [Test]
    public async Task Hears_and_reads_who_asked()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        await service.Look(async db =>
        {
            var saga = (await db.Sagas.FindAsync(order))!;
            (saga.CurrentState, saga.Timeline) = ("Cancelled", [.. saga.Timeline, new("Cancelled", DateTimeOffset.UnixEpoch) { By = "back-office" }]);
            return await db.SaveChangesAsync();
        });
        using var answer = await Follow(client, order);
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("\"by\":\"back-office\"").And.Not.Contain("\"by\":null"));
        using var read = await client.Send(HttpMethod.Get, $"orders/{order}");
        var timeline = (await read.Json()).GetProperty("timeline").EnumerateArray().ToArray();
        Assert.That(timeline[^1].GetProperty("by").GetString(), Is.EqualTo("back-office"));
        Assert.That(timeline[0].TryGetProperty("by", out _), Is.False);
    }

    [TestCase("0", "1", "GettingDetails"), TestCase("1", "2", "Completed"), TestCase("nonsense", "0", "Submitted"), TestCase("-1", "0", "Submitted")]
    public async Task Goes_on_where_it_was(string last, string id, string state)
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        await service.Bring(order, "Completed");
        using var answer = await Follow(client, order, ("Last-Event-ID", last));
        using var stream = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.That(await Event(stream), Is.EqualTo((id, state)));
    }

    [TestCase("2"), TestCase("2147483646")]
    public async Task Is_told_that_there_is_nothing_more(string last)
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        await service.Bring(order, "Cancelled");
        using var answer = await Follow(client, order, ("Last-Event-ID", last));
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task Hears_that_the_stream_is_still_there()
    {
        await using var service = await IntakeService.Start(new Dictionary<string, string> { ["Intake:Heartbeat"] = "00:00:00.1" });
        using var client = await service.Client();
        using var answer = await Follow(client, await client.PlaceGood());
        using var stream = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await Event(stream);
        await Event(stream);
        Assert.That(await Line(stream), Is.EqualTo(": still here"));
        Assert.That(await Line(stream), Is.Empty);
        Assert.That(await Line(stream), Is.EqualTo(": still here"));
    }

    /// <remarks>So that nobody listens on with a key that has ended meanwhile.</remarks>
    [Test]
    public async Task Begins_its_stream_again_now_and_then_and_goes_on_where_it_was()
    {
        await using var service = await IntakeService.Start(
            new Dictionary<string, string> { ["Intake:Heartbeat"] = "00:00:00.1", ["Intake:LongestStream"] = "00:00:00.3" });
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using (var answer = await Follow(client, order))
            Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("GettingDetails").And.EndsWith(": still here\n\n"), "it ends, the order does not");
        await service.Bring(order, "Completed");
        using var again = await Follow(client, order, ("Last-Event-ID", "1"));
        using var stream = new StreamReader(await again.Content.ReadAsStreamAsync());
        Assert.That(await Event(stream), Is.EqualTo(("2", "Completed")));
    }

    [Test]
    public async Task Has_no_more_streams_than_it_may_and_another_when_it_closes_one()
    {
        await using var service = await IntakeService.Start(new Dictionary<string, string> { ["Intake:StreamsPerClient"] = "2" });
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using var first = await Follow(client, order);
        var second = await Follow(client, order);
        using (var third = await Follow(client, order))
        {
            Assert.That(await third.Problem(), Is.EqualTo((429, "too-many-requests")));
            Assert.That(third.Headers.RetryAfter?.Delta, Is.Not.Null);
        }

        second.Dispose();
        await Testing.Eventually.Holds(
            async () =>
            {
                using var again = await Follow(client, order);
                return again.StatusCode == HttpStatusCode.OK;
            }, "there is room for another");
    }

    [Test]
    public async Task Is_let_go_when_the_service_stops()
    {
        var service = await IntakeService.Start();
        using var client = await service.Client();
        using var answer = await Follow(client, await client.PlaceGood());
        using var stream = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await Event(stream);
        await service.DisposeAsync();
        Assert.That(await stream.ReadToEndAsync(), Does.Contain("GettingDetails"));
    }

    [Test]
    public async Task Leaves_no_one_behind_who_waits_for_it()
    {
        await using var service = await IntakeService.Start();
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using (var answer = await Follow(client, order))
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var watch = service.Services.GetRequiredService<OrderWatch>();
        await Testing.Eventually.Holds(() => watch.Waiting == 0, "nobody waits");
    }

    private static Task<HttpResponseMessage> Follow(HttpClient client, Guid order, params (string, string)[] headers) =>
        client.Send(HttpMethod.Get, $"orders/{order}/events", null, headers);

    private static Task<string?> Line(StreamReader stream) => stream.ReadLineAsync().WaitAsync(Testing.Eventually.Patience);

    private static async Task<(string Id, string State)> Event(StreamReader stream)
    {
        var lines = new List<string>();
        do
        {
            lines.Clear();
            while (await Line(stream) is { Length: > 0 } line)
                lines.Add(line);
        }
        while (lines is [": still here"]);
        Assert.That(lines, Has.Count.EqualTo(3));
        Assert.That(lines[1], Is.EqualTo("event: transition"));
        var data = JsonDocument.Parse(lines[2]["data: ".Length..]).RootElement;
        Assert.That(data.GetProperty("at").GetDateTimeOffset(), Is.GreaterThan(DateTimeOffset.UnixEpoch));
        return (lines[0]["id: ".Length..], data.GetProperty("state").GetString()!);
    }
}
