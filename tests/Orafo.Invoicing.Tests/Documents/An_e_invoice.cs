using System.Globalization;
using System.Text;
using System.Xml.Linq;
using Orafo.Contracts;
using Orafo.Invoicing.Documents;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>UBL 2.1 of EN 16931.</summary>
public sealed class An_e_invoice
{
    /// <summary>For each rule, an example and what breaks it.</summary>
    private static readonly Dictionary<string, (string Example, Action<XElement> Break)> Breaches = AllBreaches();

    private static IEnumerable<string> Rules => En16931.Rules.Keys;

    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Keeps_every_rule(string example) => Assert.That(En16931.Broken(Render(example)), Is.Empty);

    [TestCaseSource(nameof(Rules))]
    public void Is_found_to_break_a_rule(string rule)
    {
        var (example, breaks) = Breaches[rule];
        var document = Render(example);
        breaks(document);
        Assert.That(En16931.Broken(document), Does.Contain(rule));
    }

    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Has_its_elements_in_the_order_of_the_schema(string example)
    {
        var document = Render(example);
        Assert.That(UblSequences.Misplaced(document), Is.Null);
        // And would be found out if it had not.
        foreach (var element in document.DescendantsAndSelf().Where(element => element.Elements().Select(child => child.Name).Distinct().Count() > 1).ToList())
        {
            var moved = element.Elements().Last();
            moved.Remove();
            element.AddFirst(moved);
            Assert.That(UblSequences.Misplaced(document), Is.Not.Null, element.Name.LocalName);
            moved.Remove();
            element.Add(moved);
        }
    }

    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Is_the_approved_one_to_the_byte(string example)
    {
        var rendered = UblDocument.Render(Examples.All[example]);
        if (!Approved.IsWritten($"{example}.xml", rendered))
            Assert.That(Encoding.UTF8.GetString(rendered), Is.EqualTo(Encoding.UTF8.GetString(Approved.Read($"{example}.xml"))));
    }

    [Test]
    public void Of_nothing_asks_for_nothing()
    {
        var free = Examples.Document(Examples.Invoice(
            "2026-000099", Examples.All["coupon"].Buyer, [Examples.Line("A", "Article", 1, 10m, 22m)], Examples.Totals("EUR", 10m, 10m, [Examples.Vat(22m, 0m, 0m)])));
        var xml = XElement.Parse(Encoding.UTF8.GetString(UblDocument.Render(free)));
        Assert.That(xml.Descendants().Select(element => element.Name.LocalName), Does.Not.Contain("PaymentMeans").And.Not.Contain("DueDate"));
        Assert.That(En16931.Broken(xml), Is.Empty);
        Assert.That(PdfDocument.Render(free), Is.Not.Empty);
    }

    [Test]
    public void Keeps_every_rule_whatever_is_ordered()
    {
        var random = new Random(16931);
        decimal[] rates = [22m, 10m, 5m, 4m];
        for (var trial = 0; trial < 500; trial++)
        {
            var currency = trial % 5 == 0 ? "JPY" : "EUR";
            var lines = Enumerable.Range(1, random.Next(1, 12))
                .Select(i => Examples.Line(
                    $"A-{i}", "Article", random.Next(1, 50), random.Next(0, 1_000_000) / 1000m, rates[random.Next(rates.Length)], currency: currency))
                .ToArray();
            var totals = RandomTotals(random, lines, currency);
            Assert.That(SoundTotals.BrokenRule(lines, totals), Is.Null);
            var document = Examples.Document(Examples.Invoice("2026-000001", Examples.All["coupon"].Buyer, lines, totals, currency));
            Assert.That(En16931.Broken(XElement.Parse(Encoding.UTF8.GetString(UblDocument.Render(document)))), Is.Empty);
        }
    }

    [TestCase("\u0001\u0000Evil\u0008", "Evil")]
    [TestCase("<b> & \"quoted\" ]]>", "<b> & \"quoted\" ]]>")]
    [TestCase("Turned\u202egnp.exe", "Turned gnp.exe")]
    [TestCase("Two\r\nlines", "Two  lines")]
    [TestCase("\u0646\u0627\u0645\u200c\u0647\u0627", "\u0646\u0627\u0645\u200c\u0647\u0627")]
    public void Says_a_name_whatever_is_in_it(string name, string said) => Says(name, said);

