using Orafo.Contracts;
using Orafo.Invoicing.Documents;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>Documents to render: what there may be, with sums that are worked out by hand, and the invoices of the sample orders.</summary>
public static class Examples
{
    private static readonly Party Consumer =
        new() { Name = "Chiara Bellini", Street = "Corso Buenos Aires 61", PostalCode = "20124", City = "Milano", Country = "IT" };

    private static readonly Party Business =
        new() { Name = "Donau Handels GmbH", Street = "Praterstraße 33", PostalCode = "1020", City = "Wien", Country = "AT", VatId = "ATU12345675" };

    public static Seller Seller { get; } = new()
    {
        Name = "Bottega Orafo S.r.l.",
        Street = "Via dei Calzaiuoli 21",
        PostalCode = "50122",
        City = "Firenze",
        Country = "IT",
        VatId = "IT01234567897",
        Phone = "+39 055 0000000",
        Email = "invoices@bottega-orafo.example",
        Iban = "IT60X0542811101000000123456",
        Bic = "EXMPITRRXXX",
        AccountName = "Bottega Orafo S.r.l.",
        PaymentDays = 14,
        ExemptionReason = "Exempt from VAT, Directive 2006/112/EC, Title IX",
    };

    private static IReadOnlyDictionary<string, BillingDocument> Invoices { get; } = new Dictionary<string, BillingDocument>(StringComparer.Ordinal)
    {
        // 2 × 4.90 = 9.80 at 22 % → 2.156 → 2.16; 3 × 3.20 = 9.60 at 10 % → 0.96; 2 × 2.50 = 5.00 at 5 % → 0.25; 4 × 1.80 = 7.20 at 4 % → 0.288 → 0.29.
        ["four-vat-rates"] = Document(Invoice(
            "2026-000001", Consumer,
            [
                Line("MUG-01", "Espresso cup, white, 70 ml", 2, 4.9m, 22m), Line("COF-02", "Coffee beans, 250 g", 3, 3.2m, 10m),
                Line("HRB-01", "Basil in a pot", 2, 2.5m, 5m), Line("BRD-01", "Bread, 500 g", 4, 1.8m, 4m),
            ],
            Totals("EUR", 31.60m, 0m, [Vat(22m, 9.80m, 2.16m), Vat(10m, 9.60m, 0.96m), Vat(5m, 5.00m, 0.25m), Vat(4m, 7.20m, 0.29m)]))),
        // 14.25 and 10.00 less 4.25: 2.497… and 1.752… → 2.50 and 1.75 by largest remainder; 11.75 × 22 % = 2.585 → 2.59; 8.25 × 10 % = 0.825 → 0.83.
        ["coupon"] = Document(Invoice(
            "2026-000002", Consumer,
            [Line("GLS-01", "Wine glass, 45 cl", 3, 4.75m, 22m), Line("OIL-01", "Olive oil, extra virgin, 500 ml", 1, 10.00m, 10m)],
            Totals("EUR", 24.25m, 4.25m, [Vat(22m, 11.75m, 2.59m), Vat(10m, 8.25m, 0.83m)]))),
        ["intra-community"] = Document(Invoice(
            "2026-000003", Business,
            [Line("PLT-01", "Dinner plate, 27 cm", 24, 12.9m, 0m, "K"), Line("PLT-03", "Serving plate, oval, 36 cm", 2, 29m, 0m, "K")],
            Totals("EUR", 367.60m, 0m, [Vat(0m, 367.60m, 0m, "K")]))),
        ["reverse-charge-and-exempt"] = Document(Invoice(
            "2026-000004", Business,
            [Line("SRV-01", "Engraving", 1, 80m, 0m, "AE"), Line("BOK-01", "Course: setting stones", 1, 120m, 0m, "E"), Line("ZER-01", "Sample", 1, 0m, 0m, "Z")],
            Totals("EUR", 200m, 0m, [Vat(0m, 80m, 0m, "AE"), Vat(0m, 120m, 0m, "E"), Vat(0m, 0m, 0m, "Z")]))),
        ["export"] = Document(Invoice(
            "2026-000005", Consumer with { Name = "Nakamura Shōten", Street = "1-2-3 Ginza", PostalCode = "104-0061", City = "Tōkyō", Country = "JP" },
            [Line("RNG-07", "Ring, 18 ct", 1, 1234.5m, 0m, "G")], Totals("EUR", 1234.50m, 0m, [Vat(0m, 1234.50m, 0m, "G")]))),
        // 3 × 333 = 999 at 10 % → 99.9 → 100: the yen has no decimals.
        ["yen"] = Document(Invoice(
            "2026-000006", Consumer, [Line("TEA-01", "Sencha, 100 g", 3, 333m, 10m, currency: "JPY")], Totals("JPY", 999m, 0m, [Vat(10m, 999m, 100m)]), "JPY")),
        ["many-letters"] = Document(Invoice(
            "2026-000007",
            new()
            {
                Name = "Αφοί Παπαδόπουλοι & Σία Ο.Ε. — Θεσσαλονίκη, Großhandelsgesellschaft für Żółć, Čaj, Ősz und Ñandú mbH, Общество «Ювелир» и Їжак",
                Street = "Οδός Αριστοτέλους 5, Ľavé nábrežie",
                PostalCode = "546 24",
                City = "Θεσσαλονίκη",
                Country = "GR",
            },
            [
                Line("ΕΛ-01", "Ελαιόλαδο «Καλαμάτα» ½ λίτρο", 1, 7.125m, 22m),
                Line("КИ-02", "Серебряная подвеска, проба 925", 2, 19.99m, 22m),
                Line("JP-03", "Tea bowl 茶碗 💍", 1, 30m, 22m),
                Line("LONG-04", new string('W', 120) + " and a name that goes on for as long as its author had something to say about it", 1000, 0.0125m, 22m),
            ],
            // 7.125 → 7.13, 39.98, 30.00, 12.50: 89.61; × 22 % = 19.7142.
            Totals("EUR", 89.61m, 0m, [Vat(22m, 89.61m, 19.71m)]))),
        // 120 × 12.34 = 1480.80; × 22 % = 325.776.
        ["long"] = Document(Invoice(
            "2026-000008", Consumer,
            [.. Enumerable.Range(1, 120).Select(i => Line($"ART-{i:000}", $"Article {i}", 1, 12.34m, 22m))],
            Totals("EUR", 1480.80m, 0m, [Vat(22m, 1480.80m, 325.78m)]))),
        // Shipping 4.90 over 14.25 and 10.00: 2.879… and 2.020… → 2.88 and 2.02; 17.13 × 22 % = 3.7686 → 3.77; 12.02 × 10 % = 1.202 → 1.20.
        ["shipping"] = Document(Invoice(
            "2026-000009", Consumer, [Line("GLS-01", "Wine glass, 45 cl", 3, 4.75m, 22m), Line("OIL-01", "Olive oil, extra virgin, 500 ml", 1, 10.00m, 10m)],
            Totals("EUR", 24.25m, 0m, [Vat(22m, 17.13m, 3.77m, charge: 2.88m), Vat(10m, 12.02m, 1.20m, charge: 2.02m)]))),
        // The same and 10 % of 24.25 = 2.425 → 2.43 off: 1.427… and 1.002… → 1.43 and 1.00. 14.25 − 1.43 + 2.88 = 15.70; × 22 % = 3.454 → 3.45.
        // 10.00 − 1.00 + 2.02 = 11.02; × 10 % = 1.102 → 1.10. 24.25 − 2.43 + 4.90 + 4.55 = 31.27.
        ["shipping-and-coupon"] = Document(Invoice(
            "2026-000010", Consumer, [Line("GLS-01", "Wine glass, 45 cl", 3, 4.75m, 22m), Line("OIL-01", "Olive oil, extra virgin, 500 ml", 1, 10.00m, 10m)],
            Totals("EUR", 24.25m, 2.43m, [Vat(22m, 15.70m, 3.45m, charge: 2.88m), Vat(10m, 11.02m, 1.10m, charge: 2.02m)]))),
    };

