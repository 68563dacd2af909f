using System.Diagnostics;
using System.Globalization;
using System.Text;
using Orafo.Cli;
using Orafo.Invoicing.Documents;
using UglyToad.PdfPig.Content;
using ZXing;
using ZXing.Common;
using ZXing.QrCode;
using PdfReader = UglyToad.PdfPig.PdfDocument;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>The PDF.</summary>
public sealed class A_printed_document
{
    /// <remarks>Letters and shapes are compared, not bytes: another version of zlib packs the same content in another way.</remarks>
    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Is_the_approved_one_to_the_letter(string example)
    {
        var rendered = PdfDocument.Render(Examples.All[example]);
        if (!Approved.IsWritten($"{example}.pdf", rendered))
            Assert.That(Described(rendered), Is.EqualTo(Described(Approved.Read($"{example}.pdf"))));
    }

    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Has_the_same_bytes_each_time(string example)
    {
        var first = PdfDocument.Render(Examples.All[example]);
        Assert.That(PdfDocument.Render(Examples.All[example]), Is.EqualTo(first));
    }

    [Test]
    public async Task Has_the_same_bytes_in_another_process()
    {
        var start = new ProcessStartInfo(Repository.Dotnet, [typeof(A_printed_document).Assembly.Location, "many-letters"]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        using var bytes = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(bytes);
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero);
        Assert.That(bytes.ToArray(), Is.EqualTo(PdfDocument.Render(Examples.All["many-letters"])));
    }

    [Test]
    public void Has_an_id_of_its_own()
    {
        var ids = Examples.All.Values
            .Select(document => Encoding.Latin1.GetString(PdfDocument.Render(document)))
            .Select(pdf => pdf.Substring(pdf.LastIndexOf("/ID", StringComparison.Ordinal), 60));
        Assert.That(ids, Is.Unique.And.All.Match("/ID *\\[ *<[0-9A-F]{32}>"));
    }

    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Says_what_the_invoice_says(string example)
    {
        var document = Examples.All[example];
        var text = TextOf(PdfDocument.Render(document));
        string[] said =
        [
            document.Number, document.Seller.Name, document.Seller.VatId, document.Buyer.Street, document.Buyer.PostalCode,
            DocumentText.Date(document.IssueDate), DocumentText.Date(document.SupplyDate), document.OrderId.ToString(), document.CustomerNumber,
            .. document.Lines.Select(line => line.Sku),
            .. document.Lines.Select(line => DocumentText.Amount(line.NetAmount, document.Currency)),
            .. document.Totals.VatBreakdown.Select(vat => DocumentText.Amount(vat.TaxableAmount, document.Currency)),
            .. document.Totals.VatBreakdown.Select(vat => DocumentText.Amount(vat.VatAmount, document.Currency)),
            $"{document.Currency} {DocumentText.Amount(document.Totals.Gross, document.Currency)}",
            .. document.Totals.VatBreakdown.Select(vat => VatCategory.NoteOf(vat.Category, document.Seller)).OfType<string>(),
            .. document.Totals.Charge == 0m ? [] : new[] { "Shipping", DocumentText.Amount(document.Totals.Charge, document.Currency) },
            document.Payment is { } payment ? Iban.Grouped(payment.Reference) : document.PaymentTerms,
            .. document.Preceding is { } preceding ? new[] { preceding.Number } : [],
        ];
        using (Assert.EnterMultipleScope())
        {
            foreach (var what in said)
                Assert.That(text, Does.Contain(what));
        }
    }

    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Keeps_to_its_margins_and_overwrites_nothing(string example)
    {
        using var pdf = PdfReader.Open(PdfDocument.Render(Examples.All[example]));
        foreach (var page in pdf.GetPages())
        {
            Assert.That(page.Letters.Select(letter => letter.BoundingBox.Left).Min(), Is.GreaterThan(56));
            Assert.That(page.Letters.Select(letter => letter.BoundingBox.Right).Max(), Is.LessThan(539));
            Assert.That(page.Letters.Select(letter => letter.BoundingBox.Bottom).Min(), Is.GreaterThan(25));
            var letters = page.Letters.Where(letter => letter.Value.Trim().Length > 0).ToList();
            var overlapping = letters
                .GroupBy(letter => Math.Round(letter.StartBaseLine.Y, 1))
                .SelectMany(line => line.OrderBy(letter => letter.StartBaseLine.X).Zip(line.OrderBy(letter => letter.StartBaseLine.X).Skip(1)))
                .Where(pair => pair.First.EndBaseLine.X > pair.Second.StartBaseLine.X + 0.01)
                .Select(pair => $"{pair.First.Value} over {pair.Second.Value} at {pair.First.StartBaseLine}");
            Assert.That(overlapping, Is.Empty);
        }
    }

