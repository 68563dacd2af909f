using System.Globalization;
using System.Text;
using System.Xml;
using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Documents;

/// <summary>A document as UBL 2.1 (OASIS, ISO/IEC 19845), in the syntax that EN 16931-3-2 binds to the norm. The same bytes for the same document.</summary>
/// <remarks>The order of the elements is that of the UBL schema, in which a credit note differs a little from an invoice.</remarks>
public static class UblDocument
{
    private const string Cac = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
    private const string Cbc = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
    private const string Namespaces = "urn:oasis:names:specification:ubl:schema:xsd:";

    /// <summary>BT-24.</summary>
    private const string Specification = "urn:cen.eu:en16931:2017";

    /// <summary>UN/ECE Recommendation 20: piece (BT-130).</summary>
    private const string Piece = "H87";

    /// <summary>UNTDID 4461 (BT-81): SEPA credit transfer.</summary>
    private const string SepaTransfer = "58";

    /// <summary>UNTDID 4461 (BT-81): credit transfer.</summary>
    private const string Transfer = "30";

    /// <summary>UNTDID 5189 (BT-98): discount.</summary>
    private const string Discount = "95";

    /// <summary>UNTDID 7161 (BT-105): freight service.</summary>
    private const string Freight = "FC";

    private static readonly XmlWriterSettings Settings = new() { Encoding = new UTF8Encoding(false), Indent = true, NewLineChars = "\n" };

    public static byte[] Render(BillingDocument document)
    {
        using var bytes = new MemoryStream();
        using (var xml = XmlWriter.Create(bytes, Settings))
            new Ubl(xml, document).Write();
        bytes.WriteByte((byte)'\n');
        return bytes.ToArray();
    }

    /// <summary>One document's elements.</summary>
    private sealed class Ubl(XmlWriter xml, BillingDocument document)
    {
        private readonly bool _isCredit = document.Kind == DocumentKind.CreditNote;

        public void Write()
        {
            var root = _isCredit ? "CreditNote" : "Invoice";
            xml.WriteStartElement(root, $"{Namespaces}{root}-2");
            xml.WriteAttributeString("xmlns", "cac", null, Cac);
            xml.WriteAttributeString("xmlns", "cbc", null, Cbc);
            Text("CustomizationID", Specification);
            Text("ID", document.Number);
            Text("IssueDate", Date(document.IssueDate));
            if (!_isCredit)
                Text("DueDate", document.Payment is { } payment ? Date(payment.DueDate) : null);
            Text($"{root}TypeCode", ((int)document.Kind).ToString(CultureInfo.InvariantCulture));
            Text("Note", document.Note);
            Text("DocumentCurrencyCode", document.Currency);
            if (document.Preceding is { } preceding)
                Group("BillingReference", () => Group("InvoiceDocumentReference", () =>
                {
                    Text("ID", preceding.Number);
                    Text("IssueDate", Date(preceding.IssueDate));
                }));
            Group("AccountingSupplierParty", () => Group("Party", Seller));
            Group("AccountingCustomerParty", () => Group("Party", Buyer));
            Group("Delivery", () =>
            {
                Text("ActualDeliveryDate", Date(document.SupplyDate));
                Group("DeliveryLocation", () => Address("Address", document.Buyer.Street, document.Buyer.City, document.Buyer.PostalCode, document.Buyer.Country));
            });
            if (document.Payment is { } means)
                PaymentMeans(means);
            Group("PaymentTerms", () => Text("Note", document.PaymentTerms));
            foreach (var allowance in document.Allowances)
                AllowanceOrCharge(isCharge: false, Discount, "Coupon", allowance.Amount, allowance.Category, allowance.Rate);
            foreach (var charge in document.Charges)
                AllowanceOrCharge(isCharge: true, Freight, "Shipping", charge.Amount, charge.Category, charge.Rate);
            Taxes();
            Sums();
            for (var i = 0; i < document.Lines.Count; i++)
                Line(i + 1, document.Lines[i]);
            xml.WriteEndElement();
        }

        private void Seller()
        {
            var seller = document.Seller;
            Address("PostalAddress", seller.Street, seller.City, seller.PostalCode, seller.Country);
            VatId(seller.VatId);
            Group("PartyLegalEntity", () => Text("RegistrationName", seller.Name));
            Group("Contact", () =>
            {
                Text("Name", seller.Name);
                Text("Telephone", seller.Phone);
                Text("ElectronicMail", seller.Email);
            });
        }

        private void Buyer()
        {
            var buyer = document.Buyer;
            if (document.CustomerNumber.Length > 0)
                Group("PartyIdentification", () => Text("ID", document.CustomerNumber));
            Address("PostalAddress", buyer.Street, buyer.City, buyer.PostalCode, buyer.Country);
            if (buyer.VatId is { } vatId)
                VatId(vatId);
            Group("PartyLegalEntity", () => Text("RegistrationName", buyer.Name));
        }

