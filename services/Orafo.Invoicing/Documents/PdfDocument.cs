using System.Globalization;

namespace Orafo.Invoicing.Documents;

/// <summary>A document on A4, as PDF. The same bytes for the same document.</summary>
public static class PdfDocument
{
    public static byte[] Render(BillingDocument document)
    {
        using var sheets = new PdfSheets(Layout.Title(document));
        new Layout(document, sheets).Write();
        return sheets.Build();
    }

    /// <summary>Where what stands. All measures are points, from the upper left corner.</summary>
    private sealed class Layout(BillingDocument document, PdfSheets sheets)
    {
        private const double Left = 57;
        private const double Right = PdfSheets.Width - 57;
        private const double Top = 96;
        private const double Bottom = 760;

        // The window of an envelope (DIN 5008, form B).
        private const double AddressTop = 152;
        private const double AddressWidth = 235;
        private const int MostAddressLines = 12;
        private const double LabelLeft = 340;
        private const double TableTop = 282;

        // The table's columns, by the edge that their text stands at: places on the page, in points. Amounts are decimals, and come here as text.
        private const double NumberRight = Left + 16;
        private const double ItemLeft = Left + 26;
        private const double QuantityRight = 352;
        private const double PriceRight = 424;
        private const double RateRight = 466;
        private const double ItemWidth = 205;

        private const double Body = 9;
        private const double Small = 7.5;
        private const double LineHeight = 12.5;

        private static readonly Ink Black = new(28, 30, 36);
        private static readonly Ink Grey = new(108, 112, 122);
        private static readonly Ink Hairline = new(218, 220, 226);
        private static readonly Ink Paper = new(247, 245, 240);
        private static readonly Ink Gold = new(168, 128, 60);
        private static readonly Typeface Regular = Typeface.Regular;
        private static readonly Typeface Bold = Typeface.SemiBold;

        /// <summary>The baseline of what comes next.</summary>
        private double _y;

        private string Name => NameOf(document.Kind);

        public static string Title(BillingDocument document) => $"{NameOf(document.Kind)} {document.Number}";

        public void Write()
        {
            sheets.Add();
            Head();
            Addressee();
            Facts();
            _y = Math.Max(_y, TableTop);
            Lines();
            Sums();
            Notes();
            Payment();
            Feet();
        }

        private static string NameOf(DocumentKind kind) => kind == DocumentKind.CreditNote ? "Credit note" : "Invoice";

        private void Head()
        {
            sheets.Fill(Left, 48, 30, 2.5, Gold);
            sheets.Text(Left, 71, document.Seller.Name, Bold, 13, Black);
            sheets.Text(Right, 71, Name, Bold, 22, Black, alignment: 1);
            sheets.Text(Right, 88, document.Number, Regular, 11, Grey, alignment: 1);
        }

        private void Addressee()
        {
            var seller = document.Seller;
            var buyer = document.Buyer;
            sheets.Text(Left, AddressTop - 16, $"{seller.Name}  ·  {seller.Street}  ·  {seller.PostalCode} {seller.City}", Regular, 6.5, Grey);
            string[] address = [buyer.Street, $"{buyer.PostalCode} {buyer.City}", CountryNames.Of(buyer.Country)];
            (string Text, Typeface Face)[] all =
            [
                .. Bold.Wrap(buyer.Name, 10, AddressWidth).Select(line => (line, Bold)),
                .. address.SelectMany(line => Regular.Wrap(line, 10, AddressWidth)).Select(line => (line, Regular)),
            ];
            _y = AddressTop;
            foreach (var (text, face) in all.Take(MostAddressLines))
            {
                sheets.Text(Left, _y, text, face, 10, Black);
                _y += 14;
            }

            _y += 24;
        }

        private void Facts()
        {
            List<(string Label, string Value)> facts = [("Date", DocumentText.Date(document.IssueDate)), ("Date of supply", DocumentText.Date(document.SupplyDate))];
            if (document.Payment is { } payment)
                facts.Add(("Payable by", DocumentText.Date(payment.DueDate)));
            if (document.Preceding is { } preceding)
                facts.AddRange([("Credits invoice", preceding.Number), ("issued", DocumentText.Date(preceding.IssueDate))]);
            facts.Add(("Customer", document.CustomerNumber));
            if (document.Buyer.VatId is { } vatId)
                facts.Add(("Your VAT id", vatId));
            var y = AddressTop - 16;
            foreach (var (label, value) in facts)
            {
                sheets.Text(LabelLeft, y, label, Regular, Body, Grey);
                Fitted(Right, y, value, Regular, Body, Black, Right - LabelLeft - 70);
                y += 15;
            }

            // An order's id is long, and of use to a computer only.
            sheets.Text(LabelLeft, y, "Order", Regular, Body, Grey);
            Fitted(Right, y, document.OrderId.ToString(), Regular, 7, Black, Right - LabelLeft - 40);
        }