    public static IReadOnlyDictionary<string, BillingDocument> All { get; } = new Dictionary<string, BillingDocument>(Invoices, StringComparer.Ordinal)
    {
        ["credit-note"] = CreditOf("coupon"),
        ["credit-note-intra-community"] = CreditOf("intra-community"),
        ["credit-note-shipping"] = CreditOf("shipping-and-coupon"),
    }.Concat(Samples.All).ToDictionary(StringComparer.Ordinal);

    public static IEnumerable<string> Names => All.Keys;

    public static IEnumerable<string> InvoiceNames => Invoices.Keys;

    public static BillingDocument Document(Invoice invoice) => DocumentMapping.Of(invoice, Seller);

    public static Invoice Invoice(string number, Party buyer, IReadOnlyList<PricedLine> lines, OrderTotals totals, string currency = "EUR") => new()
    {
        Number = number,
        Series = number[..4],
        Sequence = int.Parse(number[5..], System.Globalization.CultureInfo.InvariantCulture),
        OrderId = new Guid("0193606a-1b2c-7def-8123-456789abcdef"),
        IssueDate = new DateOnly(2026, 11, 26),
        IssuedAt = new DateTimeOffset(2026, 11, 26, 9, 30, 0, TimeSpan.Zero),
        CustomerNumber = "C-1007",
        Seller = Seller,
        Buyer = buyer,
        Lines = lines,
        Totals = totals,
        Currency = currency,
        Gross = totals.Gross,
    };

