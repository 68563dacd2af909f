using MassTransit;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails.Details;

/// <summary>Looks up, decides, takes what the order needs of the stock and of its coupon, writes down, answers.</summary>
/// <remarks>
/// Two commands for one order that share a transaction collide on its key, and are then run one after the other. An order that was cancelled takes
/// nothing and gets no answer: whoever cancelled it waits for none.
/// </remarks>
public sealed class GetOrderDetailsConsumer(
    OrderDetailsDb db, IOptions<SellerOptions> seller, TimeProvider time, ILogger<GetOrderDetailsConsumer> logger)
    : IConsumer<GetOrderDetails>
{
    public async Task Consume(ConsumeContext<GetOrderDetails> context)
    {
        var known = context.Prefetched<OrderDetailsLookup>();
        var orderId = context.Message.OrderId;
        var isReleased = known.Holds.GetValueOrDefault(orderId) is { State: HoldStates.Released };
        var detail = known.Details.GetValueOrDefault(orderId);
        if (isReleased && detail is not { Accepted: false })
        {
            OrderDetailsLog.TakesNothing(logger, orderId);
            return;
        }

        await context.Publish((detail ?? Prepare(context, known)).ToAnswer(), context.CancellationToken);
    }

    private OrderDetail Prepare(ConsumeContext<GetOrderDetails> context, OrderDetailsLookup known)
    {
        var order = context.Message;
        var assessment = Assessment.Of(order, known, seller.Value);
        var detail = new OrderDetail
        {
            OrderId = order.OrderId,
            CustomerNumber = order.CustomerNumber,
            Accepted = assessment.IsAccepted,
            CouponCode = order.CouponCode,
            Customer = assessment.IsAccepted ? known.Customers[order.CustomerNumber].ToParty() : null,
            Lines = assessment.Lines,
            Totals = assessment.Totals,
            Reasons = assessment.Reasons,
            Currency = assessment.Totals?.Currency,
            Gross = assessment.Totals?.Gross,
            PreparedAt = time.GetStorableNow(),
        };
        db.OrderDetails.Add(detail);
        db.OrderHolds.Add(detail.Accepted ? Take(order, known) : new() { OrderId = order.OrderId, State = HoldStates.Released });
        context.AfterCommit(() => OrderDetailsLog.Prepared(logger, detail.OrderId, detail.Accepted ? "accepted" : "rejected"));
        return detail;
    }

    /// <summary>Of what is locked, so it is there; those that come later in this transaction find what is left.</summary>
    private static OrderHold Take(GetOrderDetails order, OrderDetailsLookup known)
    {
        SortedDictionary<string, int> taken = new(StringComparer.Ordinal);
        foreach (var line in order.Lines)
        {
            var article = known.Articles[line.Sku];
            if (article.Stock is null)
                continue;
            article.Taken += line.Quantity;
            taken[line.Sku] = taken.GetValueOrDefault(line.Sku) + line.Quantity;
        }

        if (order.CouponCode is { } code)
        {
            known.Coupons[code].Uses++;
            known.UsesPerCustomer[(code, order.CustomerNumber)] = known.UsesPerCustomer.GetValueOrDefault((code, order.CustomerNumber)) + 1;
        }

        return new()
        {
            OrderId = order.OrderId,
            State = HoldStates.Held,
            Taken = taken,
            CouponCode = order.CouponCode,
            CustomerNumber = order.CouponCode is null ? null : order.CustomerNumber,
        };
    }
}

/// <summary>Queue <c>order-details</c>.</summary>
public sealed class GetOrderDetailsDefinition : ConsumerDefinition<GetOrderDetailsConsumer>
{
    public GetOrderDetailsDefinition() => EndpointName = "order-details";
}
