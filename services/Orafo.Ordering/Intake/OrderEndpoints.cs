using System.Diagnostics;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Json;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Npgsql;
using Orafo.Contracts;
using Orafo.Ordering.Access;
using Orafo.Ordering.Monitoring;
using Orafo.Ordering.Saga;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Intake;

/// <summary>The REST intake: placing an order, looking at it, and having it resumed or cancelled.</summary>
internal static class OrderEndpoints
{
    private const int LargestBody = 64 * 1024;
    private const string NoReason = "The client cancelled it.";
    internal static readonly InputFault NoBody = new("", null, "A body is needed.");

    /// <summary>Compiled: who waits for an order's end waits for this too. An order of another client is not there.</summary>
    private static readonly Func<OrderingDb, Guid, string?, CancellationToken, Task<OrderAndSaga?>> ById = EF.CompileAsyncQuery(
        (OrderingDb db, Guid id, string? owner, CancellationToken cancellationToken) => (
            from order in db.Orders.AsNoTracking()
            where order.Id == id && (owner == null || order.Client == owner)
            join saga in db.Sagas.AsNoTracking() on order.Id equals saga.CorrelationId
            select new OrderAndSaga(order, saga)).SingleOrDefault());

    public static void MapOrders(this IEndpointRouteBuilder app)
    {
        var orders = app.MapGroup("/orders").WithTags("Orders");

        orders.MapPost("", Submit)
            .RequireScope(Scopes.Write).Answers("application/json")
            .WithName("SubmitOrder").WithSummary("Places an order.")
            .WithDescription("202 means that the order is stored and will be carried to its end. The same Idempotency-Key never makes a second order. "
                + "With Prefer: wait=N the answer comes with the end of the order, as 200, or after N seconds, as 202.")
            .WithMetadata(new RequestSizeLimitAttribute(LargestBody))
            .Accepts<SubmitOrder>("application/json")
            .Produces<OrderStatus>(StatusCodes.Status202Accepted)
            .Produces<OrderStatus>(StatusCodes.Status200OK)
            .ProducesProblems(400, 406, 413, 415, 422);

        orders.MapGet("", OrderList.List)
            .RequireScope(Scopes.Read).Answers("application/json")
            .WithName("ListOrders").WithSummary("The client's orders, the oldest first.")
            .WithDescription("A page at a time: follow links.next, or ask after the last id that you know. A page may have fewer orders than asked for, or none, and a next one.")
            .Produces<OrderPage>()
            .ProducesProblems(400, 406);

        orders.MapGet("{id:guid}", Get)
            .RequireScope(Scopes.Read).Answers("application/json")
            .WithName("GetOrder").WithSummary("How far an order has come.")
            .WithDescription("With Prefer: wait=N the answer comes when the order is completed, rejected, cancelled or suspended, or after N seconds. "
                + "If-None-Match with the ETag of an earlier answer is answered with 304 as long as nothing has changed.")
            .Produces<OrderStatus>()
            .Produces(StatusCodes.Status304NotModified)
            .ProducesProblems(404, 406);

        orders.MapGet("{id:guid}/events", OrderEvents.Stream)
            .RequireScope(Scopes.Read).Answers("text/event-stream")
            .Limit(AtATime.Streams)
            .WithName("FollowOrder").WithSummary("The order's transitions, as they happen: Server-Sent Events.")
            .WithDescription("One event `transition` for each entry of the timeline, with its place in it as id; Last-Event-ID goes on from there. "
                + "The stream ends with the order's final state; after that there is nothing to stream, and the answer is 204.")
            .Produces<OrderTransition>(StatusCodes.Status200OK, "text/event-stream")
            .Produces(StatusCodes.Status204NoContent)
            .ProducesProblems(404, 406);

        orders.MapGet("{id:guid}/" + OrderDocuments.Invoice, OrderDocuments.GetInvoice)
            .RequireScope(Scopes.Read)
            .Limit(AtATime.Documents)
            .WithName("GetInvoice").WithSummary("The order's invoice: as data, as a PDF, or as an e-invoice (UBL 2.1 of EN 16931).")
            .WithDescription("Accept says which. 404 until it is issued. If-None-Match with the ETag of a PDF or an e-invoice is answered with 304: they never change.")
            .ProducesDocument();

        orders.MapGet("{id:guid}/" + OrderDocuments.CreditNote, OrderDocuments.GetCreditNote)
            .RequireScope(Scopes.Read)
            .Limit(AtATime.Documents)
            .WithName("GetCreditNote").WithSummary("The credit note that takes the order's invoice back, in the same forms.")
            .WithDescription("404 unless the order was cancelled after it was invoiced.")
            .ProducesDocument();

        orders.MapPost("{id:guid}/cancellation", Cancel)
            .RequireScope(Scopes.Write).Answers("application/json")
            .WithName("CancelOrder").WithSummary("Has an order undone and ended.")
            .WithDescription("202 means that it will be tried: an invoice is credited, a parcel called back. The body may be left out.")
            .WithMetadata(new RequestSizeLimitAttribute(LargestBody))
            .Accepts<CancelRequest>(isOptional: true, "application/json")
            .Produces<OrderAccepted>(StatusCodes.Status202Accepted)
            .ProducesProblems(400, 404, 406, 409, 413, 415);

        orders.MapPost("{id:guid}/resumption", Resume)
            .RequireScope(Scopes.Admin).Answers("application/json")
            .WithName("ResumeOrder").WithSummary("Goes on with a suspended order.")
            .Produces<OrderAccepted>(StatusCodes.Status202Accepted)
            .ProducesProblems(404, 406, 409);
    }

