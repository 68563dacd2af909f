using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using System.Xml.XPath;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>EN 16931-1's rules, as far as documents here can break them, read off the XML. It shares no code with what writes the XML.</summary>
internal static class En16931
{
    private const string Cac = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
    private const string Cbc = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
    private const string Line = "cac:InvoiceLine|cac:CreditNoteLine";
    private const string Quantity = "cbc:InvoicedQuantity|cbc:CreditedQuantity";
    private const string Allowance = "cac:AllowanceCharge[cbc:ChargeIndicator='false']";
    private const string Charge = "cac:AllowanceCharge[cbc:ChargeIndicator='true']";
    private const string Subtotal = "cac:TaxTotal/cac:TaxSubtotal";
    private const string Sums = "cac:LegalMonetaryTotal";
    private const string Seller = "cac:AccountingSupplierParty/cac:Party";
    private const string Buyer = "cac:AccountingCustomerParty/cac:Party";
    private const string VatId = "cac:PartyTaxScheme[cac:TaxScheme/cbc:ID='VAT']/cbc:CompanyID";
    private static readonly XmlNamespaceManager Namespaces = NamespacesOfUbl();

    /// <summary>BR-DEC-…: rule and amount.</summary>
    internal static IReadOnlyDictionary<string, string> AmountsOfTwoDecimals { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["BR-DEC-01"] = $"{Allowance}/cbc:Amount",
        ["BR-DEC-05"] = $"{Charge}/cbc:Amount",
        ["BR-DEC-09"] = $"{Sums}/cbc:LineExtensionAmount",
        ["BR-DEC-10"] = $"{Sums}/cbc:AllowanceTotalAmount",
        ["BR-DEC-11"] = $"{Sums}/cbc:ChargeTotalAmount",
        ["BR-DEC-12"] = $"{Sums}/cbc:TaxExclusiveAmount",
        ["BR-DEC-13"] = "cac:TaxTotal/cbc:TaxAmount",
        ["BR-DEC-14"] = $"{Sums}/cbc:TaxInclusiveAmount",
        ["BR-DEC-18"] = $"{Sums}/cbc:PayableAmount",
        ["BR-DEC-19"] = $"{Subtotal}/cbc:TaxableAmount",
        ["BR-DEC-20"] = $"{Subtotal}/cbc:TaxAmount",
        ["BR-DEC-23"] = "cac:InvoiceLine/cbc:LineExtensionAmount|cac:CreditNoteLine/cbc:LineExtensionAmount",
    };

    /// <summary>By name: whether a document keeps it.</summary>
    public static IReadOnlyDictionary<string, Func<XElement, bool>> Rules { get; } = AllRules();

    /// <summary>The names of the rules that a document breaks.</summary>
    public static IReadOnlyList<string> Broken(XElement document) => [.. Rules.Where(rule => !rule.Value(document)).Select(rule => rule.Key)];

    public static IEnumerable<XElement> All(this XElement element, string path) => element.XPathSelectElements(path, Namespaces);

    public static XElement One(this XElement element, string path) => element.All(path).First();

