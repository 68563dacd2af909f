using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Orafo.Ordering.Intake;

namespace Orafo.Ordering.Tests.Intake;

public sealed class A_placed_order
{
    [Test]
    public async Task Is_answered_with_where_it_is_and_what_can_be_done_about_it()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        using var answer = await client.Place();
        var body = await answer.Json();
        var self = $"/orders/{body.GetProperty("id").GetGuid()}";
        using (Assert.EnterMultipleScope())
        {
            Assert.That((answer.StatusCode, answer.Headers.Location?.ToString()), Is.EqualTo((HttpStatusCode.Accepted, self)));
            Assert.That(body.GetProperty("status").GetString(), Is.EqualTo("Submitted"));
            Assert.That(body.GetProperty("links").ToString(), Is.EqualTo($$"""{"self":"{{self}}","events":"{{self}}/events","cancellation":"{{self}}/cancellation"}"""));
            Assert.That(await service.Published(body.GetProperty("id").GetGuid()), Has.Exactly(1).Items.And.All.Contains("GetOrderDetails"));
        }
    }

    [Test]
    public async Task Is_a_new_one_each_time_without_a_key()
    {
        using var client = await (await IntakeService.Shared).Client();
        var first = await client.PlaceGood();
        Assert.That(await client.PlaceGood(), Is.Not.EqualTo(first));
    }

    /// <remarks>A request that is repeated after an update of the service is the same request.</remarks>
    [Test]
    public void Is_recognized_by_a_hash_of_what_is_written_here()
    {
        Dictionary<string, SubmitOrder> orders = new(StringComparer.Ordinal)
        {
            ["""{"CustomerNumber":"C-1001","CouponCode":null,"Lines":[{"Sku":"ESP-001","Quantity":2}]}"""] =
                new() { CustomerNumber = "C-1001", Lines = [new() { Sku = "ESP-001", Quantity = 2 }] },
            ["""{"CustomerNumber":"C-1001","CouponCode":"SPRING","InvoiceDelivery":"electronic","Lines":[{"Sku":"ESP-001","Quantity":2}]}"""] =
                new() { CustomerNumber = "C-1001", CouponCode = "SPRING", InvoiceDelivery = "electronic", Lines = [new() { Sku = "ESP-001", Quantity = 2 }] },
        };
        foreach (var (text, order) in orders)
            Assert.That(order.Hash(), Is.EqualTo(SHA256.HashData(Encoding.UTF8.GetBytes(text))), text);
    }

    [Test]
    public async Task Is_the_same_for_the_same_Idempotency_Key_however_its_JSON_is_laid_out_and_after_a_restart()
    {
        await using var service = await IntakeService.Start();
        using var client = await service.Client();
        using var first = await client.Place(IntakeService.Good, ("Idempotency-Key", "one"));
        using var second = await client.Place("""{ "lines": [ {"quantity": 2, "sku": "ESP-001"} ], "customerNumber": "C-1001" }""", ("Idempotency-Key", "one"));
        var key = client.DefaultRequestHeaders.GetValues("X-Api-Key").Single();
        await using var another = await service.StartAnother();
        using var elsewhere = another.Anonymous(key);
        using var third = await elsewhere.Place(IntakeService.Good, ("Idempotency-Key", "one"));
        foreach (var answer in new[] { second, third })
        {
            Assert.That((answer.StatusCode, answer.Headers.Location, await answer.Content.ReadAsStringAsync()),
                Is.EqualTo((first.StatusCode, first.Headers.Location, await first.Content.ReadAsStringAsync())));
        }

        Assert.That(await service.Look(db => db.Orders.CountAsync()), Is.EqualTo(1));
    }

    [Test]
    public async Task Is_one_and_the_same_of_requests_that_race()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.Place(IntakeService.Good, ("Idempotency-Key", "race"))));
        Assert.That(answers.Select(answer => (answer.StatusCode, answer.Headers.Location)).Distinct(), Is.EqualTo(new[] { (HttpStatusCode.Accepted, answers[0].Headers.Location) }));
    }

    [Test]
    public async Task Is_refused_under_the_key_of_another_order()
    {
        using var client = await (await IntakeService.Shared).Client();
        (await client.Place(IntakeService.Good, ("Idempotency-Key", "two"))).Dispose();
        using var answer = await client.Place(IntakeService.Good.Replace("2", "3", StringComparison.Ordinal), ("Idempotency-Key", "two"));
        Assert.That(await answer.Problem(), Is.EqualTo((422, "idempotency-key-reused")));
    }

    [Test]
    public async Task Is_not_that_of_another_client_with_the_same_key()
    {
        var service = await IntakeService.Shared;
        using var one = await service.Client();
        using var other = await service.Client();
        using var first = await one.Place(IntakeService.Good, ("Idempotency-Key", "mine"));
        using var second = await other.Place(IntakeService.Good, ("Idempotency-Key", "mine"));
        Assert.That((second.StatusCode, second.Headers.Location), Is.Not.EqualTo((first.StatusCode, first.Headers.Location)));
        Assert.That(second.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
    }

    [Test]
    public async Task Is_the_same_if_it_is_repeated_after_the_upgrade_that_brought_clients()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var key = $"before-{Guid.CreateVersion7()}";
        using var before = await client.Place(IntakeService.Good, ("Idempotency-Key", key));
        await service.Look(db => db.Database.ExecuteSqlAsync(
            $"with k as (update idempotency_keys set client = '' where key = {key} returning order_id) update orders set client = '' where id in (select order_id from k)"));

        using var again = await client.Place(IntakeService.Good, ("Idempotency-Key", key));
        using var waiting = await client.Place(IntakeService.Good, ("Idempotency-Key", key), ("Prefer", "wait=1"));
        Assert.That(new[] { again, waiting }.Select(answer => (answer.StatusCode, answer.Headers.Location)), Is.All.EqualTo((HttpStatusCode.Accepted, before.Headers.Location)));

        // Somebody else's, then.
        using var other = await client.Place(IntakeService.Good.Replace("2", "3", StringComparison.Ordinal), ("Idempotency-Key", key));
        Assert.That((other.StatusCode, other.Headers.Location), Is.Not.EqualTo((before.StatusCode, before.Headers.Location)));
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
    }

    [Test]
    public async Task Has_its_key_forgotten_when_that_was_kept_for_long_enough_and_not_before()
    {
        await using var service = await IntakeService.Start(new Dictionary<string, string> { ["Intake:KeepIdempotencyKeys"] = "00:00:01" });
        using var client = await service.Client();
        // More than one batch of old ones.
        await service.Look(db => db.Database.ExecuteSqlAsync(
            $"insert into idempotency_keys (client, key, request_hash, order_id, used_at) select 'x', n::text, '', gen_random_uuid(), now() - interval '1 hour' from generate_series(1, 2500) n"));
        await service.Look(db => db.Database.ExecuteSqlAsync(
            $"insert into idempotency_keys (client, key, request_hash, order_id, used_at) values ('x', 'young', '', gen_random_uuid(), now() + interval '1 hour')"));
        await Testing.Eventually.Holds(async () => await service.Look(db => db.IdempotencyKeys.CountAsync()) == 1, "the old ones are forgotten");
        Assert.That((await service.Look(db => db.IdempotencyKeys.SingleAsync())).Key, Is.EqualTo("young"));
    }

    /// <remarks>Npgsql makes a span for each round trip: one that begins, writes and commits.</remarks>
    [Test]
    public async Task Costs_one_round_trip_and_one_transaction()
    {
        await using var service = await IntakeService.Start();
        using var client = await service.Client();
        for (var i = 0; i < 3; i++)
            await client.PlaceGood();
        List<string> trips = [];
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = trip =>
            {
                lock (trips)
                    trips.Add(string.Join(' ', trip.TagObjects.Where(tag => tag.Key is "db.query.text" or "db.statement").Select(tag => tag.Value)));
            },
        };
        ActivitySource.AddActivityListener(listener);
        await client.PlaceGood();
        // The relay, which looks for what the broker does not take, and other services of this process are at work as well.
        string[] placed;
        lock (trips)
            placed = [.. trips.Where(trip => trip.Contains("orders", StringComparison.Ordinal) || trip.Contains("api_keys", StringComparison.Ordinal))];
        Assert.That(placed, Has.Length.EqualTo(1));
        Assert.That(placed[0], Does.Contain("order_saga").And.Contain("outbox_message").And.Contain("commit").IgnoreCase, string.Join("\n", trips));
    }
}
