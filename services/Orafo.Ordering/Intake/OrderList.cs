using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.Ordering.Access;

namespace Orafo.Ordering.Intake;

/// <summary>The orders of a client, page by page.</summary>
internal static class OrderList
{
    private const int UsualPage = 50;
    private const int LongestPage = 200;

    /// <summary>How many orders are looked at to find those of a state or a customer, which no index knows: a page on which nothing is costs no more than this.</summary>
    private const int MostLookedAt = 5000;

    public static async Task<IResult> List(
        string? status, string? customer, string? after, string? limit, ClaimsPrincipal user, OrderingDb db, CancellationToken cancellationToken)
    {
        List<InputFault> faults = [];
        if (status is not null && !OrderStates.All.Contains(status, StringComparer.Ordinal))
            faults.Add(new(null, "status", $"One of {string.Join(", ", OrderStates.All)}."));
        if (customer is { Length: 0 or > SubmitOrder.LongestCustomerNumber } || customer?.Any(char.IsControl) == true)
            faults.Add(new(null, "customer", $"1 to {SubmitOrder.LongestCustomerNumber} characters."));
        if (!Guid.TryParse(after ?? Guid.Empty.ToString(), out var last))
            faults.Add(new(null, "after", "The id of an order."));
        if (!int.TryParse(limit ?? UsualPage.ToString(CultureInfo.InvariantCulture), NumberStyles.None, CultureInfo.InvariantCulture, out var size) || size is < 1 or > LongestPage)
            faults.Add(new(null, "limit", $"A number from 1 to {LongestPage}."));
        if (faults.Count > 0)
            return Problems.InvalidRequest.Because(errors: faults);

        var orders = db.Orders.AsNoTracking().Where(order => order.Id > last);
        if (user.Owner() is { } owner)
            orders = orders.Where(order => order.Client == owner);
        orders = orders.OrderBy(order => order.Id);

        // Where the search ends, asked before it begins: what is added meanwhile comes after it.
        Guid? edge = status is null && customer is null ? null : await orders.Skip(MostLookedAt - 1).Select(order => (Guid?)order.Id).FirstOrDefaultAsync(cancellationToken);
        if (edge is { } end)
            orders = orders.Where(order => order.Id <= end);
        var found = await (
            from order in orders
            join saga in db.Sagas.AsNoTracking() on order.Id equals saga.CorrelationId
            where (status == null || saga.CurrentState == status) && (customer == null || order.CustomerNumber == customer)
            orderby order.Id
            select new { order.Id, order.SubmittedAt, order.CustomerNumber, saga.CurrentState, saga.InvoiceNumber, saga.Gross, saga.Currency })
            .Take(size + 1).ToArrayAsync(cancellationToken);

        var page = found.Take(size).Select(order => new OrderSummary
        {
            Id = order.Id,
            Status = order.CurrentState,
            SubmittedAt = order.SubmittedAt,
            CustomerNumber = order.CustomerNumber,
            InvoiceNumber = order.InvoiceNumber,
            Total = order.Gross is { } gross && order.Currency is { } currency ? new Money(gross, currency) : null,
            Links = OrderLinks.Of(order.Id, order.CurrentState, order.InvoiceNumber),
        }).ToArray();
        var next = found.Length > size ? found[size - 1].Id : edge;
        return TypedResults.Ok(new OrderPage(page, new PageLinks(next is null ? null : QueryHelpers.AddQueryString("/orders", new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["status"] = status,
            ["customer"] = customer,
            ["after"] = next.ToString(),
            ["limit"] = size.ToString(CultureInfo.InvariantCulture),
        }))));
    }
}
