using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Orafo.Cli;
using Orafo.Contracts;
using Orafo.Invoicing.Documents;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>The invoices of the orders in deploy/samples, with the lines and sums that the order details service works out from the catalogue beside them.</summary>
internal static class Samples
{
    private static readonly string Directory = Path.Combine(Repository.Root, "deploy", "samples");

    private static readonly OrderDetailsLookup Catalogue = new(
        new Dictionary<Guid, OrderDetail>(), new Dictionary<Guid, OrderHold>(),
        CatalogueFiles.Read<Article>(Directory, "articles.json").ToDictionary(article => article.Sku),
        CatalogueFiles.Read<Customer>(Directory, "customers.json").ToDictionary(customer => customer.Number),
        CatalogueFiles.Read<Coupon>(Directory, "coupons.json").ToDictionary(coupon => coupon.Code), []);

    /// <summary>As the configuration has him.</summary>
    private static readonly Seller Seller = new ConfigurationBuilder()
        .AddJsonFile(Path.Combine(Repository.Root, "services", "Orafo.Invoicing", "appsettings.json")).Build().GetSection("Seller").Get<SellerOptions>()!.Details;

    /// <summary>By the names of their files.</summary>
    public static IReadOnlyDictionary<string, BillingDocument> All { get; } =
        System.IO.Directory.EnumerateFiles(Path.Combine(Directory, "orders"), "good-*.json").Order(StringComparer.Ordinal)
            .Select((file, i) => (Name: Path.GetFileNameWithoutExtension(file), Document: Of(file, 101 + i))).ToDictionary(of => of.Name, of => of.Document);

    private static BillingDocument Of(string file, int sequence)
    {
        var placed = JsonSerializer.Deserialize<Placed>(File.ReadAllText(file), JsonSerializerOptions.Web)!;
        var order = new GetOrderDetails
        {
            OrderId = new Guid($"0193606a-1b2c-7def-8123-{sequence:x12}"),
            CustomerNumber = placed.CustomerNumber,
            SubmittedAt = new DateTimeOffset(2026, 11, 26, 9, 0, 0, TimeSpan.Zero),
            Lines = placed.Lines,
            CouponCode = placed.CouponCode,
        };
        var assessment = Assessment.Of(order, Catalogue, new OrderDetails.SellerOptions());
        var totals = assessment.Totals ?? throw new InvalidDataException($"{file} is rejected: {string.Join(" ", assessment.Reasons.Select(reason => reason.Text))}");
        if (SoundTotals.BrokenRule(assessment.Lines, totals) is { } rule)
            throw new InvalidDataException($"{file} breaks {rule}.");
        return DocumentMapping.Of(
            new()
            {
                Number = $"2026-{sequence:d6}",
                Series = "2026",
                Sequence = sequence,
                OrderId = order.OrderId,
                IssueDate = new DateOnly(2026, 11, 26),
                IssuedAt = order.SubmittedAt,
                CustomerNumber = order.CustomerNumber,
                Seller = Seller,
                Buyer = Catalogue.Customers[order.CustomerNumber].ToParty(),
                Lines = assessment.Lines,
                Totals = totals,
                Currency = totals.Currency,
                Gross = totals.Gross,
            },
            Seller);
    }

    private sealed record Placed(string CustomerNumber, string? CouponCode, IReadOnlyList<OrderLine> Lines);
}