    private static Dictionary<string, Func<XElement, bool>> AllRules()
    {
        var rules = new Dictionary<string, Func<XElement, bool>>(StringComparer.Ordinal)
        {
            ["BR-01"] = document => Text(document, "cbc:CustomizationID") == "urn:cen.eu:en16931:2017",
            ["BR-02"] = document => Has(document, "cbc:ID"),
            ["BR-03"] = document => DateOnly.TryParseExact(Text(document, "cbc:IssueDate"), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
            ["BR-04"] = document => Has(document, "cbc:InvoiceTypeCode|cbc:CreditNoteTypeCode"),
            ["BR-05"] = document => Has(document, "cbc:DocumentCurrencyCode"),
            ["BR-06"] = document => Has(document, $"{Seller}/cac:PartyLegalEntity/cbc:RegistrationName"),
            ["BR-07"] = document => Has(document, $"{Buyer}/cac:PartyLegalEntity/cbc:RegistrationName"),
            ["BR-08"] = document => document.All($"{Seller}/cac:PostalAddress").Any(),
            ["BR-09"] = document => Has(document, $"{Seller}/cac:PostalAddress/cac:Country/cbc:IdentificationCode"),
            ["BR-10"] = document => document.All($"{Buyer}/cac:PostalAddress").Any(),
            ["BR-11"] = document => Has(document, $"{Buyer}/cac:PostalAddress/cac:Country/cbc:IdentificationCode"),
            ["BR-12"] = document => Has(document, $"{Sums}/cbc:LineExtensionAmount"),
            ["BR-13"] = document => Has(document, $"{Sums}/cbc:TaxExclusiveAmount"),
            ["BR-14"] = document => Has(document, $"{Sums}/cbc:TaxInclusiveAmount"),
            ["BR-15"] = document => Has(document, $"{Sums}/cbc:PayableAmount"),
            ["BR-16"] = document => document.All(Line).Any(),
            ["BR-21"] = EachLine(line => Has(line, "cbc:ID")),
            ["BR-22"] = EachLine(line => Has(line, Quantity)),
            ["BR-23"] = EachLine(line => line.All(Quantity).All(quantity => quantity.Attribute("unitCode")?.Value is "H87" or "C62")),
            ["BR-24"] = EachLine(line => Has(line, "cbc:LineExtensionAmount")),
            ["BR-25"] = EachLine(line => Has(line, "cac:Item/cbc:Name")),
            ["BR-26"] = EachLine(line => Has(line, "cac:Price/cbc:PriceAmount")),
            ["BR-27"] = EachLine(line => Sum(line, "cac:Price/cbc:PriceAmount") >= 0m),
            ["BR-31"] = Each(Allowance, allowance => Has(allowance, "cbc:Amount")),
            ["BR-32"] = Each(Allowance, allowance => Has(allowance, "cac:TaxCategory/cbc:ID")),
            ["BR-33"] = Each(Allowance, allowance => Has(allowance, "cbc:AllowanceChargeReason|cbc:AllowanceChargeReasonCode")),
            ["BR-36"] = Each(Charge, charge => Has(charge, "cbc:Amount")),
            ["BR-37"] = Each(Charge, charge => Has(charge, "cac:TaxCategory/cbc:ID")),
            ["BR-38"] = Each(Charge, charge => Has(charge, "cbc:AllowanceChargeReason|cbc:AllowanceChargeReasonCode")),
            ["BR-45"] = Each(Subtotal, vat => Has(vat, "cbc:TaxableAmount")),
            ["BR-46"] = Each(Subtotal, vat => Has(vat, "cbc:TaxAmount")),
            ["BR-47"] = Each(Subtotal, vat => Has(vat, "cac:TaxCategory/cbc:ID")),
            ["BR-48"] = Each(Subtotal, vat => Has(vat, "cac:TaxCategory/cbc:Percent")),
            ["BR-49"] = Each("cac:PaymentMeans", means => Has(means, "cbc:PaymentMeansCode")),
            ["BR-50"] = Each("cac:PaymentMeans", means => Has(means, "cac:PayeeFinancialAccount/cbc:ID")),
            ["BR-55"] = Each("cac:BillingReference", reference => Has(reference, "cac:InvoiceDocumentReference/cbc:ID")),
            ["BR-57"] = document => document.All("cac:Delivery/cac:DeliveryLocation/cac:Address").All(address => Has(address, "cac:Country/cbc:IdentificationCode")),
            ["BR-CL-01"] = document => Text(document, "cbc:InvoiceTypeCode|cbc:CreditNoteTypeCode") == (document.Name.LocalName == "Invoice" ? "380" : "381"),
            ["BR-CL-03"] = document => document.Descendants().Attributes("currencyID").All(currency => currency.Value == Text(document, "cbc:DocumentCurrencyCode")),
            ["BR-CL-04"] = document => Text(document, "cbc:DocumentCurrencyCode") is [>= 'A' and <= 'Z', >= 'A' and <= 'Z', >= 'A' and <= 'Z'],
            // UNTDID 7161: freight service, delivery, shipping and handling.
            ["BR-CL-20"] = document => document.All($"{Charge}/cbc:AllowanceChargeReasonCode").All(code => code.Value is "FC" or "DL" or "SAA"),
            ["BR-CO-04"] = EachLine(line => Has(line, "cac:Item/cac:ClassifiedTaxCategory/cbc:ID")),
            ["BR-CO-09"] = document => document.All($"{Seller}/{VatId}|{Buyer}/{VatId}").All(id => id.Value is [>= 'A' and <= 'Z', >= 'A' and <= 'Z', ..]),
            ["BR-CO-10"] = document => Sum(document, $"{Sums}/cbc:LineExtensionAmount") == document.All(Line).Sum(line => Sum(line, "cbc:LineExtensionAmount")),
            ["BR-CO-11"] = document => Sum(document, $"{Sums}/cbc:AllowanceTotalAmount") == Sum(document, $"{Allowance}/cbc:Amount"),
            ["BR-CO-12"] = document => Sum(document, $"{Sums}/cbc:ChargeTotalAmount") == Sum(document, $"{Charge}/cbc:Amount"),
            ["BR-CO-13"] = document => Sum(document, $"{Sums}/cbc:TaxExclusiveAmount") == Sum(document, $"{Sums}/cbc:LineExtensionAmount")
                - Sum(document, $"{Sums}/cbc:AllowanceTotalAmount") + Sum(document, $"{Sums}/cbc:ChargeTotalAmount"),
            ["BR-CO-14"] = document => Sum(document, "cac:TaxTotal/cbc:TaxAmount") == Sum(document, $"{Subtotal}/cbc:TaxAmount"),
            ["BR-CO-15"] = document =>
                Sum(document, $"{Sums}/cbc:TaxInclusiveAmount") == Sum(document, $"{Sums}/cbc:TaxExclusiveAmount") + Sum(document, "cac:TaxTotal/cbc:TaxAmount"),
            ["BR-CO-16"] = document => Sum(document, $"{Sums}/cbc:PayableAmount") == Sum(document, $"{Sums}/cbc:TaxInclusiveAmount")
                - Sum(document, $"{Sums}/cbc:PrepaidAmount") + Sum(document, $"{Sums}/cbc:PayableRoundingAmount"),
            ["BR-CO-17"] = Each(Subtotal, vat => Sum(vat, "cbc:TaxAmount") == Tax(vat)),
            ["BR-CO-18"] = document => document.All(Subtotal).Any(),
            ["BR-CO-21"] = Each(Allowance, allowance => Has(allowance, "cbc:AllowanceChargeReason") || Has(allowance, "cbc:AllowanceChargeReasonCode")),
            ["BR-CO-22"] = Each(Charge, charge => Has(charge, "cbc:AllowanceChargeReason") || Has(charge, "cbc:AllowanceChargeReasonCode")),
            ["BR-CO-25"] = document =>
                Sum(document, $"{Sums}/cbc:PayableAmount") <= 0m || Has(document, "cbc:DueDate") || Has(document, "cac:PaymentTerms/cbc:Note"),
            ["BR-CO-26"] = document => Has(document, $"{Seller}/{VatId}") || Has(document, $"{Seller}/cac:PartyIdentification/cbc:ID"),
            ["BR-S-06"] = document => document.All($"{Allowance}/cac:TaxCategory[cbc:ID='S']").All(category => Sum(category, "cbc:Percent") > 0m),
            ["BR-IC-11"] = document =>
                !HasCategory(document, "K") || Has(document, "cac:Delivery/cbc:ActualDeliveryDate") || document.All("cac:InvoicePeriod").Any(),
            ["BR-IC-12"] = document =>
                !HasCategory(document, "K") || Has(document, "cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country/cbc:IdentificationCode"),
        };
        foreach (var (rule, path) in AmountsOfTwoDecimals)
            rules[rule] = document => document.All(path).All(amount => amount.Value.Split('.') is [_] or [_, { Length: <= 2 }]);
        foreach (var (code, rule) in new[] { ("S", "S"), ("Z", "Z"), ("E", "E"), ("AE", "AE"), ("K", "IC"), ("G", "G") })
            AddRulesOf(code, $"BR-{rule}", rules);
        return rules;
    }

    private static void AddRulesOf(string code, string rule, Dictionary<string, Func<XElement, bool>> rules)
    {
        var isTaxed = code == "S";
        var lines = $"*[self::cac:InvoiceLine or self::cac:CreditNoteLine][cac:Item/cac:ClassifiedTaxCategory/cbc:ID='{code}']";
        var allowances = $"{Allowance}[cac:TaxCategory/cbc:ID='{code}']";
        var charges = $"{Charge}[cac:TaxCategory/cbc:ID='{code}']";
        var subtotals = $"{Subtotal}[cac:TaxCategory/cbc:ID='{code}']";
        rules[$"{rule}-01"] = document =>
            !document.All($"{lines}|{allowances}|{charges}").Any() || (isTaxed ? document.All(subtotals).Any() : document.All(subtotals).Count() == 1);
        rules[$"{rule}-02"] = document => !document.All(lines).Any() || HasVatIds(document);
        rules[$"{rule}-04"] = document => !document.All(charges).Any() || HasVatIds(document);
        rules[$"{rule}-05"] = document =>
            document.All($"{lines}/cac:Item/cac:ClassifiedTaxCategory")
                .All(category => isTaxed ? Sum(category, "cbc:Percent") > 0m : Text(category, "cbc:Percent") == "0");
        rules[$"{rule}-07"] = document =>
            document.All($"{charges}/cac:TaxCategory").All(category => isTaxed ? Sum(category, "cbc:Percent") > 0m : Text(category, "cbc:Percent") == "0");
        rules[$"{rule}-08"] = document => document.All(subtotals).All(vat =>
        {
            var rate = Text(vat, "cac:TaxCategory/cbc:Percent");
            return Sum(vat, "cbc:TaxableAmount")
                == Sum(document, $"{lines}[cac:Item/cac:ClassifiedTaxCategory/cbc:Percent='{rate}']/cbc:LineExtensionAmount")
                - Sum(document, $"{allowances}[cac:TaxCategory/cbc:Percent='{rate}']/cbc:Amount")
                + Sum(document, $"{charges}[cac:TaxCategory/cbc:Percent='{rate}']/cbc:Amount");
        });
        rules[$"{rule}-09"] = document => document.All(subtotals).All(vat => Sum(vat, "cbc:TaxAmount") == (isTaxed ? Tax(vat) : 0m));
        rules[$"{rule}-10"] = document => document.All($"{subtotals}/cac:TaxCategory").All(category => code switch
        {
            "S" or "Z" => !Has(category, "cbc:TaxExemptionReason") && !Has(category, "cbc:TaxExemptionReasonCode"),
            "E" => Has(category, "cbc:TaxExemptionReason") || Has(category, "cbc:TaxExemptionReasonCode"),
            _ => Text(category, "cbc:TaxExemptionReasonCode") == $"VATEX-EU-{rule[3..]}",
        });

        bool HasVatIds(XElement document) => Has(document, $"{Seller}/{VatId}") && (code is not ("AE" or "K") || Has(document, $"{Buyer}/{VatId}"));
    }

    /// <summary>BT-117: once for the category, to the currency's smallest unit, which the document's total shows.</summary>
    private static decimal Tax(XElement vat)
    {
        var decimals = Text(vat, "cbc:TaxAmount").Contains('.', StringComparison.Ordinal) ? 2 : 0;
        return decimal.Round(Sum(vat, "cbc:TaxableAmount") * Sum(vat, "cac:TaxCategory/cbc:Percent") / 100m, decimals, MidpointRounding.AwayFromZero);
    }

    private static bool HasCategory(XElement document, string code) => document.All($"{Subtotal}/cac:TaxCategory[cbc:ID='{code}']").Any();

    private static Func<XElement, bool> EachLine(Func<XElement, bool> holds) => Each(Line, holds);

    private static Func<XElement, bool> Each(string path, Func<XElement, bool> holds) => document => document.All(path).All(holds);

    private static string Text(XElement element, string path) => element.All(path).FirstOrDefault()?.Value.Trim() ?? "";

    private static bool Has(XElement element, string path) => Text(element, path).Length > 0;

    private static decimal Sum(XElement element, string path) =>
        element.All(path).Sum(amount => decimal.TryParse(amount.Value, NumberStyles.Number, CultureInfo.InvariantCulture, out var number) ? number : 0m);

    private static XmlNamespaceManager NamespacesOfUbl()
    {
        var namespaces = new XmlNamespaceManager(new NameTable());
        namespaces.AddNamespace("cac", Cac);
        namespaces.AddNamespace("cbc", Cbc);
        return namespaces;
    }
}