    public static PricedLine Line(string sku, string name, int quantity, decimal price, decimal rate, string category = "S", string currency = "EUR") => new()
    {
        Sku = sku,
        Name = name,
        Quantity = quantity,
        UnitPrice = price,
        VatCategory = category,
        VatRate = rate,
        NetAmount = Currency.Round(quantity * price, currency),
    };

    public static VatSubtotal Vat(decimal rate, decimal taxable, decimal vat, string category = "S", decimal charge = 0m) =>
        new() { Category = category, Rate = rate, Charge = charge, TaxableAmount = taxable, VatAmount = vat };

    /// <summary>The charge is that of the categories.</summary>
    public static OrderTotals Totals(string currency, decimal lines, decimal allowance, IReadOnlyList<VatSubtotal> vat) => new()
    {
        Currency = currency,
        LinesNet = lines,
        Allowance = allowance,
        Charge = vat.Sum(subtotal => subtotal.Charge),
        Net = lines - allowance + vat.Sum(subtotal => subtotal.Charge),
        Vat = vat.Sum(subtotal => subtotal.VatAmount),
        Gross = lines - allowance + vat.Sum(subtotal => subtotal.Charge + subtotal.VatAmount),
        VatBreakdown = vat,
    };

    /// <summary>The credit note of an example.</summary>
    public static BillingDocument CreditOf(string invoice) => DocumentMapping.Of(CreditNote(Invoices[invoice]), Invoices[invoice]);

    public static CreditNote CreditNote(BillingDocument invoice) => new()
    {
        Number = "C" + invoice.Number,
        Series = "C" + invoice.Number[..4],
        Sequence = int.Parse(invoice.Number[5..], System.Globalization.CultureInfo.InvariantCulture),
        OrderId = invoice.OrderId,
        InvoiceNumber = invoice.Number,
        Reason = "The order was cancelled before the goods were packed.",
        IssueDate = new DateOnly(2026, 11, 30),
        IssuedAt = new DateTimeOffset(2026, 11, 30, 16, 0, 0, TimeSpan.Zero),
        Currency = invoice.Currency,
        Gross = invoice.Totals.Gross,
    };
}
