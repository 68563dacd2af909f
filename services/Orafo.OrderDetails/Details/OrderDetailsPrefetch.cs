using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;

namespace Orafo.OrderDetails.Details;

/// <summary>What there is in the catalogue of what the orders name.</summary>
/// <param name="Details">What was found out about these orders before, by order.</param>
/// <param name="Articles">By SKU.</param>
/// <param name="Customers">By number.</param>
/// <param name="Coupons">By code.</param>
public sealed record OrderDetailsLookup(
    IReadOnlyDictionary<Guid, OrderDetail> Details, IReadOnlyDictionary<string, Article> Articles,
    IReadOnlyDictionary<string, Customer> Customers, IReadOnlyDictionary<string, Coupon> Coupons);

/// <summary>Looks it up. Compiled queries: translating them anew was a tenth of the service's work.</summary>
public sealed class OrderDetailsPrefetch : IPrefetch<OrderDetailsDb, GetOrderDetails, OrderDetailsLookup>
{
    private static readonly Func<OrderDetailsDb, Guid[], IAsyncEnumerable<OrderDetail>> Details = EF.CompileAsyncQuery(
        (OrderDetailsDb db, Guid[] orders) => db.OrderDetails.AsNoTracking().Where(detail => orders.Contains(detail.OrderId)));

    private static readonly Func<OrderDetailsDb, string[], IAsyncEnumerable<Article>> Articles = EF.CompileAsyncQuery(
        (OrderDetailsDb db, string[] skus) => db.Articles.AsNoTracking().Where(article => skus.Contains(article.Sku)));

    private static readonly Func<OrderDetailsDb, string[], IAsyncEnumerable<Customer>> Customers = EF.CompileAsyncQuery(
        (OrderDetailsDb db, string[] numbers) => db.Customers.AsNoTracking().Where(customer => numbers.Contains(customer.Number)));

    private static readonly Func<OrderDetailsDb, string[], IAsyncEnumerable<Coupon>> Coupons = EF.CompileAsyncQuery(
        (OrderDetailsDb db, string[] codes) => db.Coupons.AsNoTracking().Where(coupon => codes.Contains(coupon.Code)));

    public async Task<OrderDetailsLookup> Load(OrderDetailsDb db, IReadOnlyList<GetOrderDetails> messages, bool areNew, CancellationToken cancellationToken)
    {
        var orders = messages.Select(order => order.OrderId).Distinct().ToArray();
        var skus = messages.SelectMany(order => order.Lines).Select(line => line.Sku).Distinct(StringComparer.Ordinal).ToArray();
        var customers = messages.Select(order => order.CustomerNumber).Distinct(StringComparer.Ordinal).ToArray();
        var coupons = messages.Select(order => order.CouponCode).OfType<string>().Distinct(StringComparer.Ordinal).ToArray();
        return new(
            areNew ? [] : await Details(db, orders).ToDictionaryAsync(detail => detail.OrderId, cancellationToken: cancellationToken),
            await Articles(db, skus).ToDictionaryAsync(article => article.Sku, StringComparer.Ordinal, cancellationToken),
            await Customers(db, customers).ToDictionaryAsync(customer => customer.Number, StringComparer.Ordinal, cancellationToken),
            coupons.Length == 0
                ? new Dictionary<string, Coupon>(StringComparer.Ordinal)
                : await Coupons(db, coupons).ToDictionaryAsync(coupon => coupon.Code, StringComparer.Ordinal, cancellationToken));
    }
}