    /// <summary>The order as it is now; null if there is none that this owner (null: an administrator) may see.</summary>
    public static async Task<OrderStatus?> Find(OrderingDb db, Guid id, string? owner, OrderPace pace, CancellationToken cancellationToken) =>
        await ById(db, id, owner, cancellationToken) is { } found
            ? OrderStatus.Of(found.Order, found.Saga) with { EstimatedCompletionAt = pace.Estimate(found.Saga), Reason = pace.Reason(found.Saga) }
            : null;

    private static async Task<IResult> Submit(
        [FromHeader(Name = "Idempotency-Key")] string? idempotencyKey, [FromHeader(Name = Preference.Header)] string[]? prefer, HttpContext context, ClaimsPrincipal user,
        OrderingDb db, SharedTransaction<OrderingDb> transaction, OrderWatch watch, OrderPace pace, OrderingInstruments instruments, TimeProvider time,
        CancellationToken cancellationToken)
    {
        using var intake = instruments.Begin(cancellationToken);
        var (document, refusal) = await JsonBody.Read(context.Request, cancellationToken);
        if (refusal is not null)
            return refusal;
        if (document is null)
            return Problems.MalformedJson.Because(NoBody.Detail, [NoBody]);
        using var json = document;
        var reading = new JsonReading();
        var read = SubmitOrder.Read(json.RootElement, reading);
        if (idempotencyKey is not null && !IsWellFormed(idempotencyKey))
            reading.Add(new(null, "Idempotency-Key", $"1 to {IdempotencyKey.Longest} visible ASCII characters."));
        if (read is not { } body || reading.Faults.Count > 0)
            return Problems.InvalidRequest.Because(errors: reading.Faults);

        // From here on it is our fault if it is not stored.
        intake.Outcome = OrderingInstruments.Failed;
        var client = user.Client();
        var wait = Preference.Wait(prefer);
        if (idempotencyKey is not null && await FindByKey(db, client, idempotencyKey, cancellationToken) is { } earlier && (earlier.Client == client || IsOf(earlier)))
            return await AnswerAgain(earlier);

        var now = time.GetStorableNow();
        var order = OrderOf(Guid.CreateVersion7(now), now);
        OrderSpan.BelongsTo(order.Id);
        // Before it is stored: nobody need ask whether it is settled already.
        using var waiter = wait is null ? null : watch.TryWatch(order.Id, client);
        try
        {
            await transaction.Run(async (orders, publish) =>
            {
                var saga = OrderSaga.Begin(order);
                orders.Orders.Add(order);
                orders.Sagas.Add(saga);
                if (idempotencyKey is not null)
                    orders.IdempotencyKeys.Add(new() { Client = client, Key = idempotencyKey, RequestHash = body.Hash(), OrderId = order.Id, UsedAt = order.SubmittedAt });
                await publish.Publish(saga.GetDetails(), CancellationToken.None);
            });
        }
        // Two requests with one key raced: the other one has the order.
        catch (DbUpdateException e) when (e.InnerException is PostgresException
        {
            SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "pk_idempotency_keys",
        })
        {
            return await AnswerAgain((await FindByKey(db, client, idempotencyKey!, cancellationToken))!);
        }
        // The connection broke within the commit, and the work was run again: nobody else has this id, so the order is stored.
        catch (DbUpdateException e) when (e.InnerException is PostgresException
        {
            SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "pk_orders" or "pk_order_saga",
        })
        {
        }

        intake.End(OrderingInstruments.Stored);
        if (waiter is null)
            return Stored(OrderStatus.Of(order));
        await waiter.Wait(wait!.Value, cancellationToken);
        return await Answer(order, () => Find(db, order.Id, client, pace, cancellationToken));

        async Task<IResult> AnswerAgain(IdempotencyKey earlier)
        {
            OrderSpan.BelongsTo(earlier.OrderId);
            intake.End(IsOf(earlier) ? OrderingInstruments.Repeated : OrderingInstruments.Refused);
            if (IsOf(earlier))
                Activity.Current?.AddEvent(new("request repeated"));
            else
                return Problems.KeyReused.Because("A new order needs a new key.");
            // An order from before there were clients is nobody's to look at.
            using var watched = wait is null || earlier.Client != client ? null : watch.TryWatch(earlier.OrderId, client);
            var stored = OrderOf(earlier.OrderId, earlier.UsedAt);
            return watched is null
                ? Stored(OrderStatus.Of(stored))
                : await Answer(stored, () => Follow(earlier.OrderId, client, watched, wait!.Value, db, pace, cancellationToken));
        }

        bool IsOf(IdempotencyKey earlier) => CryptographicOperations.FixedTimeEquals(earlier.RequestHash, body.Hash());

        Order OrderOf(Guid id, DateTimeOffset submittedAt) => new()
        {
            Id = id,
            Client = client,
            CustomerNumber = body.CustomerNumber,
            CouponCode = body.CouponCode,
            InvoiceDelivery = body.InvoiceDelivery,
            Lines = body.ToOrderLines(),
            SubmittedAt = submittedAt,
        };

        async Task<IResult> Answer(Order stored, Func<Task<OrderStatus?>> look)
        {
            try
            {
                var status = (await look())!;
                Preference.Applied(context.Response, wait!.Value);
                return OrderStates.IsSettled(status.Status) ? TypedResults.Ok(status) : Stored(status);
            }
            // The order is stored, whatever has become of the database since: a 503 would have it placed again.
            catch (Exception e) when (ReliableDelivery.IsInfrastructure(e))
            {
                return Stored(OrderStatus.Of(stored));
            }
        }
    }

