using System.Security.Claims;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Ordering.Access;
using Orafo.Ordering.Intake;
using Orafo.Pgq;
using Orafo.ServiceDefaults;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.Ordering.Notifying;

/// <summary>Where a client is told what becomes of its orders.</summary>
/// <param name="Url">Where the webhooks go.</param>
/// <param name="SetAt">Since when.</param>
/// <param name="Secret">Which they are signed with: <c>whsec_</c> and 32 bytes in base64. Only in the answer that made it.</param>
public sealed record ClientCallback(string Url, DateTimeOffset SetAt, string? Secret);

/// <summary>A secret in the place of another one.</summary>
/// <param name="Secret">Which webhooks are signed with from now on. It is not answered again.</param>
/// <param name="OldUntil">Until then the one before it signs them, too.</param>
public sealed record NewSecret(string Secret, DateTimeOffset OldUntil);

/// <summary>The body of <c>PUT /callback</c>.</summary>
public sealed record SetCallback
{
    /// <summary>https, up to 2000 characters, without user and password. It leads to the public internet.</summary>
    public required string Url { get; init; }
}

/// <summary>A client says where it wants to be told what becomes of its orders. Of others' it learns nothing.</summary>
internal static class CallbackEndpoints
{
    private const int LargestBody = 16 * 1024;
    private static readonly TimeSpan LookUp = TimeSpan.FromSeconds(3);

    public static void MapCallback(this IEndpointRouteBuilder app)
    {
        var callback = app.MapGroup("/callback").WithTags("Callback");

        callback.MapPut("", Put)
            .RequireScope(Scopes.Write).Answers("application/json")
            .WithName("PutCallback").WithSummary("Where the client wants to be told what becomes of its orders: by webhook.")
            .WithDescription("When an order is completed, rejected, cancelled or suspended, a CloudEvent is posted there, signed as Standard Webhooks describes, "
                + "at least once. The first time the answer is 201 and has the secret; a new address keeps it. Other instances know of it after some seconds.")
            .WithMetadata(new RequestSizeLimitAttribute(LargestBody))
            .Accepts<SetCallback>("application/json")
            .Produces<ClientCallback>(StatusCodes.Status200OK)
            .Produces<ClientCallback>(StatusCodes.Status201Created)
            .ProducesProblems(400, 406, 413, 415);

        callback.MapGet("", Get)
            .RequireScope(Scopes.Read).Answers("application/json")
            .WithName("GetCallback").WithSummary("Where that is. Never the secret.")
            .Produces<ClientCallback>()
            .ProducesProblems(404, 406);

        callback.MapDelete("", Delete)
            .RequireScope(Scopes.Write)
            .WithName("DeleteCallback").WithSummary("The client is told nothing any more. Its secrets are forgotten.")
            .Produces(StatusCodes.Status204NoContent)
            .ProducesProblems(404);

        callback.MapPost("secret", Rotate)
            .RequireScope(Scopes.Write).Answers("application/json")
            .WithName("ReplaceCallbackSecret").WithSummary("A new secret.")
            .WithDescription("For a while webhooks carry two signatures, one with each: the receiver can change over at any time meanwhile.")
            .Produces<NewSecret>()
            .ProducesProblems(404, 406);

        callback.MapPost("test", Test)
            .RequireScope(Scopes.Write)
            .WithName("TestCallback").WithSummary("Has an event sent there that says nothing, `" + TellClient.Ping + "`: once, whatever comes of it.")
            .Produces(StatusCodes.Status202Accepted)
            .ProducesProblems(404);
    }

    private static async Task<IResult> Put(
        HttpContext context, ClaimsPrincipal user, OrderingDb db, KnownCallbacks known, IOptions<CallbackOptions> options, TimeProvider time, CancellationToken cancellationToken)
    {
        var (document, refusal) = await JsonBody.Read(context.Request, cancellationToken);
        if (refusal is not null)
            return refusal;
        if (document is null)
            return Problems.MalformedJson.Because(OrderEndpoints.NoBody.Detail, [OrderEndpoints.NoBody]);
        using var json = document;
        var reading = new JsonReading();
        var url = reading.Members(json.RootElement, "", "url") is { } members ? reading.Text(members, "", "url", Callback.LongestUrl, isRequired: true) : null;
        if (url is not null && await WhatIsWrongWith(url, options.Value, cancellationToken) is { } mistake)
            reading.Add("/url", mistake);
        if (url is null || reading.Faults.Count > 0)
            return Problems.InvalidRequest.Because(errors: reading.Faults);

        var (client, now) = (user.Client(), time.GetStorableNow());
        var (callback, secret) = await Change(db, client, found =>
        {
            if (found is not null)
            {
                if (found.Url != url)
                    (found.Url, found.SetAt, found.Version) = (url, now, found.Version + 1);
                return (found, (CallbackSecret?)null);
            }

            var made = CallbackSecret.Create();
            var added = new Callback { Client = client, Url = url, SetAt = now, Secrets = [made] };
            db.Callbacks.Add(added);
            return (added, made);
        }, cancellationToken);
        await TryLook(known, cancellationToken);
        context.Response.Headers.CacheControl = "no-store";
        return secret is null
            ? TypedResults.Ok(new ClientCallback(callback.Url, callback.SetAt, Secret: null))
            : TypedResults.Created("/callback", new ClientCallback(callback.Url, callback.SetAt, secret.Text(options.Value.Key!, client)));
    }

