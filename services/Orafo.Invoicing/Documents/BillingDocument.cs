using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Documents;

/// <summary>UNTDID 1001 (BT-3).</summary>
public enum DocumentKind
{
    Invoice = 380,
    CreditNote = 381,
}

/// <summary>An invoice or a credit note in EN 16931's terms: what both renderers write, and nothing else.</summary>
public sealed record BillingDocument
{
    public required DocumentKind Kind { get; init; }

    /// <summary>BT-1.</summary>
    public required string Number { get; init; }

    /// <summary>BT-2.</summary>
    public required DateOnly IssueDate { get; init; }

    /// <summary>BT-5, ISO 4217.</summary>
    public required string Currency { get; init; }

    public required Guid OrderId { get; init; }

    /// <summary>BT-22: why a credit note was issued.</summary>
    public string? Note { get; init; }

    /// <summary>BG-3: what a credit note credits.</summary>
    public PrecedingInvoice? Preceding { get; init; }

    /// <summary>BG-4.</summary>
    public required Seller Seller { get; init; }

    /// <summary>BT-46.</summary>
    public required string CustomerNumber { get; init; }

    /// <summary>BG-7, and BG-15: where the goods go.</summary>
    [PersonalData]
    public required Party Buyer { get; init; }

    /// <summary>BT-72 (Directive 2006/112/EC, art. 226(7)).</summary>
    public required DateOnly SupplyDate { get; init; }

    /// <summary>BG-25.</summary>
    public required IReadOnlyList<PricedLine> Lines { get; init; }

    /// <summary>BG-20: the coupon, per VAT category and rate.</summary>
    public required IReadOnlyList<DocumentAllowance> Allowances { get; init; }

    /// <summary>BG-21: shipping, per VAT category and rate.</summary>
    public required IReadOnlyList<DocumentCharge> Charges { get; init; }

    /// <summary>BG-22 and BG-23.</summary>
    public required OrderTotals Totals { get; init; }

    /// <summary>BG-16; null if nothing is to be paid to the seller.</summary>
    public Payment? Payment { get; init; }

    /// <summary>BT-20, for people.</summary>
    public required string PaymentTerms { get; init; }
}

/// <summary>BT-25 and BT-26.</summary>
public sealed record PrecedingInvoice(string Number, DateOnly IssueDate);

/// <summary>A share of the coupon (BT-92, BT-95, BT-96).</summary>
public sealed record DocumentAllowance(string Category, decimal Rate, decimal Amount);

/// <summary>A share of the charge for shipping (BT-99, BT-102, BT-103).</summary>
public sealed record DocumentCharge(string Category, decimal Rate, decimal Amount);

/// <summary>How the seller is paid: by credit transfer.</summary>
public sealed record Payment
{
    /// <summary>BT-9.</summary>
    public required DateOnly DueDate { get; init; }

    /// <summary>BT-83, ISO 11649.</summary>
    public required string Reference { get; init; }

    /// <summary>BT-84.</summary>
    public required string Iban { get; init; }

    /// <summary>BT-85.</summary>
    public required string AccountName { get; init; }

    /// <summary>BT-86.</summary>
    public string? Bic { get; init; }
}

/// <summary>Why there is no EN 16931 document of an invoice.</summary>
/// <param name="Rule">Which rule it would break.</param>
/// <param name="Reason">For people; never personal data.</param>
public sealed record Refusal(string Rule, string Reason);

/// <summary>From what is stored to what is written on documents.</summary>
public static class DocumentMapping
{
    /// <summary>Amounts of EN 16931 have two decimals at most (BR-DEC-01 and kin).</summary>
    private const int MostDecimals = 2;

    /// <summary>Null if the invoice can be an EN 16931 document, and so can its credit note.</summary>
    public static Refusal? RefusalOf(Invoice invoice) => RefusalOf(invoice.Currency, invoice.Lines, invoice.Buyer);

    /// <summary>Null if an invoice of this can be an EN 16931 document.</summary>
    public static Refusal? RefusalOf(string currency, IReadOnlyList<PricedLine> lines, Party buyer)
    {
        if (Currency.Decimals(currency) > MostDecimals)
            return new("BR-DEC", $"Amounts of EN 16931 have two decimals at most; {currency} has {Currency.Decimals(currency)}.");
        if (lines.Count == 0)
            return new("BR-16", "An invoice has at least one line.");
        return RefusalOf(buyer) ?? lines.Select(line => RefusalOf(line, buyer)).FirstOrDefault(refusal => refusal is not null);
    }