        private void Lines()
        {
            TableHead();
            for (var i = 0; i < document.Lines.Count; i++)
            {
                var line = document.Lines[i];
                var name = Regular.Wrap(line.Name, Body, ItemWidth);
                MakeRoom(name.Count > 3 ? 3 * LineHeight : (name.Count + 1) * LineHeight, TableHead);
                sheets.Text(NumberRight, _y, (i + 1).ToString(CultureInfo.InvariantCulture), Regular, Body, Grey, alignment: 1);
                Fitted(QuantityRight, _y, DocumentText.Quantity(line.Quantity), Regular, Body, Black, QuantityRight - ItemLeft - ItemWidth - 4);
                Fitted(PriceRight, _y, DocumentText.Price(line.UnitPrice, document.Currency), Regular, Body, Black, PriceRight - QuantityRight - 8);
                Fitted(RateRight, _y, Rate(line.VatCategory, line.VatRate), Regular, Body, Black, RateRight - PriceRight - 8);
                Fitted(Right, _y, Amount(line.NetAmount), Regular, Body, Black, Right - RateRight - 6);
                foreach (var text in name)
                {
                    MakeRoom(LineHeight, TableHead);
                    sheets.Text(ItemLeft, _y, text, Regular, Body, Black);
                    _y += LineHeight;
                }

                foreach (var text in Regular.Wrap(line.Sku, Small, ItemWidth))
                {
                    MakeRoom(LineHeight, TableHead);
                    sheets.Text(ItemLeft, _y - 1.5, text, Regular, Small, Grey);
                    _y += LineHeight - 1.5;
                }

                sheets.Fill(Left, _y - 6.5, Right - Left, 0.4, Hairline);
                _y += 8;
            }
        }

        private void TableHead()
        {
            sheets.Text(NumberRight, _y, "No.", Bold, Small, Grey, alignment: 1);
            sheets.Text(ItemLeft, _y, "Item", Bold, Small, Grey);
            sheets.Text(QuantityRight, _y, "Quantity", Bold, Small, Grey, alignment: 1);
            sheets.Text(PriceRight, _y, "Unit price", Bold, Small, Grey, alignment: 1);
            sheets.Text(RateRight, _y, "VAT", Bold, Small, Grey, alignment: 1);
            sheets.Text(Right, _y, $"Net {document.Currency}", Bold, Small, Grey, alignment: 1);
            sheets.Fill(Left, _y + 6, Right - Left, 0.8, Black);
            _y += 22;
        }

        /// <summary>VAT on the left, totals on the right; neither is torn apart unless it is longer than a sheet.</summary>
        private void Sums()
        {
            const double Pitch = 15;
            const double LabelRight = 352;
            var totals = document.Totals;
            List<(string Label, string Value)> rows = [("Sum of lines", Amount(totals.LinesNet))];
            if (totals.Allowance != 0m)
                rows.Add(("Coupon", $"−{Amount(totals.Allowance)}"));
            if (totals.Charge != 0m)
                rows.Add(("Shipping", Amount(totals.Charge)));
            rows.AddRange([("Total without VAT", Amount(totals.Net)), ("VAT", Amount(totals.Vat))]);
            var height = Math.Max(rows.Count * Pitch + 40, totals.VatBreakdown.Count * Pitch + 30);
            _y += 8;
            MakeRoom(Math.Min(height, Bottom - Top), () => { });

            var y = _y;
            foreach (var (label, value) in rows)
            {
                sheets.Text(LabelRight, y, label, Regular, Body, Grey);
                Fitted(Right, y, value, Regular, Body, Black, Right - LabelRight - 90);
                y += Pitch;
            }

            sheets.Fill(LabelRight - 10, y - 6, Right - LabelRight + 10, 26, Black);
            sheets.Text(LabelRight, y + 10.5, document.Kind == DocumentKind.CreditNote ? "Credited" : "Total with VAT", Bold, Body + 1, Paper);
            Fitted(Right - 8, y + 10.5, $"{document.Currency} {Amount(totals.Gross)}", Bold, Body + 2, Paper, Right - LabelRight - 95);
            var end = y + 42;

            sheets.Text(Left, _y, "VAT rate", Bold, Small, Grey);
            sheets.Text(210, _y, "Taxable", Bold, Small, Grey, alignment: 1);
            sheets.Text(280, _y, "VAT", Bold, Small, Grey, alignment: 1);
            sheets.Fill(Left, _y + 6, 280 - Left, 0.4, Hairline);
            _y += 18;
            foreach (var vat in totals.VatBreakdown)
            {
                MakeRoom(Pitch, () => { });
                sheets.Text(Left, _y, Rate(vat.Category, vat.Rate), Regular, Body, Black);
                Fitted(210, _y, Amount(vat.TaxableAmount), Regular, Body, Black, 75);
                Fitted(280, _y, Amount(vat.VatAmount), Regular, Body, Black, 62);
                _y += Pitch;
            }

            _y = Math.Max(_y + 12, end);
        }

