using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Claims;
using Microsoft.Extensions.Options;
using Orafo.Ordering.Intake;

namespace Orafo.Ordering.Access;

/// <summary>Of an endpoint: a client has so many of these open at a time.</summary>
internal enum AtATime
{
    /// <summary>Of events.</summary>
    Streams,

    /// <summary>Who reads slowly keeps nobody else from the invoice service.</summary>
    Documents,
}

/// <summary>How often a client may ask, and how much of it at a time: 429 beyond. A client counts by its name, whoever has none by its address.</summary>
internal sealed class RequestLimits(IOptions<IntakeOptions> intake, TimeProvider time)
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    private readonly RateLimit<string> _requests = new(intake.Value.Burst, intake.Value.RequestsPerSecond, time);
    private readonly ConcurrentDictionary<(AtATime, string), int> _open = [];

    public async Task Handle(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal))
        {
            await next(context);
            return;
        }

        var name = Name(context);
        if (_requests.Take(name) is { } wait)
            Refuse(context, wait);
        else if (context.GetEndpoint()?.Metadata.GetMetadata<LimitedAtATime>() is { What: var what })
            await HandleAtATime(context, next, (what, name));
        else
            await next(context);
    }

    private async Task HandleAtATime(HttpContext context, RequestDelegate next, (AtATime What, string) of)
    {
        var most = of.What == AtATime.Streams ? intake.Value.StreamsPerClient : intake.Value.DocumentsPerClient;
        try
        {
            if (_open.AddOrUpdate(of, 1, (_, open) => open + 1) > most)
                Refuse(context, Moment);
            else
                await next(context);
        }
        finally
        {
            if (_open.AddOrUpdate(of, 0, (_, open) => open - 1) == 0)
                _open.TryRemove(new(of, 0));
        }
    }

    private static void Refuse(HttpContext context, TimeSpan wait)
    {
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
    }

    private static string Name(HttpContext context) =>
        context.User.FindFirstValue(Scopes.ClientClaim) is { } client ? "client " + client : "address " + context.Connection.RemoteIpAddress;
}

/// <param name="What">There are so many of at a time.</param>
internal sealed record LimitedAtATime(AtATime What);