    /// <param name="invoice">Not refused.</param>
    /// <param name="seller">As of the day of issue.</param>
    public static BillingDocument Of(Invoice invoice, Seller seller)
    {
        var dueDate = invoice.IssueDate.AddDays(seller.PaymentDays);
        return new()
        {
            Kind = DocumentKind.Invoice,
            Number = invoice.Number,
            IssueDate = invoice.IssueDate,
            Currency = invoice.Currency,
            OrderId = invoice.OrderId,
            Seller = seller,
            CustomerNumber = Printable.Of(invoice.CustomerNumber),
            Buyer = Readable(invoice.Buyer),
            // The goods are handed over as soon as the invoice is on paper.
            SupplyDate = invoice.IssueDate,
            Lines = [.. invoice.Lines.Select(Readable)],
            Allowances = AllowancesOf(invoice.Lines, invoice.Totals),
            Charges = [.. from vat in invoice.Totals.VatBreakdown where vat.Charge != 0m select new DocumentCharge(vat.Category, vat.Rate, vat.Charge)],
            Totals = invoice.Totals,
            Payment = invoice.Gross == 0m ? null : new()
            {
                DueDate = dueDate,
                Reference = CreditorReference.Of(invoice.Number),
                Iban = seller.Iban,
                AccountName = seller.AccountName,
                Bic = seller.Bic,
            },
            PaymentTerms = invoice.Gross == 0m ? "Nothing is to be paid." : $"Payable by {DocumentText.Date(dueDate)} without deduction.",
        };
    }

    /// <param name="creditNote">Over the whole of the invoice: lines, sums and buyer are the same.</param>
    /// <param name="invoice">What it takes back.</param>
    public static BillingDocument Of(CreditNote creditNote, BillingDocument invoice) => invoice with
    {
        Kind = DocumentKind.CreditNote,
        Number = creditNote.Number,
        IssueDate = creditNote.IssueDate,
        Note = Printable.Of(creditNote.Reason),
        Preceding = new(invoice.Number, invoice.IssueDate),
        Payment = null,
        PaymentTerms = "The amount is credited to you.",
    };

    /// <summary>What each category and rate has less to be taxed than its lines and its share of the charge come to.</summary>
    public static IReadOnlyList<DocumentAllowance> AllowancesOf(IReadOnlyList<PricedLine> lines, OrderTotals totals) =>
    [
        .. from vat in totals.VatBreakdown
           let net = lines.Where(line => line.VatCategory == vat.Category && line.VatRate == vat.Rate).Sum(line => line.NetAmount)
           let share = net + vat.Charge - vat.TaxableAmount
           where share > 0m
           select new DocumentAllowance(vat.Category, vat.Rate, share),
    ];

    private static Refusal? RefusalOf(Party buyer)
    {
        if (Printable.Of(buyer.Name).Length == 0)
            return new("BR-07", "An invoice names its buyer.");
        if (!(buyer.Country is [var first, var second] && char.IsAsciiLetterUpper(first) && char.IsAsciiLetterUpper(second)))
            return new("BR-11", "The buyer's country is a code of ISO 3166-1.");
        return buyer.VatId is null or [>= 'A' and <= 'Z', >= 'A' and <= 'Z', _, ..] ? null : new("BR-CO-09", "The buyer's VAT id begins with a country.");
    }

    private static Refusal? RefusalOf(PricedLine line, Party buyer)
    {
        if (Printable.Of(line.Name).Length == 0)
            return new("BR-25", "A line names its article.");
        if (VatCategory.Of(line.VatCategory) is not { } category)
            return new("BR-CL-18", $"Documents do not know the VAT category {line.VatCategory}.");
        if (line.VatRate < 0m || category.IsTaxed != line.VatRate > 0m)
            return new($"{category.Rules}-05", $"VAT category {category.Code} does not go with a rate of {DocumentText.Rate(line.VatRate)}.");
        return category.NeedsBuyersVatId && buyer.VatId is null
            ? new($"{category.Rules}-02", $"VAT category {category.Code} needs the buyer's VAT id.")
            : null;
    }

    private static Party Readable(Party party) => party with
    {
        Name = Printable.Of(party.Name),
        Street = Printable.Of(party.Street),
        PostalCode = Printable.Of(party.PostalCode),
        City = Printable.Of(party.City),
        Country = Printable.Of(party.Country),
        VatId = party.VatId is { } vatId ? Printable.Of(vatId) : null,
    };

    private static PricedLine Readable(PricedLine line) => line with { Sku = Printable.Of(line.Sku), Name = Printable.Of(line.Name) };
}
