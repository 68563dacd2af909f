namespace Orafo.OrderDetails.Catalogue;

/// <summary>The SQL of the catalogue.</summary>
internal static class CatalogueStatements
{
    /// <summary>Two instances that start at once load the catalogue one after the other.</summary>
    public const string LockForLoading = "lock table articles in share row exclusive mode";

    /// <summary>The articles $1, in the order in which everybody locks.</summary>
    public const string LockArticles =
        """
        select sku, name, price, vat_category, vat_rate, stock, is_on_sale, taken
        from articles
        where sku = any ($1)
        order by sku
        for no key update
        """;

    /// <summary>Adds or replaces articles. What is taken of them stays.</summary>
    public const string ReplaceArticles =
        """
        insert into articles (sku, name, price, vat_category, vat_rate, stock, is_on_sale, taken)
        select sku, name, price, vat_category, vat_rate, stock, is_on_sale, 0
        from unnest($1, $2, $3, $4, $5, $6, $7) n (sku, name, price, vat_category, vat_rate, stock, is_on_sale)
        order by sku
        on conflict (sku) do update
        set name = excluded.name, price = excluded.price, vat_category = excluded.vat_category, vat_rate = excluded.vat_rate, stock = excluded.stock,
            is_on_sale = excluded.is_on_sale
        returning xmax = 0 as is_new
        """;

    /// <summary>The customers $1.</summary>
    public const string LockCustomers =
        """
        select number, name, street, postal_code, city, country, vat_id, is_blocked
        from customers
        where number = any ($1)
        order by number
        for no key update
        """;

    /// <summary>Adds or replaces customers.</summary>
    public const string ReplaceCustomers =
        """
        insert into customers (number, name, street, postal_code, city, country, vat_id, is_blocked)
        select number, name, street, postal_code, city, country, vat_id, is_blocked
        from unnest($1, $2, $3, $4, $5, $6, $7, $8) n (number, name, street, postal_code, city, country, vat_id, is_blocked)
        order by number
        on conflict (number) do update
        set name = excluded.name, street = excluded.street, postal_code = excluded.postal_code, city = excluded.city, country = excluded.country,
            vat_id = excluded.vat_id, is_blocked = excluded.is_blocked
        returning xmax = 0 as is_new
        """;

    /// <summary>The coupons $1.</summary>
    public const string FindCoupons =
        """
        select code, percent, amount, free_shipping, valid_from, valid_until, minimum_net, most_uses, most_uses_per_customer, uses
        from coupons
        where code = any ($1)
        """;

    /// <summary>Adds or replaces coupons. Their uses stay.</summary>
    public const string ReplaceCoupons =
        """
        insert into coupons (code, percent, amount, free_shipping, valid_from, valid_until, minimum_net, most_uses, most_uses_per_customer, uses)
        select code, percent, amount, free_shipping, valid_from, valid_until, minimum_net, most_uses, most_uses_per_customer, 0
        from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) n (code, percent, amount, free_shipping, valid_from, valid_until, minimum_net, most_uses, most_uses_per_customer)
        order by code
        on conflict (code) do update
        set percent = excluded.percent, amount = excluded.amount, free_shipping = excluded.free_shipping, valid_from = excluded.valid_from,
            valid_until = excluded.valid_until, minimum_net = excluded.minimum_net, most_uses = excluded.most_uses, most_uses_per_customer = excluded.most_uses_per_customer
        returning xmax = 0 as is_new
        """;
}
