using System.Text.Json.Nodes;
using Npgsql;
using NpgsqlTypes;
using Orafo.OrderDetails.Details;

namespace Orafo.OrderDetails.Catalogue.Administration;

/// <summary>Articles, customers or coupons: how they are read, checked and stored.</summary>
/// <param name="What">One of them, for people.</param>
/// <param name="Key">The member that names it.</param>
/// <param name="LongestKey">Orders cannot name a longer one.</param>
/// <param name="Read">Its members; the form keeps what is wrong with them.</param>
/// <param name="KeyOf">Its name.</param>
/// <param name="Find">SQL: those of $1.</param>
/// <param name="Lock">SQL: the same, in the order in which everybody locks.</param>
/// <param name="Replace">SQL: adds or replaces; says of each whether it is new.</param>
/// <param name="Row">Reads what they select.</param>
/// <param name="Columns">The parameters of <paramref name="Replace"/>.</param>
/// <param name="Conflict">What orders have done that does not allow it; null if nothing.</param>
/// <param name="Counters">What only orders change of it.</param>
internal sealed record CatalogueKind<T>(
    string What, string Key, int LongestKey, Func<string, CatalogueForm, T> Read, Func<T, string> KeyOf,
    string Find, string Lock, string Replace, Func<NpgsqlDataReader, T> Row, Func<IReadOnlyList<T>, NpgsqlParameter[]> Columns,
    Func<T, T, CatalogueFault?> Conflict, Func<T, JsonObject> Counters);

/// <summary>The three kinds.</summary>
internal static class CatalogueKinds
{
    private const int LongestText = 200;
    private const decimal LargestAmount = 999_999_999_999.9999m;
    private static readonly string[] Categories = ["S", "Z", "E", "AE", "K", "G", "O"];

    public static CatalogueKind<Article> Articles { get; } = new(
        "article", "sku", LongestKey: 64, ReadArticle, article => article.Sku,
        HoldStatements.Articles, CatalogueStatements.LockArticles, CatalogueStatements.ReplaceArticles, CatalogueRows.Article,
        rows =>
        [
            Column(rows, row => row.Sku, NpgsqlDbType.Text), Column(rows, row => row.Name, NpgsqlDbType.Text), Column(rows, row => row.Price, NpgsqlDbType.Numeric),
            Column(rows, row => row.VatCategory, NpgsqlDbType.Text), Column(rows, row => row.VatRate, NpgsqlDbType.Numeric),
            Column(rows, row => row.Stock, NpgsqlDbType.Integer), Column(rows, row => row.IsOnSale, NpgsqlDbType.Boolean),
        ],
        (stored, wanted) => stored.Taken > wanted.Stock ? new("/stock", $"Orders have taken {stored.Taken} pieces.") : null,
        article => new() { ["taken"] = article.Taken, ["available"] = article.Available });

    public static CatalogueKind<Customer> Customers { get; } = new(
        "customer", "number", LongestKey: 32, ReadCustomer, customer => customer.Number,
        HoldStatements.Customers, CatalogueStatements.LockCustomers, CatalogueStatements.ReplaceCustomers, CatalogueRows.Customer,
        rows =>
        [
            Column(rows, row => row.Number, NpgsqlDbType.Text), Column(rows, row => row.Name, NpgsqlDbType.Text), Column(rows, row => row.Street, NpgsqlDbType.Text),
            Column(rows, row => row.PostalCode, NpgsqlDbType.Text), Column(rows, row => row.City, NpgsqlDbType.Text), Column(rows, row => row.Country, NpgsqlDbType.Text),
            Column(rows, row => row.VatId, NpgsqlDbType.Text), Column(rows, row => row.IsBlocked, NpgsqlDbType.Boolean),
        ],
        (_, _) => null,
        _ => []);

    public static CatalogueKind<Coupon> Coupons { get; } = new(
        "coupon", "code", LongestKey: 32, ReadCoupon, coupon => coupon.Code,
        CatalogueStatements.FindCoupons, HoldStatements.LockCoupons, CatalogueStatements.ReplaceCoupons, CatalogueRows.Coupon,
        rows =>
        [
            Column(rows, row => row.Code, NpgsqlDbType.Text), Column(rows, row => row.Percent, NpgsqlDbType.Numeric), Column(rows, row => row.Amount, NpgsqlDbType.Numeric),
            Column(rows, row => row.FreeShipping, NpgsqlDbType.Boolean), Column(rows, row => row.ValidFrom, NpgsqlDbType.TimestampTz),
            Column(rows, row => row.ValidUntil, NpgsqlDbType.TimestampTz), Column(rows, row => row.MinimumNet, NpgsqlDbType.Numeric),
            Column(rows, row => row.MostUses, NpgsqlDbType.Integer), Column(rows, row => row.MostUsesPerCustomer, NpgsqlDbType.Integer),
        ],
        (stored, wanted) => stored.Uses > wanted.MostUses ? new("/mostUses", $"Orders use it {stored.Uses} times.") : null,
        coupon => new() { ["uses"] = coupon.Uses });

