using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Tests.Intake;

public sealed class A_client_that_looks
{
    [Test]
    public async Task Is_told_only_what_has_changed()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using var first = await client.Send(HttpMethod.Get, $"orders/{order}");
        var tag = first.Headers.ETag!.ToString();
        using var second = await client.Send(HttpMethod.Get, $"orders/{order}", null, ("If-None-Match", tag));
        Assert.That((second.StatusCode, await second.Content.ReadAsStringAsync()), Is.EqualTo((HttpStatusCode.NotModified, "")));

        await service.Look(db => db.Sagas.Where(saga => saga.CorrelationId == order).ExecuteUpdateAsync(saga => saga.SetProperty(one => one.InvoiceNumber, "2026-000001")));
        using var third = await client.Send(HttpMethod.Get, $"orders/{order}", null, ("If-None-Match", tag));
        Assert.That((third.StatusCode, third.Headers.ETag?.ToString()), Is.Not.EqualTo((HttpStatusCode.OK, tag)));
        Assert.That((await third.Json()).GetProperty("links").GetProperty("invoice").GetString(), Is.EqualTo($"/orders/{order}/invoice"));
    }

    [Test]
    public async Task Is_told_when_its_order_will_be_done_and_that_this_is_no_news()
    {
        await using var service = await IntakeService.Start();
        using var client = await service.Client();
        service.SeeOneDone();
        var placed = await client.PlaceGood();
        using var first = await client.Send(HttpMethod.Get, $"orders/{placed}");
        var estimate = (await first.Json()).GetProperty("estimatedCompletionAt").GetDateTimeOffset();
        Assert.That(estimate, Is.InRange(TimeProvider.System.GetUtcNow().AddMinutes(-1), TimeProvider.System.GetUtcNow().AddMinutes(10)));
        // Another estimate by now.
        service.Services.GetRequiredService<OrderPace>().Leave(new() { Timeline = [new("GettingDetails", DateTimeOffset.UtcNow.AddHours(-1))] }, "GettingDetails");
        using var second = await client.Send(HttpMethod.Get, $"orders/{placed}");
        Assert.That((await second.Json()).GetProperty("estimatedCompletionAt").GetDateTimeOffset(), Is.GreaterThan(estimate));
        Assert.That(second.Headers.ETag!.ToString(), Is.EqualTo(first.Headers.ETag!.ToString()).And.StartsWith("W/"));

        await service.Look(db => db.Sagas.Where(saga => saga.CorrelationId == placed).ExecuteUpdateAsync(saga => saga.SetProperty(one => one.StepAttempts, 2)));
        using var third = await client.Send(HttpMethod.Get, $"orders/{placed}", null, ("If-None-Match", first.Headers.ETag!.ToString()));
        Assert.That((await third.Json()).GetProperty("reason").GetString(), Is.EqualTo("GettingDetails did not answer in time. It was asked 2 times."));
        await service.Bring(placed, "Completed");
        Assert.That((await (await client.Send(HttpMethod.Get, $"orders/{placed}")).Json()).TryGetProperty("estimatedCompletionAt", out _), Is.False);
    }

    [Test]
    public async Task Reads_its_orders_page_by_page_each_once()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        using var other = await service.Client();
        List<Guid> placed = [];
        for (var i = 0; i < 5; i++)
        {
            placed.Add(await client.PlaceGood());
            await other.PlaceGood();
        }

        List<Guid> read = [];
        var pages = 0;
        for (var next = "/orders?limit=2"; next is not null; pages++)
        {
            var page = await Page(client, next);
            read.AddRange(Ids(page));
            next = Next(page);
        }

        Assert.That(pages, Is.EqualTo(3));
        Assert.That(read, Is.EqualTo(placed.OrderBy(id => id.ToString(), StringComparer.Ordinal)));
        Assert.That(Ids(await Page(client, $"/orders?after={read[3]}")), Is.EqualTo(read.Skip(4)));
    }

    [Test]
    public async Task Reads_those_of_a_state_and_of_a_customer()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var completed = await client.PlaceGood();
        await service.Bring(completed, "Completed");
        var elsewhere = await client.PlaceGood(IntakeService.Good.Replace("C-1001", "C-1002", StringComparison.Ordinal));
        await client.PlaceGood();
        Assert.That(Ids(await Page(client, "/orders?status=Completed")), Is.EqualTo(new[] { completed }));
        Assert.That(Ids(await Page(client, "/orders?customer=C-1002")), Is.EqualTo(new[] { elsewhere }));
        Assert.That(Ids(await Page(client, "/orders?customer=C-1002&status=Completed")), Is.Empty);
    }

    /// <remarks>Each page costs no more than it may: those on which nothing is found lead on all the same.</remarks>
    [Test]
    public async Task Finds_the_last_of_many_of_another_state_over_pages_without_any()
    {
        var service = await IntakeService.Shared;
        var name = $"client-{Guid.CreateVersion7():n}";
        using var client = await service.ClientNamed(name);
        await service.Look(db => db.Database.ExecuteSqlAsync(
            $$"""
            with placed as (
                insert into orders (id, client, customer_number, lines, submitted_at)
                select gen_random_uuid(), {{name}}, 'C', '[]', now() from generate_series(1, 7000) returning id)
            insert into order_saga (correlation_id, current_state, customer_number, submitted_at, lines, timeline)
            select id, 'Completed', 'C', now(), '[]', '[]' from placed
            """));
        var last = await service.Look(db => db.Orders.Where(order => order.Client == name).OrderByDescending(order => order.Id).Select(order => order.Id).FirstAsync());
        await service.Bring(last, "Suspended");
        List<Guid> read = [];
        var pages = 0;
        for (var next = "/orders?status=Suspended"; next is not null; pages++)
        {
            var page = await Page(client, next);
            read.AddRange(Ids(page));
            next = Next(page);
        }

        Assert.That(pages, Is.EqualTo(2));
        Assert.That(read, Is.EqualTo(new[] { last }));
    }

    [Test]
    public void Knows_all_states_that_the_saga_has()
    {
        var machine = typeof(OrderStateMachine).GetProperties().Where(property => property.PropertyType == typeof(MassTransit.State)).Select(property => property.Name);
        Assert.That(machine.Except(["Initial", "Final"]), Is.SubsetOf(OrderStates.All));
    }

    private static async Task<JsonElement> Page(HttpClient client, string path)
    {
        using var answer = await client.Send(HttpMethod.Get, path);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
        return await answer.Json();
    }

    private static Guid[] Ids(JsonElement page) => [.. page.GetProperty("orders").EnumerateArray().Select(order => order.GetProperty("id").GetGuid())];

    private static string? Next(JsonElement page) => page.GetProperty("links").TryGetProperty("next", out var next) ? next.GetString() : null;
}