    [TestCaseSource(typeof(Examples), nameof(Examples.Names))]
    public void Brings_its_fonts_along(string example)
    {
        using var pdf = PdfReader.Open(PdfDocument.Render(Examples.All[example]));
        var letters = pdf.GetPages().SelectMany(page => page.Letters).ToList();
        Assert.That(letters.Select(letter => letter.FontName).Distinct(), Is.All.StartsWith("IBMPlexSans"));
        var file = Encoding.Latin1.GetString(PdfDocument.Render(Examples.All[example]));
        Assert.That(Count(file, "/FontFile2"), Is.EqualTo(Count(file, "/BaseFont")).And.GreaterThan(0));
        Assert.That(Count(file, "/ToUnicode"), Is.EqualTo(Count(file, "/BaseFont")), "text that can be searched and copied");
        Assert.That(file, Has.Length.LessThan(60_000), "only the letters that it needs");

        static int Count(string file, string what) => file.Split(what).Length - 1;
    }

    private static IEnumerable<string> ToBeScanned => Examples.All.Where(example => PaymentQr.Payload(example.Value) is not null).Select(example => example.Key);

    /// <remarks>By a decoder that knows nothing of the renderer, from what is painted on the page.</remarks>
    [TestCaseSource(nameof(ToBeScanned))]
    public void Has_a_code_that_can_be_scanned(string example)
    {
        using var pdf = PdfReader.Open(PdfDocument.Render(Examples.All[example]));
        var scanned = pdf.GetPages().Select(Scan).Where(text => text is not null).ToList();
        Assert.That(scanned, Is.EqualTo([PaymentQr.Payload(Examples.All[example])]));
    }

    [Test]
    public void Has_no_code_if_there_is_nothing_to_be_paid()
    {
        foreach (var example in Examples.Names.Except(ToBeScanned))
        {
            using var pdf = PdfReader.Open(PdfDocument.Render(Examples.All[example]));
            Assert.That(pdf.GetPages().Select(Scan), Is.All.Null, example);
        }
    }

    [Test]
    public void Goes_on_on_the_next_sheet_under_the_same_head()
    {
        using var pdf = PdfReader.Open(PdfDocument.Render(Examples.All["long"]));
        Assert.That(pdf.NumberOfPages, Is.GreaterThan(3));
        foreach (var page in pdf.GetPages())
        {
            var text = TextOf(page);
            Assert.That(text, Does.Contain($"Page {page.Number} of {pdf.NumberOfPages}"));
            Assert.That(text, Does.Contain("2026-000008"));
            if (page.Number < pdf.NumberOfPages)
                Assert.That(text, Does.Contain("Unit price"));
        }

        var all = string.Join('\n', pdf.GetPages().Select(TextOf));
        Assert.That(Enumerable.Range(1, 120).Select(i => all.Split($"ART-{i:000}").Length - 1), Is.All.EqualTo(1), "each line once");
    }

    [Test]
    public void Shows_that_there_was_a_character_which_its_font_lacks() =>
        Assert.That(TextOf(PdfDocument.Render(Examples.All["many-letters"])), Does.Contain("Tea bowl \ufffd\ufffd \ufffd"));

    [Test]
    public void Has_room_for_more_different_characters_than_a_simple_font()
    {
        // Everything from Latin-1 to Cyrillic: some six hundred characters that the font has.
        var letters = Enumerable.Range(0xa1, 0x460 - 0xa1).Select(c => (char)c).Where(char.IsLetter).Chunk(60).Select(chunk => new string(chunk)).ToArray();
        var invoice = Examples.All["coupon"];
        var document = invoice with { Lines = [.. letters.Select(name => invoice.Lines[0] with { Name = name })] };
        using var pdf = PdfReader.Open(PdfDocument.Render(document));
        var shown = string.Concat(pdf.GetPages().SelectMany(page => page.Letters).Select(letter => letter.Value)).Distinct().Count();
        Assert.That(shown, Is.GreaterThan(400));
        Assert.That(string.Concat(pdf.GetPages().SelectMany(page => page.Letters).Select(letter => letter.Value)), Does.Contain("ЖЗИЙКЛМ"));
    }