    /// <remarks>No test cases: attributes and reports of tests are UTF-8 and XML, which have no such characters.</remarks>
    [Test]
    public void Says_a_name_with_half_a_character_or_none()
    {
        Says("\ud800Half", "\ufffdHalf");
        Says("No\uffffCharacter\ufffe", "No Character");
    }

    private static void Says(string name, string said)
    {
        var invoice = Examples.All["coupon"];
        var document = Examples.Document(Examples.Invoice(
            "2026-000001", invoice.Buyer with { Name = name }, [invoice.Lines[0] with { Name = name }],
            Examples.Totals("EUR", 14.25m, 0m, [Examples.Vat(22m, 14.25m, 3.14m)])));
        var xml = XElement.Parse(Encoding.UTF8.GetString(UblDocument.Render(document)));
        Assert.That(xml.One("cac:AccountingCustomerParty/cac:Party/cac:PartyLegalEntity/cbc:RegistrationName").Value, Is.EqualTo(said));
        Assert.That(xml.One("cac:InvoiceLine/cac:Item/cbc:Name").Value, Is.EqualTo(said));
        Assert.That(PdfDocument.Render(document), Is.Not.Empty);
    }

    [Test]
    public void Names_the_invoice_that_it_credits()
    {
        var note = Render("credit-note");
        Assert.That(note.Name.LocalName, Is.EqualTo("CreditNote"));
        Assert.That(note.One("cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID").Value, Is.EqualTo("2026-000002"));
        Assert.That(note.All("cac:PaymentMeans"), Is.Empty, "nobody is to pay it");
    }

    [TestCase("KWD", "S", 22, "ATU12345675", "AT", "BR-DEC")]
    [TestCase("EUR", "O", 0, "ATU12345675", "AT", "BR-CL-18")]
    [TestCase("EUR", "K", 0, null, "AT", "BR-IC-02")]
    [TestCase("EUR", "AE", 0, null, "AT", "BR-AE-02")]
    [TestCase("EUR", "K", 22, "ATU12345675", "AT", "BR-IC-05")]
    [TestCase("EUR", "S", 0, "ATU12345675", "AT", "BR-S-05")]
    [TestCase("EUR", "E", -1, "ATU12345675", "AT", "BR-E-05")]
    [TestCase("EUR", "S", 22, "12345675", "AT", "BR-CO-09")]
    [TestCase("EUR", "S", 22, "ATU12345675", "at", "BR-11")]
    [TestCase("EUR", "S", 22, null, "AT", null)]
    [TestCase("EUR", "K", 0, "ATU12345675", "AT", null)]
    public void Is_refused_rather_than_wrong(string currency, string category, int rate, string? vatId, string country, string? rule)
    {
        var buyer = Examples.All["coupon"].Buyer with { VatId = vatId, Country = country };
        var invoice = Examples.Invoice("2026-000001", buyer, [Examples.Line("A", "A", 1, 10m, rate, category)], Examples.Totals(currency, 10m, 0m, []), currency);
        Assert.That(DocumentMapping.RefusalOf(invoice)?.Rule, Is.EqualTo(rule));
    }

    [Test]
    public void Is_refused_without_lines_and_without_names()
    {
        var invoice = Examples.All["coupon"];
        Assert.That(Refused(invoice.Buyer, []), Is.EqualTo("BR-16"));
        Assert.That(Refused(invoice.Buyer with { Name = "\u0007 " }, invoice.Lines), Is.EqualTo("BR-07"));
        Assert.That(Refused(invoice.Buyer, [invoice.Lines[0] with { Name = " " }]), Is.EqualTo("BR-25"));

        string? Refused(Party buyer, IReadOnlyList<PricedLine> lines) =>
            DocumentMapping.RefusalOf(Examples.Invoice("2026-000001", buyer, lines, invoice.Totals))?.Rule;
    }

    private static XElement Render(string example) => XElement.Parse(Encoding.UTF8.GetString(UblDocument.Render(Examples.All[example])));

