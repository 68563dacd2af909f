using System.Net;
using Orafo.Ordering.Access;

namespace Orafo.Ordering.Tests.Intake;

public sealed class A_client_that_thinks_better_of_it
{
    [TestCase("GettingDetails"), TestCase("Invoicing"), TestCase("HandingOver"), TestCase("Suspended")]
    public async Task Has_its_order_cancelled_by_the_saga(string state)
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        if (state != "GettingDetails")
            await service.Bring(order, state);
        using var answer = await client.Send(HttpMethod.Post, $"orders/{order}/cancellation", """{"reason":"Ordered twice."}""");
        Assert.That((answer.StatusCode, answer.Headers.Location?.ToString()), Is.EqualTo((HttpStatusCode.Accepted, $"/orders/{order}")));
        Assert.That((await answer.Json()).GetProperty("status").GetString(), Is.EqualTo(state));
        Assert.That(await Commands(service, order), Has.Exactly(1).Items.And.All.Contains("Ordered twice."));
    }

    [Test]
    public async Task Need_not_say_why_but_who_it_is_goes_with_the_command()
    {
        var service = await IntakeService.Shared;
        var name = $"client-{Guid.CreateVersion7():n}";
        using var client = await service.ClientNamed(name);
        var order = await client.PlaceGood();
        using var answer = await client.Send(HttpMethod.Post, $"orders/{order}/cancellation");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        Assert.That(await Commands(service, order), Has.Exactly(1).Items.And.All.Contains($"\"requestedBy\":\"{name}\""));
    }

    [TestCase("Completed"), TestCase("Rejected"), TestCase("Cancelled")]
    public async Task Comes_too_late_for_an_order_that_is_at_its_end(string state)
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        await service.Bring(order, state);
        using var answer = await client.Send(HttpMethod.Post, $"orders/{order}/cancellation");
        Assert.That(await answer.Problem(), Is.EqualTo((409, "order-is-final")));
        Assert.That(await Commands(service, order), Is.Empty);
    }

    [Test]
    public async Task Is_told_again_that_it_is_under_way()
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        await service.Bring(order, "Crediting");
        using var answer = await client.Send(HttpMethod.Post, $"orders/{order}/cancellation");
        Assert.That((answer.StatusCode, (await answer.Json()).GetProperty("status").GetString()), Is.EqualTo((HttpStatusCode.Accepted, "Crediting")));
        Assert.That(await Commands(service, order), Is.Empty);
    }

    [TestCase("""{"reason":7}""", "/reason"), TestCase("""{"why":"x"}""", "/why"), TestCase("""[]""", "")]
    public async Task Is_told_what_is_wrong_with_its_reason(string body, string pointer)
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        var order = await client.PlaceGood();
        using var answer = await client.Send(HttpMethod.Post, $"orders/{order}/cancellation", body);
        Assert.That(await answer.Problem(), Is.EqualTo((400, "invalid-request")));
        Assert.That((await answer.Json()).GetProperty("errors")[0].GetProperty("pointer").GetString(), Is.EqualTo(pointer));
        Assert.That(await Commands(service, order), Is.Empty);
    }

    [TestCase("Suspended", 202, 1), TestCase("Invoicing", 409, 0)]
    public async Task Has_an_order_resumed_by_an_administrator_if_it_is_suspended(string state, int status, int commands)
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client();
        using var admin = await service.ClientNamed("back-office", Scopes.Admin);
        var order = await client.PlaceGood();
        await service.Bring(order, state);
        using var answer = await admin.Send(HttpMethod.Post, $"orders/{order}/resumption");
        Assert.That((int)answer.StatusCode, Is.EqualTo(status));
        Assert.That((await service.Published(order)).Count(message => message.Contains("ResumeOrder", StringComparison.Ordinal) && message.Contains("\"requestedBy\":\"back-office\"", StringComparison.Ordinal)), Is.EqualTo(commands));
    }

    private static async Task<string[]> Commands(IntakeService service, Guid order) =>
        [.. (await service.Published(order)).Where(message => message.Contains("CancelOrder", StringComparison.Ordinal))];
}