    private static async Task<IResult> Get(
        Guid id, [FromHeader(Name = Preference.Header)] string[]? prefer, [FromHeader(Name = "If-None-Match")] string? ifNoneMatch, HttpResponse response, ClaimsPrincipal user,
        OrderingDb db, OrderWatch watch, OrderPace pace, IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions> json, CancellationToken cancellationToken)
    {
        // Read by the answer itself, from the request; named here for those who read the API's description.
        _ = ifNoneMatch;
        var wait = Preference.Wait(prefer);
        using var waiter = wait is null ? null : watch.TryWatch(id, user.Client());
        var status = waiter is null
            ? await Find(db, id, user.Owner(), pace, cancellationToken)
            : await Follow(id, user.Owner(), waiter, wait!.Value, db, pace, cancellationToken);
        if (status is null)
            return NotFound(id);
        if (waiter is not null)
            Preference.Applied(response, wait!.Value);
        response.Headers.CacheControl = "private, no-cache";
        var bytes = JsonSerializer.SerializeToUtf8Bytes(status, json.Value.SerializerOptions);
        // An estimate is another one each time it is asked for: that is no news, so the tag is a weak one (RFC 9110, 8.8.1).
        var news = status.EstimatedCompletionAt is null ? bytes : JsonSerializer.SerializeToUtf8Bytes(status with { EstimatedCompletionAt = null }, json.Value.SerializerOptions);
        return TypedResults.Bytes(
            bytes, "application/json; charset=utf-8", entityTag: new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(news).AsSpan(0, 16))}\"", isWeak: true));
    }

    /// <summary>Looks, and if the order is not settled yet, waits and looks again.</summary>
    private static async Task<OrderStatus?> Follow(
        Guid id, string? owner, OrderWaiter waiter, TimeSpan wait, OrderingDb db, OrderPace pace, CancellationToken cancellationToken)
    {
        var status = await Find(db, id, owner, pace, cancellationToken);
        if (status is null || OrderStates.IsSettled(status.Status))
            return status;
        await waiter.Wait(wait, cancellationToken);
        return await Find(db, id, owner, pace, cancellationToken);
    }

    private static async Task<IResult> Cancel(
        Guid id, HttpRequest request, ClaimsPrincipal user, OrderingDb db, IPublishEndpoint publish, CancellationToken cancellationToken)
    {
        var (document, refusal) = await JsonBody.Read(request, cancellationToken);
        if (refusal is not null)
            return refusal;
        using var json = document;
        var reading = new JsonReading();
        var body = json is null ? new() : CancelRequest.Read(json.RootElement, reading);
        if (body is null)
            return Problems.InvalidRequest.Because(errors: reading.Faults);

        if (await StateOf(db, id, user, cancellationToken) is not { } state)
            return NotFound(id);
        if (OrderStates.IsFinal(state))
            return Problems.OrderIsFinal.Because($"It is {state}.");
        // Asked twice, it is under way already.
        if (state is not (nameof(OrderStateMachine.Recalling) or nameof(OrderStateMachine.Crediting)))
        {
            await publish.Publish(new CancelOrder { OrderId = id, Reason = body.Reason ?? NoReason, RequestedBy = user.Client() }, cancellationToken);
            await db.SaveChangesAsync(cancellationToken);
        }

        return Accepted(id, state);
    }

    private static async Task<IResult> Resume(
        Guid id, ClaimsPrincipal user, OrderingDb db, IPublishEndpoint publish, CancellationToken cancellationToken)
    {
        if (await StateOf(db, id, user, cancellationToken) is not { } state)
            return NotFound(id);
        if (state != nameof(OrderStateMachine.Suspended))
            return Problems.OrderIsNotSuspended.Because($"It is {state}.");

        await publish.Publish(new ResumeOrder { OrderId = id, RequestedBy = user.Client() }, cancellationToken);
        await db.SaveChangesAsync(cancellationToken);
        return Accepted(id, state);
    }

    private static Task<string?> StateOf(OrderingDb db, Guid id, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        var owner = user.Owner();
        return (
            from order in db.Orders
            where order.Id == id && (owner == null || order.Client == owner)
            join saga in db.Sagas on order.Id equals saga.CorrelationId
            select saga.CurrentState).SingleOrDefaultAsync(cancellationToken);
    }

    /// <summary>The client's own; or one from before there were clients, for as long as keys are kept: the same order under it is the same request.</summary>
    private static Task<IdempotencyKey?> FindByKey(OrderingDb db, string client, string key, CancellationToken cancellationToken) =>
        db.IdempotencyKeys.AsNoTracking().Where(known => (known.Client == client || known.Client == "") && known.Key == key)
            .OrderByDescending(known => known.Client).FirstOrDefaultAsync(cancellationToken);

    private static Accepted<OrderStatus> Stored(OrderStatus order) => TypedResults.Accepted(order.Links.Self, order);

    private static Accepted<OrderAccepted> Accepted(Guid id, string status) =>
        TypedResults.Accepted($"/orders/{id}", new OrderAccepted(id, status, OrderLinks.Of(id, status, invoiceNumber: null)));

    private static bool IsWellFormed(string key) => key.Length is > 0 and <= IdempotencyKey.Longest && key.All(c => c is > ' ' and < '\x7f');

    public static IResult NotFound(Guid id) => Problems.NotFound.Because($"There is no order {id}.");

    private static void ProducesDocument(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<Stream>(StatusCodes.Status200OK, OrderDocuments.Forms[0], OrderDocuments.Forms[1..])
        .Produces(StatusCodes.Status304NotModified)
        .ProducesProblems(404, 406);

    /// <summary>What the endpoint answers, beside what all of them may.</summary>
    internal static RouteHandlerBuilder ProducesProblems(this RouteHandlerBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in (ReadOnlySpan<int>)[.. statuses, 401, 403, 429, 503])
            endpoint.Produces<Problem>(status, Problem.MediaType);
        return endpoint;
    }

    /// <summary>Refuses a client that accepts no answer of this form.</summary>
    internal static RouteHandlerBuilder Answers(this RouteHandlerBuilder endpoint, string mediaType)
    {
        var form = new MediaTypeHeaderValue(mediaType);
        return endpoint.AddEndpointFilter(async (context, next) =>
            context.HttpContext.Request.GetTypedHeaders().Accept is { Count: > 0 } accepted && !accepted.Any(type => type.Quality is not 0 && form.IsSubsetOf(type))
                ? Problems.NotAcceptable.Because($"It comes as {mediaType}.")
                : await next(context));
    }

    private sealed record OrderAndSaga(Order Order, OrderSaga Saga);
}
