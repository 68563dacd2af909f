using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails.Details;

/// <summary>Looks up, decides, writes down, answers.</summary>
/// <remarks>Two commands for one order that share a transaction collide on its key, and are then run one after the other.</remarks>
public sealed class GetOrderDetailsConsumer(
    OrderDetailsDb db, IOptions<SellerOptions> seller, TimeProvider time, ILogger<GetOrderDetailsConsumer> logger)
    : IConsumer<GetOrderDetails>
{
    public async Task Consume(ConsumeContext<GetOrderDetails> context)
    {
        var known = context.Prefetched<OrderDetailsLookup>();
        if (!known.Details.TryGetValue(context.Message.OrderId, out var detail))
            detail = await Prepare(context.Message, known, context.CancellationToken);
        await context.Publish(detail.ToAnswer(), context.CancellationToken);
    }

    private async Task<OrderDetail> Prepare(GetOrderDetails order, OrderDetailsLookup known, CancellationToken cancellationToken)
    {
        var customer = known.Customers.GetValueOrDefault(order.CustomerNumber);
        var coupon = order.CouponCode is null ? null : known.Coupons.GetValueOrDefault(order.CouponCode);
        var assessment = Assessment.Of(order, known.Articles, customer, coupon, seller.Value);
        if (assessment.IsAccepted && coupon is not null && !await UseCoupon(coupon.Code, order.OrderId, cancellationToken))
            assessment = new Assessment([], null, [Assessment.ExhaustedCoupon(coupon.Code)]);

        var detail = new OrderDetail
        {
            OrderId = order.OrderId,
            CustomerNumber = order.CustomerNumber,
            Accepted = assessment.IsAccepted,
            CouponCode = order.CouponCode,
            Customer = assessment.IsAccepted ? customer!.ToParty() : null,
            Lines = assessment.Lines,
            Totals = assessment.Totals,
            Reasons = assessment.Reasons,
            Currency = assessment.Totals?.Currency,
            Gross = assessment.Totals?.Gross,
            PreparedAt = time.GetStorableNow(),
        };
        db.OrderDetails.Add(detail);
        logger.LogDebug("Order {OrderId} is {Outcome}", order.OrderId, detail.Accepted ? "accepted" : "rejected");
        return detail;
    }

    private async Task<bool> UseCoupon(string code, Guid orderId, CancellationToken cancellationToken)
    {
        if (await db.Database.ExecuteSqlRawAsync(CatalogueStatements.UseCoupon, [code], cancellationToken) == 0)
            return false;
        db.CouponRedemptions.Add(new() { CouponCode = code, OrderId = orderId });
        return true;
    }
}

/// <summary>Queue <c>order-details</c>.</summary>
public sealed class GetOrderDetailsDefinition : ConsumerDefinition<GetOrderDetailsConsumer>
{
    public GetOrderDetailsDefinition() => EndpointName = "order-details";
}