        /// <summary>Why it was credited, and why there is no VAT, where there is none (Directive 2006/112/EC, art. 226(11), (11a)).</summary>
        private void Notes()
        {
            var notes = document.Totals.VatBreakdown
                .Select(vat => VatCategory.NoteOf(vat.Category, document.Seller) is { } note ? $"{Rate(vat.Category, vat.Rate)}: {note}." : null)
                .Prepend(string.IsNullOrEmpty(document.Note) ? null : $"Reason: {document.Note}")
                .Append(document.Payment is null ? document.PaymentTerms : null);
            foreach (var line in notes.OfType<string>().SelectMany(note => Regular.Wrap(note, Body, Right - Left)))
            {
                MakeRoom(LineHeight, () => { });
                sheets.Text(Left, _y, line, Regular, Body, Black);
                _y += LineHeight;
            }

            _y += 8;
        }

        private void Payment()
        {
            const double Height = 128;
            if (document.Payment is not { } payment)
                return;
            MakeRoom(Height, () => { });
            var top = _y - 8;
            sheets.Fill(Left, top, Right - Left, Height, Paper);
            sheets.Fill(Left, top, 2.5, Height, Gold);
            sheets.Text(Left + 16, top + 22, "How to pay", Bold, 11, Black);
            List<(string Label, string Value)> rows = [("To", payment.AccountName), ("IBAN", Iban.Grouped(payment.Iban))];
            if (payment.Bic is { } bic)
                rows.Add(("BIC", bic));
            rows.AddRange(
            [
                ("Reference", Iban.Grouped(payment.Reference)),
                ("Amount", $"{document.Currency} {Amount(document.Totals.Gross)}"),
                ("By", DocumentText.Date(payment.DueDate)),
            ]);
            var y = top + 42;
            foreach (var (label, value) in rows)
            {
                sheets.Text(Left + 16, y, label, Regular, Body, Grey);
                var shown = Regular.Wrap(value, Body, 250);
                sheets.Text(Left + 80, y, shown.Count > 0 ? shown[0] : "", Regular, Body, Black);
                y += 14;
            }

            if (PaymentQr.Payload(document) is { } payload)
                Code(payload, top + 12);
            _y = top + Height + 16;
        }

        private void Code(string payload, double top)
        {
            const double Size = 92;
            var modules = PaymentQr.Modules(payload);
            var module = Size / modules.Count;
            var left = Right - Size - 14;
            sheets.Fill(left - 4 * module, top - 4 * module, Size + 8 * module, Size + 8 * module, new Ink(255, 255, 255));
            for (var row = 0; row < modules.Count; row++)
            {
                // Dark modules side by side are one rectangle: no seams, and a shorter file.
                for (var from = 0; from < modules.Count; from++)
                {
                    var to = from;
                    while (to < modules.Count && modules[row][to])
                        to++;
                    if (to > from)
                        sheets.Fill(left + from * module, top + row * module, (to - from) * module, module, Black);
                    from = to;
                }
            }

            sheets.Text(Right - 14 - Size / 2 + Regular.Width("Scan to pay", Small) / 2, top + Size + 15, "Scan to pay", Regular, Small, Grey, alignment: 1);
        }

        /// <summary>Who the seller is, and which sheet it is, on each one.</summary>
        private void Feet()
        {
            var seller = document.Seller;
            for (var sheet = 0; sheet < sheets.Count; sheet++)
            {
                sheets.Fill(Left, 786, Right - Left, 0.4, Hairline, sheet);
                var address = $"{seller.Street}  ·  {seller.PostalCode} {seller.City}  ·  {CountryNames.Of(seller.Country)}";
                sheets.Text(Left, 800, $"{seller.Name}  ·  {address}", Regular, Small, Grey, sheet: sheet);
                sheets.Text(Left, 811, $"VAT id {seller.VatId}  ·  {seller.Phone}  ·  {seller.Email}", Regular, Small, Grey, sheet: sheet);
                sheets.Text(Right, 811, $"Page {sheet + 1} of {sheets.Count}", Regular, Small, Grey, alignment: 1, sheet: sheet);
            }
        }

        /// <summary>Goes on on the next sheet if there is not that much room left on this one.</summary>
        private void MakeRoom(double room, Action head)
        {
            if (_y + room <= Bottom)
                return;
            sheets.Add();
            sheets.Fill(Left, 48, 30, 2.5, Gold);
            sheets.Text(Left, 66, document.Seller.Name, Bold, Body, Black);
            sheets.Text(Right, 66, Title(document), Regular, Body, Grey, alignment: 1);
            _y = Top;
            head();
        }

        /// <summary>Ends at <paramref name="right"/>, and gets smaller rather than wider than there is room.</summary>
        private void Fitted(double right, double y, string text, Typeface face, double size, Ink ink, double width)
        {
            var wide = face.Width(face.Shown(text), size);
            sheets.Text(right, y, text, face, wide > width ? size * width / wide : size, ink, alignment: 1);
        }

        private string Amount(decimal amount) => DocumentText.Amount(amount, document.Currency);

        /// <summary>The category is named where it says more than the rate.</summary>
        private static string Rate(string category, decimal rate) => rate > 0m ? DocumentText.Rate(rate) : $"{DocumentText.Rate(rate)} {category}";

    }
}