    private static async Task<IResult> Get(HttpResponse response, ClaimsPrincipal user, OrderingDb db, CancellationToken cancellationToken)
    {
        response.Headers.CacheControl = "private, no-cache";
        return await Of(db.Callbacks.AsNoTracking(), user.Client(), cancellationToken) is { } callback
            ? TypedResults.Ok(new ClientCallback(callback.Url, callback.SetAt, Secret: null))
            : None();
    }

    private static async Task<IResult> Delete(ClaimsPrincipal user, OrderingDb db, KnownCallbacks known, CancellationToken cancellationToken)
    {
        var client = user.Client();
        if (await db.Callbacks.Where(callback => callback.Client == client).ExecuteDeleteAsync(cancellationToken) == 0)
            return None();
        await TryLook(known, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> Rotate(
        HttpResponse response, ClaimsPrincipal user, OrderingDb db, IOptions<CallbackOptions> options, TimeProvider time, CancellationToken cancellationToken)
    {
        var (client, now, secret) = (user.Client(), time.GetStorableNow(), CallbackSecret.Create());
        var isReplaced = await Change(db, client, found =>
        {
            found?.Replace(secret, now, options.Value.KeepOldSecrets);
            return found is not null;
        }, cancellationToken);
        response.Headers.CacheControl = "no-store";
        return isReplaced ? TypedResults.Ok(new NewSecret(secret.Text(options.Value.Key!, client), now + options.Value.KeepOldSecrets)) : None();
    }

    private static async Task<IResult> Test(ClaimsPrincipal user, OrderingDb db, JobQueue<TellClient> queue, TimeProvider time, CancellationToken cancellationToken)
    {
        var client = user.Client();
        if (await Of(db.Callbacks.AsNoTracking(), client, cancellationToken) is null)
            return None();
        await queue.PublishAsync(TellClient.Test(client, time.GetStorableNow()), cancellationToken);
        return TypedResults.Accepted((string?)null);
    }

    /// <summary>Null if nothing is. A name that is not found now may be there later; whoever sends looks again where it leads.</summary>
    private static async Task<string?> WhatIsWrongWith(string text, CallbackOptions options, CancellationToken cancellationToken) =>
        !Uri.TryCreate(text, UriKind.Absolute, out var url) || !options.IsAddress(url) ? "An https address is needed, without user and password."
        : await PublicAddresses.LeadsAstray(url.IdnHost, options.Networks, LookUp, cancellationToken) ? "It leads to an address that is not public."
        : null;

    /// <summary>Changes the client's callback (null: it has none). Of two who do so at the same time, one looks again.</summary>
    private static async Task<T> Change<T>(OrderingDb db, string client, Func<Callback?, T> change, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = change(await Of(db.Callbacks, client, cancellationToken));
            try
            {
                await db.SaveChangesAsync(cancellationToken);
                return result;
            }
            catch (DbUpdateException e) when (e is DbUpdateConcurrencyException
                || e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "pk_callbacks" })
            {
                db.ChangeTracker.Clear();
            }
        }
    }

    private static Task<Callback?> Of(IQueryable<Callback> callbacks, string client, CancellationToken cancellationToken) =>
        callbacks.SingleOrDefaultAsync(callback => callback.Client == client, cancellationToken);

    /// <summary>It is stored, whatever has become of the database since: a 503 would lose the client its secret.</summary>
    private static async Task TryLook(KnownCallbacks known, CancellationToken cancellationToken)
    {
        try
        {
            await known.Look(cancellationToken);
        }
        catch (Exception e) when (ReliableDelivery.IsInfrastructure(e))
        {
        }
    }

    private static IResult None() => Problems.NotFound.Because("The client has no callback.");
}
