using System.Security.Cryptography;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.Contracts;
using Orafo.Ordering.Saga;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Intake;

/// <summary>The REST intake.</summary>
public static class OrderEndpoints
{
    private const int LargestBody = 64 * 1024;

    /// <summary>Compiled: who waits for an order's end waits for this too.</summary>
    private static readonly Func<OrderingDb, Guid, CancellationToken, Task<OrderAndSaga?>> ById = EF.CompileAsyncQuery(
        (OrderingDb db, Guid id, CancellationToken cancellationToken) => (
            from order in db.Orders.AsNoTracking()
            where order.Id == id
            join saga in db.Sagas.AsNoTracking() on order.Id equals saga.CorrelationId
            select new OrderAndSaga(order, saga)).SingleOrDefault());

    public static void MapOrders(this IEndpointRouteBuilder app)
    {
        var orders = app.MapGroup("/orders").WithTags("Orders");

        orders.MapPost("", Submit)
            .WithSummary("Places an order.")
            .WithDescription("202 means that the order is stored and will be carried to its end. The same Idempotency-Key never makes a second order. "
                + "With Prefer: wait=N the answer comes with the end of the order, as 200, or after N seconds, as 202.")
            .WithMetadata(new RequestSizeLimitAttribute(LargestBody))
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

        orders.MapGet("{id:guid}", Get)
            .WithName(nameof(Get))
            .WithSummary("How far an order has come.")
            .WithDescription("With Prefer: wait=N the answer comes when the order is completed, rejected or suspended, or after N seconds.")
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

        orders.MapPost("{id:guid}/resumption", Resume)
            .WithSummary("Goes on with a suspended order.")
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<Results<Ok<OrderStatus>, Accepted<OrderAccepted>, ValidationProblem, ProblemHttpResult>> Submit(
        SubmitOrder body, [FromHeader(Name = "Idempotency-Key")] string? idempotencyKey, [FromHeader(Name = Preference.Header)] string[]? prefer,
        OrderingDb db, SharedTransaction<OrderingDb> transaction, OrderWatch watch, TimeProvider time, HttpResponse response, CancellationToken cancellationToken)
    {
        var faults = body.Faults();
        if (idempotencyKey is not null && !IsWellFormed(idempotencyKey))
            faults["Idempotency-Key"] = [$"1 to {IdempotencyKey.Longest} visible ASCII characters."];
        if (faults.Count > 0)
            return TypedResults.ValidationProblem(faults);

        var wait = Preference.Wait(prefer);
        if (idempotencyKey is not null && await FindByKey(db, idempotencyKey, cancellationToken) is { } earlier)
            return await AnswerAgain(earlier);

        var now = time.GetStorableNow();
        var order = new Order
        {
            Id = Guid.CreateVersion7(now),
            CustomerNumber = body.CustomerNumber!,
            CouponCode = body.CouponCode,
            Lines = body.ToOrderLines(),
            SubmittedAt = now,
        };
        // Before it is stored: nobody need ask whether it is settled already.
        using var waiter = wait is null ? null : watch.TryWatch(order.Id);
        try
        {
            await transaction.Run(async (orders, publish) =>
            {
                var saga = OrderSaga.Begin(order);
                orders.Orders.Add(order);
                orders.Sagas.Add(saga);
                if (idempotencyKey is not null)
                    orders.IdempotencyKeys.Add(new() { Key = idempotencyKey, RequestHash = body.Hash(), OrderId = order.Id, UsedAt = order.SubmittedAt });
                await publish.Publish(saga.GetDetails(), CancellationToken.None);
            });
        }
        // Two requests with one key raced: the other one has the order.
        catch (DbUpdateException e) when (e.InnerException is PostgresException
        {
            SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "pk_idempotency_keys",
        })
        {
            return await AnswerAgain((await FindByKey(db, idempotencyKey!, cancellationToken))!);
        }

        if (waiter is null)
            return Accepted(order.Id, OrderTransition.Submitted);
        await waiter.Wait(wait!.Value, cancellationToken);
        return await Answer(order.Id, () => Find(order.Id, db, cancellationToken));

        async Task<Results<Ok<OrderStatus>, Accepted<OrderAccepted>, ValidationProblem, ProblemHttpResult>> AnswerAgain(IdempotencyKey earlier)
        {
            if (!CryptographicOperations.FixedTimeEquals(earlier.RequestHash, body.Hash()))
                return TypedResults.Problem("This Idempotency-Key was used for another order.", statusCode: StatusCodes.Status422UnprocessableEntity);
            using var watched = wait is null ? null : watch.TryWatch(earlier.OrderId);
            return watched is null
                ? Accepted(earlier.OrderId, OrderTransition.Submitted)
                : await Answer(earlier.OrderId, () => Follow(earlier.OrderId, watched, wait!.Value, db, cancellationToken));
        }

        async Task<Results<Ok<OrderStatus>, Accepted<OrderAccepted>, ValidationProblem, ProblemHttpResult>> Answer(Guid id, Func<Task<OrderStatus?>> look)
        {
            try
            {
                var status = (await look())!;
                Preference.Applied(response, wait!.Value);
                return OrderWatch.IsSettled(status.Status) ? TypedResults.Ok(status) : Accepted(id, status.Status);
            }
            // The order is stored, whatever has become of the database since: a 503 would have it placed again.
            catch (Exception e) when (ReliableDelivery.IsInfrastructure(e))
            {
                return Accepted(id, OrderTransition.Submitted);
            }
        }
    }

    private static async Task<Results<Ok<OrderStatus>, NotFound>> Get(
        Guid id, [FromHeader(Name = Preference.Header)] string[]? prefer,
        OrderingDb db, OrderWatch watch, HttpResponse response, CancellationToken cancellationToken)
    {
        var wait = Preference.Wait(prefer);
        using var waiter = wait is null ? null : watch.TryWatch(id);
        if (waiter is null)
            return await Find(id, db, cancellationToken) is { } now ? TypedResults.Ok(now) : TypedResults.NotFound();
        if (await Follow(id, waiter, wait!.Value, db, cancellationToken) is not { } status)
            return TypedResults.NotFound();
        Preference.Applied(response, wait.Value);
        return TypedResults.Ok(status);
    }

    /// <summary>Looks, and if the order is not settled yet, waits and looks again.</summary>
    private static async Task<OrderStatus?> Follow(Guid id, OrderWaiter waiter, TimeSpan wait, OrderingDb db, CancellationToken cancellationToken)
    {
        var status = await Find(id, db, cancellationToken);
        if (status is null || OrderWatch.IsSettled(status.Status))
            return status;
        await waiter.Wait(wait, cancellationToken);
        return await Find(id, db, cancellationToken);
    }

    private static async Task<OrderStatus?> Find(Guid id, OrderingDb db, CancellationToken cancellationToken) =>
        await ById(db, id, cancellationToken) is { } found ? OrderStatus.Of(found.Order, found.Saga) : null;

    private static async Task<Results<Accepted<OrderAccepted>, NotFound, ProblemHttpResult>> Resume(
        Guid id, OrderingDb db, IPublishEndpoint publish, CancellationToken cancellationToken)
    {
        if (await db.Sagas.AsNoTracking().SingleOrDefaultAsync(saga => saga.CorrelationId == id, cancellationToken) is not { } saga)
            return TypedResults.NotFound();
        if (saga.CurrentState != nameof(OrderStateMachine.Suspended))
            return TypedResults.Problem("Only a suspended order can be resumed.", statusCode: StatusCodes.Status409Conflict);

        await publish.Publish(new ResumeOrder { OrderId = id }, cancellationToken);
        await db.SaveChangesAsync(cancellationToken);
        return Accepted(id, saga.CurrentState);
    }

    private static Task<IdempotencyKey?> FindByKey(OrderingDb db, string key, CancellationToken cancellationToken) =>
        db.IdempotencyKeys.AsNoTracking().SingleOrDefaultAsync(known => known.Key == key, cancellationToken);

    private static Accepted<OrderAccepted> Accepted(Guid id, string status) =>
        TypedResults.Accepted($"/orders/{id}", new OrderAccepted(id, status, new OrderLinks($"/orders/{id}")));

    private static bool IsWellFormed(string key) => key.Length is > 0 and <= IdempotencyKey.Longest && key.All(c => c is > ' ' and < '\x7f');

    private sealed record OrderAndSaga(Order Order, OrderSaga Saga);
}
