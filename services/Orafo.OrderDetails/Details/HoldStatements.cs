namespace Orafo.OrderDetails.Details;

/// <summary>The SQL of what orders take. $1 … are parameters.</summary>
/// <remarks>
/// Whoever takes or gives back locks in one order, over all instances: articles by SKU, coupons by code, then the orders' holds. The statements of a batch each see
/// what was committed before they began, so those behind the locks see what is true until the transaction ends.
/// </remarks>
internal static class HoldStatements
{
    /// <summary>Nobody else takes of the articles $1 that are counted, until the transaction ends.</summary>
    public const string LockArticles = "select sku from articles where sku = any ($1) and stock is not null order by sku for no key update";

    /// <summary>The articles $1.</summary>
    public const string Articles = "select sku, name, price, vat_category, vat_rate, stock, is_on_sale, taken from articles where sku = any ($1)";

    /// <summary>The customers $1.</summary>
    public const string Customers = "select number, name, street, postal_code, city, country, vat_id, is_blocked from customers where number = any ($1)";

    /// <summary>The coupons $1; nobody else uses them until the transaction ends.</summary>
    public const string LockCoupons =
        """
        select code, percent, amount, free_shipping, valid_from, valid_until, minimum_net, most_uses, most_uses_per_customer, uses
        from coupons
        where code = any ($1)
        order by code
        for no key update
        """;

    /// <summary>How often each customer of $2 uses the coupon of $1 beside it, where that has a limit.</summary>
    public const string UsesPerCustomer =
        """
        select h.coupon_code, h.customer_number, count(*)::int
        from (select distinct code, number from unnest($1::text[], $2::text[]) u (code, number)) wanted
        join coupons c on c.code = wanted.code and c.most_uses_per_customer is not null
        join order_holds h on h.coupon_code = wanted.code and h.customer_number = wanted.number and h.state <> 'released'
        group by h.coupon_code, h.customer_number
        """;

    /// <summary>Locks the articles that the orders $1 hold.</summary>
    public const string LockHeldArticles =
        """
        select sku, name, price, vat_category, vat_rate, stock, is_on_sale, taken
        from articles
        where sku in (select piece.key from order_holds h, json_each_text(h.taken) piece where h.order_id = any ($1) and h.state = 'held')
        order by sku
        for no key update
        """;

    /// <summary>Locks the coupons that the orders $1 hold.</summary>
    public const string LockHeldCoupons =
        """
        select code, percent, amount, free_shipping, valid_from, valid_until, minimum_net, most_uses, most_uses_per_customer, uses
        from coupons
        where code in (select h.coupon_code from order_holds h where h.order_id = any ($1) and h.state = 'held')
        order by code
        for no key update
        """;

    /// <summary>What the orders $1 hold; nobody else changes it until the transaction ends.</summary>
    public const string LockHolds =
        """
        select order_id, state, taken, coupon_code, customer_number
        from order_holds
        where order_id = any ($1)
        order by order_id
        for no key update
        """;

    /// <summary>A migration's: an order from before has a row, too. What it took of the stock nobody knows; its use of a coupon moves here.</summary>
    public const string HoldForEarlierOrders =
        """
        insert into order_holds (order_id, state, coupon_code, customer_number)
        select d.order_id, case when d.accepted then 'held' else 'released' end, r.coupon_code, case when r.coupon_code is not null then d.customer_number end
        from order_details d
        left join coupon_redemptions r on r.order_id = d.order_id
        """;

    /// <summary>Takes <see cref="HoldForEarlierOrders"/> back.</summary>
    public const string RedemptionsOfHolds =
        "insert into coupon_redemptions (coupon_code, order_id) select coupon_code, order_id from order_holds where coupon_code is not null and state <> 'released'";
}