    /// <summary>The lines' totals with an allowance that takes something from each rate.</summary>
    private static OrderTotals RandomTotals(Random random, IReadOnlyList<PricedLine> lines, string currency)
    {
        var subtotals = lines.GroupBy(line => line.VatRate).Select(group =>
        {
            var net = group.Sum(line => line.NetAmount);
            var taxable = net - Currency.Round(net * random.Next(0, 101) / 100m, currency);
            return Examples.Vat(group.Key, taxable, Currency.Round(taxable * group.Key / 100m, currency));
        }).ToArray();
        var sum = lines.Sum(line => line.NetAmount);
        return Examples.Totals(currency, sum, sum - subtotals.Sum(vat => vat.TaxableAmount), subtotals);
    }

    private static Dictionary<string, (string Example, Action<XElement> Break)> AllBreaches()
    {
        const string Seller = "cac:AccountingSupplierParty/cac:Party";
        const string Buyer = "cac:AccountingCustomerParty/cac:Party";
        const string Sums = "cac:LegalMonetaryTotal";
        var breaches = new Dictionary<string, (string, Action<XElement>)>(StringComparer.Ordinal)
        {
            ["BR-01"] = ("coupon", Says("cbc:CustomizationID", "something else")),
            ["BR-03"] = ("coupon", Says("cbc:IssueDate", "26/11/2026")),
            ["BR-16"] = ("coupon", LacksAll("cac:InvoiceLine")),
            ["BR-23"] = ("coupon", document => document.One("cac:InvoiceLine/cbc:InvoicedQuantity").Attribute("unitCode")!.Remove()),
            ["BR-27"] = ("coupon", Says("cac:InvoiceLine/cac:Price/cbc:PriceAmount", "-4.75")),
            ["BR-33"] = ("coupon", LacksAll("cac:AllowanceCharge/cbc:AllowanceChargeReason|cac:AllowanceCharge/cbc:AllowanceChargeReasonCode")),
            ["BR-CL-01"] = ("credit-note", Says("cbc:CreditNoteTypeCode", "380")),
            ["BR-CL-03"] = ("coupon", document => document.One($"{Sums}/cbc:PayableAmount").SetAttributeValue("currencyID", "USD")),
            ["BR-CL-04"] = ("coupon", Says("cbc:DocumentCurrencyCode", "euro")),
            ["BR-CO-09"] = ("intra-community", Says($"{Buyer}/cac:PartyTaxScheme/cbc:CompanyID", "12345675")),
            ["BR-CO-10"] = ("coupon", More($"{Sums}/cbc:LineExtensionAmount")),
            ["BR-CO-11"] = ("coupon", More($"{Sums}/cbc:AllowanceTotalAmount")),
            ["BR-CO-13"] = ("coupon", More($"{Sums}/cbc:TaxExclusiveAmount")),
            ["BR-CO-14"] = ("coupon", More("cac:TaxTotal/cbc:TaxAmount")),
            ["BR-CO-15"] = ("coupon", More($"{Sums}/cbc:TaxInclusiveAmount")),
            ["BR-CO-16"] = ("coupon", More($"{Sums}/cbc:PayableAmount")),
            ["BR-CO-17"] = ("coupon", More("cac:TaxTotal/cac:TaxSubtotal/cbc:TaxAmount")),
            ["BR-CO-18"] = ("coupon", LacksAll("cac:TaxTotal/cac:TaxSubtotal")),
            ["BR-CO-25"] = ("coupon", LacksAll("cbc:DueDate|cac:PaymentTerms")),
            ["BR-S-06"] = ("coupon", Says("cac:AllowanceCharge/cac:TaxCategory/cbc:Percent", "0")),
        };
        // What has to be there is taken away.
        foreach (var (rule, path) in new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["BR-02"] = "cbc:ID",
            ["BR-04"] = "cbc:InvoiceTypeCode",
            ["BR-05"] = "cbc:DocumentCurrencyCode",
            ["BR-06"] = $"{Seller}/cac:PartyLegalEntity/cbc:RegistrationName",
            ["BR-07"] = $"{Buyer}/cac:PartyLegalEntity/cbc:RegistrationName",
            ["BR-08"] = $"{Seller}/cac:PostalAddress",
            ["BR-09"] = $"{Seller}/cac:PostalAddress/cac:Country",
            ["BR-10"] = $"{Buyer}/cac:PostalAddress",
            ["BR-11"] = $"{Buyer}/cac:PostalAddress/cac:Country",
            ["BR-12"] = $"{Sums}/cbc:LineExtensionAmount",
            ["BR-13"] = $"{Sums}/cbc:TaxExclusiveAmount",
            ["BR-14"] = $"{Sums}/cbc:TaxInclusiveAmount",
            ["BR-15"] = $"{Sums}/cbc:PayableAmount",
            ["BR-21"] = "cac:InvoiceLine/cbc:ID",
            ["BR-22"] = "cac:InvoiceLine/cbc:InvoicedQuantity",
            ["BR-24"] = "cac:InvoiceLine/cbc:LineExtensionAmount",
            ["BR-25"] = "cac:InvoiceLine/cac:Item/cbc:Name",
            ["BR-26"] = "cac:InvoiceLine/cac:Price",
            ["BR-31"] = "cac:AllowanceCharge/cbc:Amount",
            ["BR-32"] = "cac:AllowanceCharge/cac:TaxCategory",
            ["BR-45"] = "cac:TaxTotal/cac:TaxSubtotal/cbc:TaxableAmount",
            ["BR-46"] = "cac:TaxTotal/cac:TaxSubtotal/cbc:TaxAmount",
            ["BR-47"] = "cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:ID",
            ["BR-48"] = "cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:Percent",
            ["BR-49"] = "cac:PaymentMeans/cbc:PaymentMeansCode",
            ["BR-50"] = "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",
            ["BR-57"] = "cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country",
            ["BR-CO-04"] = "cac:InvoiceLine/cac:Item/cac:ClassifiedTaxCategory",
            ["BR-CO-26"] = $"{Seller}/cac:PartyTaxScheme",
        })
            breaches[rule] = ("coupon", Lacks(path));
        breaches["BR-55"] = ("credit-note", Lacks("cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"));
        breaches["BR-IC-11"] = ("intra-community", Lacks("cac:Delivery/cbc:ActualDeliveryDate"));
        breaches["BR-IC-12"] = ("intra-community", Lacks("cac:Delivery/cac:DeliveryLocation"));
        foreach (var (rule, path) in En16931.AmountsOfTwoDecimals)
            breaches[rule] = ("coupon", document => document.One(path).Value += "1");
        foreach (var (code, rule, example) in new[]
        {
            ("S", "BR-S", "coupon"), ("K", "BR-IC", "intra-community"), ("G", "BR-G", "export"),
            ("AE", "BR-AE", "reverse-charge-and-exempt"), ("E", "BR-E", "reverse-charge-and-exempt"), ("Z", "BR-Z", "reverse-charge-and-exempt"),
        })
        {
            var subtotal = $"cac:TaxTotal/cac:TaxSubtotal[cac:TaxCategory/cbc:ID='{code}']";
            breaches[$"{rule}-01"] = (example, LacksAll(subtotal));
            breaches[$"{rule}-02"] = (example, Lacks($"{(code is "K" or "AE" ? Buyer : Seller)}/cac:PartyTaxScheme"));
            breaches[$"{rule}-05"] = (example, Says($"cac:InvoiceLine/cac:Item/cac:ClassifiedTaxCategory[cbc:ID='{code}']/cbc:Percent", code == "S" ? "0" : "22"));
            breaches[$"{rule}-08"] = (example, More($"{subtotal}/cbc:TaxableAmount"));
            breaches[$"{rule}-09"] = (example, More($"{subtotal}/cbc:TaxAmount"));
            breaches[$"{rule}-10"] = (example, code is "S" or "Z"
                ? document => document.One($"{subtotal}/cac:TaxCategory").Add(new XElement(document.One("cbc:ID").Name.Namespace + "TaxExemptionReason", "None"))
                : LacksAll($"{subtotal}/cac:TaxCategory/cbc:TaxExemptionReasonCode|{subtotal}/cac:TaxCategory/cbc:TaxExemptionReason"));
        }

        return breaches;

        static Action<XElement> Says(string path, string text) => document => document.One(path).Value = text;
        static Action<XElement> LacksAll(string path) => document => document.All(path).ToList().ForEach(element => element.Remove());
        static Action<XElement> Lacks(string path) => document => document.One(path).Remove();
        static Action<XElement> More(string path) => document => document.One(path).Value =
            (decimal.Parse(document.One(path).Value, CultureInfo.InvariantCulture) + 0.01m).ToString(CultureInfo.InvariantCulture);
    }
}
