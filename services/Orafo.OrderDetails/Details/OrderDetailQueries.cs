using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orafo.OrderDetails.Catalogue;

namespace Orafo.OrderDetails.Details;

/// <summary>What is looked up for every order. Compiled: translating them anew was a tenth of the service's work.</summary>
internal static class OrderDetailQueries
{
    /// <summary>What was found out about an order before.</summary>
    public static readonly Func<OrderDetailsDb, Guid, CancellationToken, Task<OrderDetail?>> Detail = EF.CompileAsyncQuery(
        (OrderDetailsDb db, Guid orderId, CancellationToken _) =>
            db.OrderDetails.TagWith(IndependentQuery.Tag).SingleOrDefault(detail => detail.OrderId == orderId));

    public static readonly Func<OrderDetailsDb, string[], IAsyncEnumerable<Article>> Articles = EF.CompileAsyncQuery(
        (OrderDetailsDb db, string[] skus) =>
            db.Articles.TagWith(IndependentQuery.Tag).AsNoTracking().Where(article => skus.Contains(article.Sku)));

    public static readonly Func<OrderDetailsDb, string, CancellationToken, Task<Customer?>> Customer = EF.CompileAsyncQuery(
        (OrderDetailsDb db, string number, CancellationToken _) =>
            db.Customers.TagWith(IndependentQuery.Tag).AsNoTracking().SingleOrDefault(customer => customer.Number == number));

    public static readonly Func<OrderDetailsDb, string, CancellationToken, Task<Coupon?>> Coupon = EF.CompileAsyncQuery(
        (OrderDetailsDb db, string code, CancellationToken _) =>
            db.Coupons.TagWith(IndependentQuery.Tag).AsNoTracking().SingleOrDefault(coupon => coupon.Code == code));
}
