using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;

namespace Orafo.OrderDetails.Details;

/// <summary>What there is in the catalogue of what the orders name. What they take of it is locked, and the next one finds what the ones before it took.</summary>
/// <param name="Details">What was found out about these orders before, by order.</param>
/// <param name="Holds">What they hold, by order.</param>
/// <param name="Articles">By SKU.</param>
/// <param name="Customers">By number.</param>
/// <param name="Coupons">By code.</param>
/// <param name="UsesPerCustomer">Of coupons that limit them, by code and customer; none is zero.</param>
public sealed record OrderDetailsLookup(
    IReadOnlyDictionary<Guid, OrderDetail> Details, IReadOnlyDictionary<Guid, OrderHold> Holds, IReadOnlyDictionary<string, Article> Articles,
    IReadOnlyDictionary<string, Customer> Customers, IReadOnlyDictionary<string, Coupon> Coupons, Dictionary<(string Code, string Customer), int> UsesPerCustomer);

/// <summary>Looks it up, and locks, in one round trip.</summary>
public sealed class OrderDetailsPrefetch : IPrefetch<OrderDetailsDb, GetOrderDetails, OrderDetailsLookup>
{
    private static readonly Func<OrderDetailsDb, Guid[], IAsyncEnumerable<OrderDetail>> Details = EF.CompileAsyncQuery(
        (OrderDetailsDb db, Guid[] orders) => db.OrderDetails.AsNoTracking().Where(detail => orders.Contains(detail.OrderId)));

    private static readonly Func<OrderDetailsDb, Guid[], IAsyncEnumerable<OrderHold>> Holds = EF.CompileAsyncQuery(
        (OrderDetailsDb db, Guid[] orders) => db.OrderHolds.AsNoTracking().Where(hold => orders.Contains(hold.OrderId)));

    public async Task<OrderDetailsLookup> Load(OrderDetailsDb db, IReadOnlyList<GetOrderDetails> messages, bool areNew, CancellationToken cancellationToken)
    {
        var orders = messages.Select(order => order.OrderId).Distinct().ToArray();
        var lookup = await LoadCatalogue(db, messages, cancellationToken);
        return areNew
            ? lookup
            : lookup with
            {
                Details = await Details(db, orders).ToDictionaryAsync(detail => detail.OrderId, cancellationToken: cancellationToken),
                Holds = await Holds(db, orders).ToDictionaryAsync(hold => hold.OrderId, cancellationToken: cancellationToken),
            };
    }

    private static async Task<OrderDetailsLookup> LoadCatalogue(OrderDetailsDb db, IReadOnlyList<GetOrderDetails> messages, CancellationToken cancellationToken)
    {
        var skus = messages.SelectMany(order => order.Lines).Select(line => line.Sku).Distinct(StringComparer.Ordinal).ToArray();
        var customers = messages.Select(order => order.CustomerNumber).Distinct(StringComparer.Ordinal).ToArray();
        var withCoupon = messages.Where(order => order.CouponCode is not null).ToArray();
        var codes = withCoupon.Select(order => order.CouponCode!).Distinct(StringComparer.Ordinal).ToArray();

        var transaction = (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction)
        {
            BatchCommands =
            {
                new(HoldStatements.LockArticles) { Parameters = { new() { Value = skus } } },
                new(HoldStatements.Articles) { Parameters = { new() { Value = skus } } },
                new(HoldStatements.Customers) { Parameters = { new() { Value = customers } } },
            },
        };
        if (codes.Length > 0)
        {
            batch.BatchCommands.Add(new(HoldStatements.LockCoupons) { Parameters = { new() { Value = codes } } });
            batch.BatchCommands.Add(new(HoldStatements.UsesPerCustomer)
            {
                Parameters = { new() { Value = withCoupon.Select(order => order.CouponCode!).ToArray() }, new() { Value = withCoupon.Select(order => order.CustomerNumber).ToArray() } },
            });
        }

        while (true)
        {
            await using var rows = await batch.ExecuteReaderAsync(cancellationToken);
            var locked = await rows.TakeAsync(row => row.GetString(0), sku => sku, StringComparer.Ordinal, cancellationToken);
            var lookup = new OrderDetailsLookup(
                new Dictionary<Guid, OrderDetail>(),
                new Dictionary<Guid, OrderHold>(),
                await rows.TakeAsync(CatalogueRows.Article, article => article.Sku, StringComparer.Ordinal, cancellationToken),
                await rows.TakeAsync(CatalogueRows.Customer, customer => customer.Number, StringComparer.Ordinal, cancellationToken),
                await rows.TakeAsync(CatalogueRows.Coupon, coupon => coupon.Code, StringComparer.Ordinal, cancellationToken),
                (await rows.TakeAsync(
                    row => (Key: (row.GetString(0), row.GetString(1)), Uses: row.GetInt32(2)), uses => uses.Key, comparer: null, cancellationToken))
                .ToDictionary(uses => uses.Key, uses => uses.Value.Uses));
            var counted = lookup.Articles.Values.Where(article => article.Stock is not null).ToArray();
            // Somebody began to count an article in between.
            if (!Array.TrueForAll(counted, article => locked.ContainsKey(article.Sku)))
                continue;
            db.AttachRange(counted);
            db.AttachRange(lookup.Coupons.Values);
            return lookup;
        }
    }
}