        private void PaymentMeans(Payment payment) => Group("PaymentMeans", () =>
        {
            Text("PaymentMeansCode", document.Currency == "EUR" ? SepaTransfer : Transfer);
            if (_isCredit)
                Text("PaymentDueDate", Date(payment.DueDate));
            Text("PaymentID", payment.Reference);
            Group("PayeeFinancialAccount", () =>
            {
                Text("ID", payment.Iban);
                Text("Name", payment.AccountName);
                if (payment.Bic is { } bic)
                    Group("FinancialInstitutionBranch", () => Text("ID", bic));
            });
        });

        private void AllowanceOrCharge(bool isCharge, string reasonCode, string reason, decimal amount, string category, decimal rate) => Group("AllowanceCharge", () =>
        {
            Text("ChargeIndicator", isCharge ? "true" : "false");
            Text("AllowanceChargeReasonCode", reasonCode);
            Text("AllowanceChargeReason", reason);
            Amount("Amount", amount);
            Category("TaxCategory", category, rate);
        });

        private void Taxes() => Group("TaxTotal", () =>
        {
            Amount("TaxAmount", document.Totals.Vat);
            foreach (var vat in document.Totals.VatBreakdown)
                Group("TaxSubtotal", () =>
                {
                    Amount("TaxableAmount", vat.TaxableAmount);
                    Amount("TaxAmount", vat.VatAmount);
                    Category("TaxCategory", vat.Category, vat.Rate, withReason: true);
                });
        });

        private void Sums() => Group("LegalMonetaryTotal", () =>
        {
            Amount("LineExtensionAmount", document.Totals.LinesNet);
            Amount("TaxExclusiveAmount", document.Totals.Net);
            Amount("TaxInclusiveAmount", document.Totals.Gross);
            if (document.Totals.Allowance != 0m)
                Amount("AllowanceTotalAmount", document.Totals.Allowance);
            if (document.Totals.Charge != 0m)
                Amount("ChargeTotalAmount", document.Totals.Charge);
            Amount("PayableAmount", document.Totals.Gross);
        });

        private void Line(int number, PricedLine line) => Group(_isCredit ? "CreditNoteLine" : "InvoiceLine", () =>
        {
            Text("ID", number.ToString(CultureInfo.InvariantCulture));
            xml.WriteStartElement("cbc", _isCredit ? "CreditedQuantity" : "InvoicedQuantity", Cbc);
            xml.WriteAttributeString("unitCode", Piece);
            xml.WriteString(line.Quantity.ToString(CultureInfo.InvariantCulture));
            xml.WriteEndElement();
            Amount("LineExtensionAmount", line.NetAmount);
            Group("Item", () =>
            {
                Text("Name", line.Name);
                if (line.Sku.Length > 0)
                    Group("SellersItemIdentification", () => Text("ID", line.Sku));
                Category("ClassifiedTaxCategory", line.VatCategory, line.VatRate);
            });
            // A price is no amount: it may carry more decimals.
            Group("Price", () => Money("PriceAmount", line.UnitPrice.ToString("0.00##########", CultureInfo.InvariantCulture)));
        });

        private void Category(string element, string code, decimal rate, bool withReason = false) => Group(element, () =>
        {
            Text("ID", code);
            Text("Percent", rate.ToString("0.######", CultureInfo.InvariantCulture));
            if (withReason)
            {
                Text("TaxExemptionReasonCode", VatCategory.Of(code)?.ExemptionCode);
                Text("TaxExemptionReason", VatCategory.NoteOf(code, document.Seller));
            }

            Group("TaxScheme", () => Text("ID", "VAT"));
        });

        private void VatId(string vatId) => Group("PartyTaxScheme", () =>
        {
            Text("CompanyID", vatId);
            Group("TaxScheme", () => Text("ID", "VAT"));
        });

        private void Address(string element, string street, string city, string postalCode, string country) => Group(element, () =>
        {
            Text("StreetName", street);
            Text("CityName", city);
            Text("PostalZone", postalCode);
            Group("Country", () => Text("IdentificationCode", country));
        });

        private void Amount(string element, decimal amount) =>
            Money(element, amount.ToString("F" + Currency.Decimals(document.Currency).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));

        private void Money(string element, string amount)
        {
            xml.WriteStartElement("cbc", element, Cbc);
            xml.WriteAttributeString("currencyID", document.Currency);
            xml.WriteString(amount);
            xml.WriteEndElement();
        }

        private void Group(string element, Action content)
        {
            xml.WriteStartElement("cac", element, Cac);
            content();
            xml.WriteEndElement();
        }

        /// <summary>UBL has no empty elements: without text there is none.</summary>
        private void Text(string element, string? text)
        {
            if (!string.IsNullOrEmpty(text))
                xml.WriteElementString("cbc", element, Cbc, text);
        }

        private static string Date(DateOnly date) => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    }
}