    private static Article ReadArticle(string sku, CatalogueForm form)
    {
        var article = new Article
        {
            Sku = sku,
            Name = form.Text("name", LongestText),
            Price = form.Number("price", 0m, LargestAmount, decimals: 4),
            VatCategory = form.Text("vatCategory", longest: 2),
            VatRate = form.Number("vatRate", 0m, 100m, decimals: 2),
            Stock = form.WholeOrNull("stock", least: 0),
            IsOnSale = form.Flag("isOnSale", otherwise: true),
        };
        if (article.VatCategory.Length > 0 && !Categories.Contains(article.VatCategory))
            form.Fault("vatCategory", $"One of {string.Join(", ", Categories)} (UNTDID 5305).");
        // EN 16931, BR-S-05, BR-Z-05 and kin.
        else if (article.VatCategory == "S" == (article.VatRate == 0m) && form.Faults.Count == 0)
            form.Fault("vatRate", "Above 0 in category S, and 0 in every other one.");
        return article;
    }

    private static Customer ReadCustomer(string number, CatalogueForm form)
    {
        var customer = new Customer
        {
            Number = number,
            Name = form.Text("name", LongestText),
            // A customer may be known before the address is; orders wait for it.
            Street = form.OptionalText("street", LongestText) ?? "",
            PostalCode = form.OptionalText("postalCode", longest: 20) ?? "",
            City = form.OptionalText("city", LongestText) ?? "",
            Country = form.Text("country", longest: 2),
            VatId = form.OptionalText("vatId", longest: 20) is { Length: > 0 } vatId ? vatId : null,
            IsBlocked = form.Flag("isBlocked", otherwise: false),
        };
        if (customer.Country.Length > 0 && (customer.Country.Length != 2 || !customer.Country.All(char.IsAsciiLetterUpper)))
            form.Fault("country", "Two upper-case letters (ISO 3166-1).");
        else if (customer.VatId is not null && VatId.IsUnion(customer.Country) && !VatId.IsWellFormed(customer.VatId))
            form.Fault("vatId", "Not of a form that a member state issues.");
        return customer;
    }

    private static Coupon ReadCoupon(string code, CatalogueForm form)
    {
        var coupon = new Coupon
        {
            Code = code,
            Percent = form.OptionalNumber("percent", 0m, 100m, decimals: 2),
            Amount = form.OptionalNumber("amount", 0m, LargestAmount, decimals: 4),
            FreeShipping = form.Flag("freeShipping", otherwise: false),
            ValidFrom = form.Time("validFrom"),
            ValidUntil = form.Time("validUntil"),
            MinimumNet = form.OptionalNumber("minimumNet", 0m, LargestAmount, decimals: 4) ?? 0m,
            MostUses = form.OptionalWhole("mostUses", least: 0),
            MostUsesPerCustomer = form.OptionalWhole("mostUsesPerCustomer", least: 1),
        };
        bool[] worths = [coupon.Percent is not null, coupon.Amount is not null, coupon.FreeShipping];
        if (worths.Count(isGiven => isGiven) != 1 && !form.Faults.Any(fault => fault.Pointer is "" or "/percent" or "/amount" or "/freeShipping"))
            form.Fault("percent", "One of percent, amount and freeShipping, and only one.");
        if (coupon.ValidFrom >= coupon.ValidUntil && !form.Faults.Any(fault => fault.Pointer is "" or "/validFrom" or "/validUntil"))
            form.Fault("validUntil", "After validFrom.");
        return coupon;
    }

    private static NpgsqlParameter<TValue[]> Column<T, TValue>(IReadOnlyList<T> rows, Func<T, TValue> value, NpgsqlDbType type) =>
        new() { TypedValue = [.. rows.Select(value)], NpgsqlDbType = NpgsqlDbType.Array | type };
}
