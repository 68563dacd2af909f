using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Ordering.Access;

namespace Orafo.Ordering.Tests.Intake;

/// <summary>All that the service answers to, as it says itself: one that is new and has no rule here fails.</summary>
public sealed class Every_endpoint
{
    private static readonly string[] Open = ["GET /health/live", "GET /health/ready", "GET /health/lag", "GET /openapi/{documentName}.json"];

    private static readonly Dictionary<string, string> Closed = new(StringComparer.Ordinal)
    {
        ["POST /orders"] = Scopes.Write,
        ["GET /orders"] = Scopes.Read,
        ["GET /orders/{id}"] = Scopes.Read,
        ["GET /orders/{id}/events"] = Scopes.Read,
        ["GET /orders/{id}/invoice"] = Scopes.Read,
        ["GET /orders/{id}/credit-note"] = Scopes.Read,
        ["POST /orders/{id}/cancellation"] = Scopes.Write,
        ["POST /orders/{id}/resumption"] = Scopes.Admin,
        ["PUT /callback"] = Scopes.Write,
        ["GET /callback"] = Scopes.Read,
        ["DELETE /callback"] = Scopes.Write,
        ["POST /callback/secret"] = Scopes.Write,
        ["POST /callback/test"] = Scopes.Write,
        ["GET /callbacks/parked"] = Scopes.Admin,
        ["POST /callbacks/parked/{id}/retry"] = Scopes.Admin,
    };

    private static IEnumerable<string> ClosedOnes => Closed.Keys;

    private static IEnumerable<string> OfACallback => Closed.Keys.Where(endpoint => endpoint.EndsWith("/callback", StringComparison.Ordinal) || endpoint.Contains("/callback/", StringComparison.Ordinal));

    private static IEnumerable<string> OfOneOrder => Closed.Keys.Where(endpoint => endpoint.Contains("/orders/{id}", StringComparison.Ordinal));

    [Test]
    public async Task Is_open_to_all_or_asks_for_a_scope()
    {
        var service = await IntakeService.Shared;
        var found = service.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Select(Describe).ToArray();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Where(endpoint => !endpoint.IsOpen).Select(endpoint => endpoint.Name), Is.EquivalentTo(Closed.Keys));
            Assert.That(found.Where(endpoint => endpoint.IsOpen).Select(endpoint => endpoint.Name).Where(name => !name.StartsWith("GET /docs/", StringComparison.Ordinal)), Is.EquivalentTo(Open));
            Assert.That(found.Where(endpoint => !endpoint.IsOpen).Select(endpoint => endpoint.Scope), Is.EquivalentTo(Closed.Values));
        }
    }

    [TestCase("GET", "/docs/"), TestCase("GET", "/openapi/v1.json"), TestCase("GET", "/health/live")]
    public async Task That_is_open_answers_without_a_key(string method, string path)
    {
        using var stranger = (await IntakeService.Shared).Anonymous();
        using var answer = await stranger.Send(new(method), path);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCaseSource(nameof(ClosedOnes))]
    public async Task Answers_nobody_without_a_key_that_is_valid(string endpoint)
    {
        var service = await IntakeService.Shared;
        var expired = await service.AddKey("shop", [Scopes.Admin], DateTimeOffset.UnixEpoch);
        var good = await service.AddKey("shop", [Scopes.Admin]);
        // Its prefix, and another secret.
        var forged = good[..^1] + (good[^1] == 'A' ? 'E' : 'A');
        foreach (var key in new[] { null, "", "x", expired, forged, ApiKey.Create("shop", [Scopes.Admin], DateTimeOffset.UnixEpoch, null).Text })
        {
            using var stranger = service.Anonymous();
            if (key is not null)
                stranger.DefaultRequestHeaders.TryAddWithoutValidation("X-Api-Key", key);
            using var answer = await Ask(stranger, endpoint, Guid.CreateVersion7());
            Assert.That(await answer.Problem(), Is.EqualTo((401, "unauthenticated")));
            Assert.That(answer.Headers.WwwAuthenticate.Single().Scheme, Is.EqualTo("ApiKey"));
        }
    }

    [TestCaseSource(nameof(ClosedOnes))]
    public async Task Answers_nobody_without_its_scope(string endpoint)
    {
        var service = await IntakeService.Shared;
        using var client = await service.Client([.. Scopes.All.Except([Closed[endpoint], Scopes.Admin])]);
        using var answer = await Ask(client, endpoint, Guid.CreateVersion7());
        Assert.That(await answer.Problem(), Is.EqualTo((403, "forbidden")));
    }

    [TestCaseSource(nameof(OfOneOrder))]
    public async Task Knows_no_order_of_another_client(string endpoint)
    {
        var service = await IntakeService.Shared;
        using var owner = await service.Client();
        var order = await owner.PlaceGood();
        // The only scope that resumption takes sees all orders.
        using var other = Closed[endpoint] == Scopes.Admin ? await service.Client() : await service.Client(Scopes.Write, Scopes.Read);
        using var answer = await Ask(other, endpoint, order);
        Assert.That((int)answer.StatusCode, Is.EqualTo(Closed[endpoint] == Scopes.Admin ? 403 : 404));
        Assert.That(await service.Published(order), Has.Exactly(1).Items, "only what placed it");
    }

    [TestCaseSource(nameof(OfACallback))]
    public async Task Knows_no_callback_of_another_client(string endpoint)
    {
        var service = await IntakeService.Shared;
        using var owner = await service.Client();
        using var set = await Ask(owner, "PUT /callback", Guid.Empty);
        var its = await set.Json();
        // Not an administrator either: a callback is its client's own.
        using var other = await service.Client(Scopes.Admin);
        using var answer = await Ask(other, endpoint, Guid.Empty);
        if (endpoint == "PUT /callback")
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Created), "its own");
        else
            Assert.That(await answer.Problem(), Is.EqualTo((404, "not-found")));
        using var still = await owner.Send(HttpMethod.Get, "callback");
        Assert.That((await still.Json()).ToString(), Is.EqualTo(its.ToString().Replace($",\"secret\":{its.GetProperty("secret").GetRawText()}", "", StringComparison.Ordinal)));
    }

    [Test]
    public async Task Knows_all_orders_for_an_administrator()
    {
        var service = await IntakeService.Shared;
        using var owner = await service.Client();
        var order = await owner.PlaceGood();
        using var admin = await service.Client(Scopes.Admin);
        using var answer = await admin.Send(HttpMethod.Get, $"orders/{order}");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private static Task<HttpResponseMessage> Ask(HttpClient client, string endpoint, Guid order)
    {
        var (method, path) = (endpoint.Split(' ')[0], endpoint.Split(' ')[1]);
        return client.Send(new(method), path.Replace("{id}", order.ToString(), StringComparison.Ordinal), endpoint switch
        {
            "POST /orders" => IntakeService.Good,
            "PUT /callback" => """{"url":"https://shop.example/orders"}""",
            _ => null,
        });
    }

    private static (string Name, bool IsOpen, string? Scope) Describe(RouteEndpoint endpoint) => (
        $"{endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Single() ?? "GET"} /{endpoint.RoutePattern.RawText!.Trim('/').Replace(":guid", "", StringComparison.Ordinal)}",
        endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null,
        endpoint.Metadata.GetMetadata<RequiredScope>()?.Scope);
}