    [Test]
    public void Is_made_of_any_name_however_long()
    {
        var invoice = Examples.All["coupon"];
        var endless = string.Concat(Enumerable.Repeat("Ünendlich ", 2000)) + new string('M', 5000);
        var document = invoice with
        {
            Buyer = invoice.Buyer with { Name = endless, Street = endless, City = endless },
            Lines =
            [
                invoice.Lines[0] with
                {
                    Name = endless, Sku = endless, Quantity = int.MaxValue, UnitPrice = 0.000_000_000_1m, NetAmount = 9_999_999_999_999.99m,
                },
            ],
        };
        using var pdf = PdfReader.Open(PdfDocument.Render(document));
        Assert.That(TextOf(pdf.GetPage(1)), Does.Contain("2,147,483,647").And.Contain("9,999,999,999,999.99"));
        Assert.That(pdf.GetPages().SelectMany(page => page.Letters).Select(letter => letter.BoundingBox.Bottom).Min(), Is.GreaterThan(25));
    }

    /// <summary>What a scanner makes of the page: its shapes in grey, eight dots for a point; null if it finds no code.</summary>
    private static string? Scan(Page page)
    {
        const int Dots = 8;
        var (width, height) = ((int)Math.Ceiling(page.Width * Dots), (int)Math.Ceiling(page.Height * Dots));
        var grey = new byte[width * height];
        Array.Fill(grey, byte.MaxValue);
        foreach (var path in page.Paths.Where(path => path.IsFilled))
        {
            var (r, g, b) = path.FillColor!.ToRGBValues();
            var ink = (byte)Math.Round((r + g + b) / 3 * byte.MaxValue);
            foreach (var shape in path.Select(part => part.GetBoundingRectangle()!.Value))
            {
                var (left, right) = ((int)Math.Round(shape.Left * Dots), (int)Math.Round(shape.Right * Dots));
                for (var y = (int)Math.Round(shape.Bottom * Dots); y < (int)Math.Round(shape.Top * Dots); y++)
                    Array.Fill(grey, ink, ((height - 1 - y) * width) + left, right - left);
            }
        }

        var picture = new BinaryBitmap(new HybridBinarizer(new RGBLuminanceSource(grey, width, height, RGBLuminanceSource.BitmapFormat.Gray8)));
        return new QRCodeReader().decode(picture)?.Text;
    }

    private static string TextOf(byte[] pdf)
    {
        using var read = PdfReader.Open(pdf);
        return string.Join('\n', read.GetPages().Select(TextOf));
    }

    /// <summary>Line by line: what stands on one baseline, with the gaps between columns as a space.</summary>
    private static string TextOf(Page page)
    {
        var text = new StringBuilder();
        foreach (var line in page.Letters.GroupBy(letter => Math.Round(letter.StartBaseLine.Y, 1)).OrderByDescending(line => line.Key))
        {
            var end = double.NaN;
            foreach (var letter in line.OrderBy(letter => letter.StartBaseLine.X))
            {
                if (letter.StartBaseLine.X > end + 3)
                    text.Append('\n');
                text.Append(letter.Value);
                end = letter.EndBaseLine.X;
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Everything that can be seen, in words.</summary>
    private static string Described(byte[] file)
    {
        using var pdf = PdfReader.Open(file);
        var description = new StringBuilder();
        foreach (var page in pdf.GetPages())
        {
            description.AppendLine(CultureInfo.InvariantCulture, $"page {page.Number}, {page.Width:0} × {page.Height:0}");
            foreach (var letter in page.Letters)
            {
                var (x, y) = (letter.StartBaseLine.X, letter.StartBaseLine.Y);
                description.AppendLine(CultureInfo.InvariantCulture, $"{x:0.0} {y:0.0} {letter.PointSize:0.0} {letter.FontName} {letter.Color} {letter.Value}");
            }

            foreach (var path in page.Paths)
                description.AppendLine(CultureInfo.InvariantCulture, $"{path.GetBoundingRectangle()} {path.FillColor}");
        }

        return description.ToString();
    }
}
