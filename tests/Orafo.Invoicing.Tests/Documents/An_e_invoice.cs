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
    /// <summary>For each kind of document and each rule, an example and what breaks it.</summary>
    private static readonly Dictionary<DocumentKind, Dictionary<string, (string Example, Action<XElement> Break)>> Breaches =
        Enum.GetValues<DocumentKind>().ToDictionary(kind => kind, AllBreaches);

    /// <summary>What a document of the kind does not have, and cannot break.</summary>
    private static readonly Dictionary<DocumentKind, string[]> Absent = new()
    {
        [DocumentKind.Invoice] = ["BR-55"],
        [DocumentKind.CreditNote] = ["BR-49", "BR-50"],
    };

    private static IEnumerable<object[]> Rules =>
        from kind in Enum.GetValues<DocumentKind>() from rule in En16931.Rules.Keys.Except(Absent[kind]) select new object[] { kind, rule };

    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Keeps_every_rule(string example) => Assert.That(En16931.Broken(Render(example)), Is.Empty);

    [TestCaseSource(nameof(Rules))]
    public void Is_found_to_break_a_rule(DocumentKind kind, string rule)
    {
        var (example, breaks) = Breaches[kind][rule];
        var document = Render(kind == DocumentKind.CreditNote ? Examples.CreditOf(example) : Examples.All[example]);
        Assert.That(En16931.Broken(document), Is.Empty);
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
    public void Says_what_shipping_costs_at_each_rate_and_that_it_is_freight()
    {
        var invoice = Render("shipping-and-coupon");
        Assert.That(invoice.All("cac:AllowanceCharge").Select(Described), Is.EqualTo(new[]
        {
            "false 95 Coupon 1.43 S 22 VAT", "false 95 Coupon 1.00 S 10 VAT", "true FC Shipping 2.88 S 22 VAT", "true FC Shipping 2.02 S 10 VAT",
        }));
        Assert.That(Described(invoice.One("cac:LegalMonetaryTotal")), Is.EqualTo("24.25 26.72 31.27 2.43 4.90 31.27"));
        Assert.That(Render("credit-note-shipping").All("cac:AllowanceCharge").Select(Described), Is.EqualTo(invoice.All("cac:AllowanceCharge").Select(Described)));
        Assert.That(Render("coupon").All("cac:LegalMonetaryTotal/cbc:ChargeTotalAmount"), Is.Empty);

        static string Described(XElement element) => string.Join(' ', element.Descendants().Where(part => !part.HasElements).Select(part => part.Value));
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
            Assert.That(En16931.Broken(Render(document)), Is.Empty);
            Assert.That(En16931.Broken(Render(DocumentMapping.Of(Examples.CreditNote(document), document))), Is.Empty);
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
    public void Names_the_invoice_that_it_credits_and_the_reason()
    {
        var note = Render("credit-note");
        Assert.That((note.Name.LocalName, note.One("cbc:CreditNoteTypeCode").Value), Is.EqualTo(("CreditNote", "381")));
        var reference = note.One("cac:BillingReference/cac:InvoiceDocumentReference");
        Assert.That((reference.One("cbc:ID").Value, reference.One("cbc:IssueDate").Value), Is.EqualTo(("2026-000002", "2026-11-26")));
        Assert.That(note.One("cbc:Note").Value, Is.EqualTo("The order was cancelled before the goods were packed."));
        Assert.That(note.All("cac:PaymentMeans|cbc:DueDate"), Is.Empty, "nobody is to pay it");
    }

    /// <remarks>Positive amounts in both: that it is given back is what the kind of document says.</remarks>
    [TestCaseSource(typeof(Examples), nameof(Examples.InvoiceNames))]
    public void Credits_what_the_invoice_asked_for(string example)
    {
        var (invoice, note) = (Render(example), Render(Examples.CreditOf(example)));
        foreach (var path in new[] { "cac:LegalMonetaryTotal", "cac:TaxTotal", "cac:AccountingCustomerParty", "cac:AccountingSupplierParty", "cac:Delivery" })
            Assert.That(note.One(path).ToString(), Is.EqualTo(invoice.One(path).ToString()));
        Assert.That(note.All("cac:CreditNoteLine").Select(Amounts), Is.EqualTo(invoice.All("cac:InvoiceLine").Select(Amounts)));

        static string Amounts(XElement line) => string.Join(' ', line.DescendantsAndSelf().Where(element => !element.HasElements).Select(element => element.Value));
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

    private static XElement Render(string example) => Render(Examples.All[example]);

    private static XElement Render(BillingDocument document) => XElement.Parse(Encoding.UTF8.GetString(UblDocument.Render(document)));

    /// <summary>The lines' totals with an allowance that takes something from each rate, and in every other one a charge that adds to each.</summary>
    private static OrderTotals RandomTotals(Random random, IReadOnlyList<PricedLine> lines, string currency)
    {
        var hasShipping = random.Next(2) == 0;
        var subtotals = lines.GroupBy(line => line.VatRate).Select(group =>
        {
            var net = group.Sum(line => line.NetAmount);
            var charge = hasShipping ? Currency.Round(random.Next(0, 2_000) / 100m, currency) : 0m;
            var taxable = net - Currency.Round(net * random.Next(0, 101) / 100m, currency) + charge;
            return Examples.Vat(group.Key, taxable, Currency.Round(taxable * group.Key / 100m, currency), charge: charge);
        }).ToArray();
        var sum = lines.Sum(line => line.NetAmount);
        return Examples.Totals(currency, sum, sum - subtotals.Sum(vat => vat.TaxableAmount - vat.Charge), subtotals);
    }

    private static Dictionary<string, (string Example, Action<XElement> Break)> AllBreaches(DocumentKind kind)
    {
        var isCredit = kind == DocumentKind.CreditNote;
        var (line, quantity) = isCredit ? ("cac:CreditNoteLine", "cbc:CreditedQuantity") : ("cac:InvoiceLine", "cbc:InvoicedQuantity");
        var typeCode = isCredit ? "cbc:CreditNoteTypeCode" : "cbc:InvoiceTypeCode";
        const string Seller = "cac:AccountingSupplierParty/cac:Party";
        const string Buyer = "cac:AccountingCustomerParty/cac:Party";
        const string Sums = "cac:LegalMonetaryTotal";
        const string Charge = "cac:AllowanceCharge[cbc:ChargeIndicator='true']";
        var breaches = new Dictionary<string, (string, Action<XElement>)>(StringComparer.Ordinal)
        {
            ["BR-01"] = ("coupon", Says("cbc:CustomizationID", "something else")),
            ["BR-03"] = ("coupon", Says("cbc:IssueDate", "26/11/2026")),
            ["BR-16"] = ("coupon", LacksAll(line)),
            ["BR-23"] = ("coupon", document => document.One($"{line}/{quantity}").Attribute("unitCode")!.Remove()),
            ["BR-27"] = ("coupon", Says($"{line}/cac:Price/cbc:PriceAmount", "-4.75")),
            ["BR-33"] = ("coupon", LacksAll("cac:AllowanceCharge/cbc:AllowanceChargeReason|cac:AllowanceCharge/cbc:AllowanceChargeReasonCode")),
            ["BR-38"] = ("shipping", LacksAll($"{Charge}/cbc:AllowanceChargeReason|{Charge}/cbc:AllowanceChargeReasonCode")),
            ["BR-CL-01"] = ("coupon", Says(typeCode, isCredit ? "380" : "381")),
            ["BR-CL-03"] = ("coupon", document => document.One($"{Sums}/cbc:PayableAmount").SetAttributeValue("currencyID", "USD")),
            ["BR-CL-04"] = ("coupon", Says("cbc:DocumentCurrencyCode", "euro")),
            ["BR-CL-20"] = ("shipping", Says($"{Charge}/cbc:AllowanceChargeReasonCode", "95")),
            ["BR-CO-09"] = ("intra-community", Says($"{Buyer}/cac:PartyTaxScheme/cbc:CompanyID", "12345675")),
            ["BR-CO-10"] = ("coupon", More($"{Sums}/cbc:LineExtensionAmount")),
            ["BR-CO-11"] = ("coupon", More($"{Sums}/cbc:AllowanceTotalAmount")),
            ["BR-CO-12"] = ("shipping", More($"{Sums}/cbc:ChargeTotalAmount")),
            ["BR-CO-13"] = ("coupon", More($"{Sums}/cbc:TaxExclusiveAmount")),
            ["BR-CO-14"] = ("coupon", More("cac:TaxTotal/cbc:TaxAmount")),
            ["BR-CO-15"] = ("coupon", More($"{Sums}/cbc:TaxInclusiveAmount")),
            ["BR-CO-16"] = ("coupon", More($"{Sums}/cbc:PayableAmount")),
            ["BR-CO-17"] = ("coupon", More("cac:TaxTotal/cac:TaxSubtotal/cbc:TaxAmount")),
            ["BR-CO-18"] = ("coupon", LacksAll("cac:TaxTotal/cac:TaxSubtotal")),
            ["BR-CO-21"] = ("coupon", LacksAll("cac:AllowanceCharge/cbc:AllowanceChargeReason|cac:AllowanceCharge/cbc:AllowanceChargeReasonCode")),
            ["BR-CO-22"] = ("shipping", LacksAll($"{Charge}/cbc:AllowanceChargeReason|{Charge}/cbc:AllowanceChargeReasonCode")),
            ["BR-CO-25"] = ("coupon", LacksAll("cbc:DueDate|cac:PaymentTerms")),
            ["BR-S-06"] = ("coupon", Says("cac:AllowanceCharge/cac:TaxCategory/cbc:Percent", "0")),
        };
        // What has to be there is taken away.
        foreach (var (rule, path) in new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["BR-02"] = "cbc:ID",
            ["BR-04"] = typeCode,
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
            ["BR-21"] = $"{line}/cbc:ID",
            ["BR-22"] = $"{line}/{quantity}",
            ["BR-24"] = $"{line}/cbc:LineExtensionAmount",
            ["BR-25"] = $"{line}/cac:Item/cbc:Name",
            ["BR-26"] = $"{line}/cac:Price",
            ["BR-31"] = "cac:AllowanceCharge/cbc:Amount",
            ["BR-32"] = "cac:AllowanceCharge/cac:TaxCategory",
            ["BR-45"] = "cac:TaxTotal/cac:TaxSubtotal/cbc:TaxableAmount",
            ["BR-46"] = "cac:TaxTotal/cac:TaxSubtotal/cbc:TaxAmount",
            ["BR-47"] = "cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:ID",
            ["BR-48"] = "cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:Percent",
            ["BR-49"] = "cac:PaymentMeans/cbc:PaymentMeansCode",
            ["BR-50"] = "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",
            ["BR-57"] = "cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country",
            ["BR-CO-04"] = $"{line}/cac:Item/cac:ClassifiedTaxCategory",
            ["BR-CO-26"] = $"{Seller}/cac:PartyTaxScheme",
        })
            breaches[rule] = ("coupon", Lacks(path));
        breaches["BR-55"] = ("coupon", Lacks("cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"));
        breaches["BR-36"] = ("shipping", Lacks($"{Charge}/cbc:Amount"));
        breaches["BR-37"] = ("shipping", Lacks($"{Charge}/cac:TaxCategory"));
        breaches["BR-IC-11"] = ("intra-community", Lacks("cac:Delivery/cbc:ActualDeliveryDate"));
        breaches["BR-IC-12"] = ("intra-community", Lacks("cac:Delivery/cac:DeliveryLocation"));
        foreach (var (rule, path) in En16931.AmountsOfTwoDecimals)
            breaches[rule] = ("shipping-and-coupon", document => document.One(path).Value += "1");
        foreach (var (code, rule, example) in new[]
        {
            ("S", "BR-S", "coupon"), ("K", "BR-IC", "intra-community"), ("G", "BR-G", "export"),
            ("AE", "BR-AE", "reverse-charge-and-exempt"), ("E", "BR-E", "reverse-charge-and-exempt"), ("Z", "BR-Z", "reverse-charge-and-exempt"),
        })
        {
            var subtotal = $"cac:TaxTotal/cac:TaxSubtotal[cac:TaxCategory/cbc:ID='{code}']";
            breaches[$"{rule}-01"] = (example, LacksAll(subtotal));
            breaches[$"{rule}-02"] = (example, Lacks($"{(code is "K" or "AE" ? Buyer : Seller)}/cac:PartyTaxScheme"));
            breaches[$"{rule}-04"] = (example, document =>
            {
                IsCharged(document, code, code == "S" ? "22" : "0");
                document.One($"{(code is "K" or "AE" ? Buyer : Seller)}/cac:PartyTaxScheme").Remove();
            }
            );
            breaches[$"{rule}-07"] = (example, document => IsCharged(document, code, code == "S" ? "0" : "22"));
            breaches[$"{rule}-05"] = (example, Says($"{line}/cac:Item/cac:ClassifiedTaxCategory[cbc:ID='{code}']/cbc:Percent", code == "S" ? "0" : "22"));
            breaches[$"{rule}-08"] = (example, More($"{subtotal}/cbc:TaxableAmount"));
            breaches[$"{rule}-09"] = (example, More($"{subtotal}/cbc:TaxAmount"));
            breaches[$"{rule}-10"] = (example, code is "S" or "Z"
                ? document => document.One($"{subtotal}/cac:TaxCategory").Add(new XElement(document.One("cbc:ID").Name.Namespace + "TaxExemptionReason", "None"))
                : LacksAll($"{subtotal}/cac:TaxCategory/cbc:TaxExemptionReasonCode|{subtotal}/cac:TaxCategory/cbc:TaxExemptionReason"));
        }

        return breaches;

        // Shipping in a category, whatever the example has.
        static void IsCharged(XElement document, string code, string rate)
        {
            var charge = new XElement(Render("shipping").One(Charge));
            charge.One("cac:TaxCategory/cbc:ID").Value = code;
            charge.One("cac:TaxCategory/cbc:Percent").Value = rate;
            document.One("cac:TaxTotal").AddBeforeSelf(charge);
        }

        static Action<XElement> Says(string path, string text) => document => document.One(path).Value = text;
        static Action<XElement> LacksAll(string path) => document => document.All(path).ToList().ForEach(element => element.Remove());
        static Action<XElement> Lacks(string path) => document => document.One(path).Remove();
        static Action<XElement> More(string path) => document => document.One(path).Value =
            (decimal.Parse(document.One(path).Value, CultureInfo.InvariantCulture) + 0.01m).ToString(CultureInfo.InvariantCulture);
    }
}
