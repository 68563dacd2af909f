using System.Globalization;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Orafo.Ordering.Access;
using Orafo.Ordering.Saga;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Intake;

/// <summary>An order's transitions as Server-Sent Events (WHATWG HTML, 9.2).</summary>
internal static class OrderEvents
{
    private const string MediaType = "text/event-stream";

    public static async Task<IResult> Stream(
        Guid id, [FromHeader(Name = "Last-Event-ID")] string? lastEventId, HttpContext context, ClaimsPrincipal user,
        OrderingDb db, IServiceScopeFactory scopes, OrderWatch watch, OrderPace pace, IHostApplicationLifetime lifetime, IOptions<IntakeOptions> intake, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var owner = user.Owner();
        // Before it looks: what happens from here on is news.
        using var follower = watch.TryFollow(id, user.Client());
        if (follower is null)
        {
            context.Response.Headers.RetryAfter = "5";
            return Problems.Unavailable.Because("Too many orders are followed at this time.");
        }

        var order = await OrderEndpoints.Find(db, id, owner, pace, cancellationToken);
        if (order is null)
            return OrderEndpoints.NotFound(id);
        // What is not an id of ours is as good as none.
        var next = int.TryParse(lastEventId, NumberStyles.None, CultureInfo.InvariantCulture, out var last) && last < int.MaxValue ? last + 1 : 0;
        if (OrderStates.IsFinal(order.Status) && next >= order.Timeline.Count)
            return TypedResults.NoContent();

        var response = context.Response;
        response.ContentType = MediaType;
        response.Headers.CacheControl = "no-store";
        // Proxies that would gather the events before they pass them on.
        response.Headers["X-Accel-Buffering"] = "no";
        context.Features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();
        var begin = time.GetTimestamp();
        try
        {
            while (true)
            {
                for (; next < order.Timeline.Count; next++)
                    await response.WriteAsync(Event(next, order.Timeline[next]), cancellationToken);
                await response.Body.FlushAsync(cancellationToken);
                if (OrderStates.IsFinal(order.Status))
                    return TypedResults.Empty;

                follower.Seen = order.Timeline.Count;
                while (!await follower.Wait(intake.Value.Heartbeat, cancellationToken))
                {
                    if (lifetime.ApplicationStopping.IsCancellationRequested || cancellationToken.IsCancellationRequested)
                        return TypedResults.Empty;
                    await response.WriteAsync(": still here\n\n", cancellationToken);
                    await response.Body.FlushAsync(cancellationToken);
                    // The client comes back, to another instance or with a key that has not ended meanwhile, and goes on where it was.
                    if (time.GetElapsedTime(begin) > intake.Value.LongestStream)
                        return TypedResults.Empty;
                }

                await using var scope = scopes.CreateAsyncScope();
                order = (await OrderEndpoints.Find(scope.ServiceProvider.GetRequiredService<OrderingDb>(), id, owner, pace, cancellationToken))!;
            }
        }
        // A stream that ends is begun again by its client, after the last event that it has.
        catch (Exception e) when (ReliableDelivery.IsInfrastructure(e) || cancellationToken.IsCancellationRequested)
        {
            return TypedResults.Empty;
        }
    }

    private static string Event(int id, OrderTransition transition) => string.Create(
        CultureInfo.InvariantCulture, $"id: {id}\nevent: transition\ndata: {JsonSerializer.Serialize(transition, JsonSerializerOptions.Web)}\n\n");
}
