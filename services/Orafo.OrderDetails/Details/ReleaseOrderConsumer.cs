using System.Text.Json;
using MassTransit;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;

namespace Orafo.OrderDetails.Details;

/// <summary>Gives back what an order holds that came to nothing: pieces to the stock, its use to the coupon.</summary>
/// <remarks>
/// An order that is not there yet leaves a released row behind: it will find it, and take nothing. Both of them at once collide on the order's key, and whoever comes
/// second looks again. What is released stays so; what is final is not given back.
/// </remarks>
public sealed class ReleaseOrderConsumer(OrderDetailsDb db, ILogger<ReleaseOrderConsumer> logger) : IConsumer<OrderCancelled>, IConsumer<OrderRejected>
{
    public Task Consume(ConsumeContext<OrderCancelled> context) => Release(context.Message.OrderId, context.Prefetched<HoldsToRelease>());

    public Task Consume(ConsumeContext<OrderRejected> context) => Release(context.Message.OrderId, context.Prefetched<HoldsToRelease>());

    private Task Release(Guid orderId, HoldsToRelease held)
    {
        switch (held.Holds.GetValueOrDefault(orderId))
        {
            case null:
                db.OrderHolds.Add(new() { OrderId = orderId, State = HoldStates.Released });
                break;
            case { State: HoldStates.Held } hold:
                foreach (var (sku, pieces) in hold.Taken ?? new Dictionary<string, int>())
                    held.Articles[sku].Taken -= pieces;
                if (hold.CouponCode is { } code)
                    held.Coupons[code].Uses--;
                hold.State = HoldStates.Released;
                break;
            case { State: HoldStates.Final }:
                throw new InvalidOperationException($"Order {orderId} is completed, and is not cancelled or rejected any longer.");
        }

        OrderDetailsLog.HoldsNothing(logger, orderId);
        return Task.CompletedTask;
    }
}

/// <summary>Queue <c>order-release</c>.</summary>
public sealed class ReleaseOrderDefinition : ConsumerDefinition<ReleaseOrderConsumer>
{
    public ReleaseOrderDefinition() => EndpointName = "order-release";
}

/// <summary>What orders hold that came to nothing, locked.</summary>
/// <param name="Holds">By order.</param>
/// <param name="Articles">Those of which they hold pieces, by SKU.</param>
/// <param name="Coupons">Those that they use, by code.</param>
public sealed record HoldsToRelease(
    IReadOnlyDictionary<Guid, OrderHold> Holds, IReadOnlyDictionary<string, Article> Articles, IReadOnlyDictionary<string, Coupon> Coupons)
{
    /// <summary>Each time, an order may have come in between.</summary>
    private const int MostLooks = 10;

    /// <summary>Locks it, in one round trip, in the order in which everybody locks.</summary>
    public static async Task<HoldsToRelease> Lock(OrderDetailsDb db, Guid[] orders, CancellationToken cancellationToken)
    {
        var transaction = (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction)
        {
            BatchCommands =
            {
                new(HoldStatements.LockHeldArticles) { Parameters = { new() { Value = orders } } },
                new(HoldStatements.LockHeldCoupons) { Parameters = { new() { Value = orders } } },
                new(HoldStatements.LockHolds) { Parameters = { new() { Value = orders } } },
            },
        };
        for (var looks = 1; ; looks++)
        {
            await using var rows = await batch.ExecuteReaderAsync(cancellationToken);
            var articles = await rows.TakeAsync(CatalogueRows.Article, article => article.Sku, StringComparer.Ordinal, cancellationToken);
            var coupons = await rows.TakeAsync(CatalogueRows.Coupon, coupon => coupon.Code, StringComparer.Ordinal, cancellationToken);
            var holds = await rows.TakeAsync(Hold, hold => hold.OrderId, comparer: null, cancellationToken);
            // An order that came in between is held, but what it holds is not locked yet.
            if (!holds.Values.Where(hold => hold.State == HoldStates.Held).All(hold =>
                hold.Taken?.Keys.All(articles.ContainsKey) != false && (hold.CouponCode is null || coupons.ContainsKey(hold.CouponCode))))
            {
                if (looks < MostLooks)
                    continue;
                throw new InvalidOperationException("An order holds an article or a coupon that is not there.");
            }

            db.AttachRange(articles.Values);
            db.AttachRange(coupons.Values);
            db.AttachRange(holds.Values);
            return new(holds, articles, coupons);
        }
    }

    private static OrderHold Hold(NpgsqlDataReader row) => new()
    {
        OrderId = row.GetGuid(0),
        State = row.GetString(1),
        Taken = row.IsDBNull(2) ? null : JsonSerializer.Deserialize<Dictionary<string, int>>(row.GetString(2)),
        CouponCode = row.IsDBNull(3) ? null : row.GetString(3),
        CustomerNumber = row.IsDBNull(4) ? null : row.GetString(4),
    };
}

/// <summary>Locks what cancelled orders hold.</summary>
public sealed class CancellationPrefetch : IPrefetch<OrderDetailsDb, OrderCancelled, HoldsToRelease>
{
    public Task<HoldsToRelease> Load(OrderDetailsDb db, IReadOnlyList<OrderCancelled> messages, bool areNew, CancellationToken cancellationToken) =>
        HoldsToRelease.Lock(db, [.. messages.Select(order => order.OrderId)], cancellationToken);
}

/// <summary>Locks what rejected orders hold: nothing, if the rejection was this service's own.</summary>
public sealed class RejectionPrefetch : IPrefetch<OrderDetailsDb, OrderRejected, HoldsToRelease>
{
    public Task<HoldsToRelease> Load(OrderDetailsDb db, IReadOnlyList<OrderRejected> messages, bool areNew, CancellationToken cancellationToken) =>
        HoldsToRelease.Lock(db, [.. messages.Select(order => order.OrderId)], cancellationToken);
}
