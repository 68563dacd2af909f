using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using UglyToad.PdfPig.Content;
using UglyToad.PdfPig.Core;
using UglyToad.PdfPig.Writer;

namespace Orafo.Invoicing.Documents;

/// <summary>A colour of ink, sRGB.</summary>
internal sealed record Ink(byte Red, byte Green, byte Blue);

/// <summary>Sheets of A4 to write on. Points, measured from the upper left corner.</summary>
internal sealed class PdfSheets : IDisposable
{
    public const double Width = 595;
    public const double Height = 842;

    /// <summary>Characters that one simple font of a PDF can have.</summary>
    private const int CharactersPerFont = 250;

    private readonly PdfDocumentBuilder _pdf = new();
    private readonly Dictionary<(Typeface, char), PdfDocumentBuilder.AddedFont> _fonts = [];
    private readonly Dictionary<Typeface, (PdfDocumentBuilder.AddedFont Font, int Characters)> _filling = [];
    private readonly List<PdfPageBuilder> _sheets = [];

    /// <param name="title">Of the document.</param>
    public PdfSheets(string title)
    {
        _pdf.ArchiveStandard = PdfAStandard.A2B;
        _pdf.DocumentInformation.Producer = "Orafo";
        // The writer's own title is plain text in the metadata, where XMP wants one per language.
        _pdf.DocumentInformation.CustomMetadata["Title"] = title;
        _pdf.XmpMetadata = TitleInXmp(title);
    }

    public int Count => _sheets.Count;

    /// <summary>Begins the next sheet.</summary>
    public void Add() => _sheets.Add(_pdf.AddPage(PageSize.A4));

    /// <summary>Writes a line of text.</summary>
    /// <param name="x">Where it begins, or ends: see <paramref name="alignment"/>.</param>
    /// <param name="y">Of the baseline.</param>
    /// <param name="text">Characters that the font lacks are shown as such.</param>
    /// <param name="face">The font.</param>
    /// <param name="size">In points.</param>
    /// <param name="ink">The colour.</param>
    /// <param name="alignment">0: x is the left end; 1: the right end.</param>
    /// <param name="sheet">Its index; the last one, if left out.</param>
    public void Text(double x, double y, string text, Typeface face, double size, Ink ink, int alignment = 0, int? sheet = null)
    {
        var shown = face.Shown(text);
        x -= alignment * face.Width(shown, size);
        var page = _sheets[sheet ?? ^1];
        page.SetTextAndFillColor(ink.Red, ink.Green, ink.Blue);
        for (var from = 0; from < shown.Length;)
        {
            var font = FontOf(face, shown[from]);
            var to = from + 1;
            while (to < shown.Length && FontOf(face, shown[to]) == font)
                to++;
            page.AddText(shown[from..to], size, new PdfPoint(x, Height - y), font);
            x += face.Width(shown[from..to], size);
            from = to;
        }
    }

    /// <summary>Fills a rectangle, given by its upper left corner.</summary>
    public void Fill(double x, double y, double width, double height, Ink ink, int? sheet = null)
    {
        var page = _sheets[sheet ?? ^1];
        page.SetStrokeColor(ink.Red, ink.Green, ink.Blue);
        page.SetTextAndFillColor(ink.Red, ink.Green, ink.Blue);
        page.DrawRectangle(new PdfPoint(x, Height - y - height), width, height, lineWidth: 0, fill: true);
    }

    /// <summary>The file. The same bytes whenever the same was written.</summary>
    public byte[] Build() => WithIdOfItsContent(_pdf.Build());

    public void Dispose() => _pdf.Dispose();

    /// <summary>The writer gives each file a random id (ISO 32000-1, 14.4). A hash of the rest is one too, and always the same.</summary>
    private static byte[] WithIdOfItsContent(byte[] pdf)
    {
        const int Digits = 32;
        var id = pdf.AsSpan().LastIndexOf("/ID"u8);
        var digits = new List<int>();
        for (var i = id; i >= 0 && digits.Count < 2 && i < pdf.Length - Digits; i++)
        {
            if (pdf[i] == '<')
                digits.Add(i + 1);
        }

        if (digits.Count < 2 || digits.Exists(at => pdf[at + Digits] != '>'))
            throw new InvalidOperationException("The PDF has no id of the expected form.");
        foreach (var at in digits)
            pdf.AsSpan(at, Digits).Fill((byte)'0');
        var hash = Encoding.ASCII.GetBytes(Convert.ToHexString(SHA256.HashData(pdf))[..Digits]);
        foreach (var at in digits)
            hash.CopyTo(pdf, at);
        return pdf;
    }

    /// <summary>ISO 16684-1: the title as PDF/A wants it.</summary>
    private static XDocument TitleInXmp(string title)
    {
        XNamespace x = "adobe:ns:meta/";
        XNamespace rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
        XNamespace dc = "http://purl.org/dc/elements/1.1/";
        var text = new XElement(rdf + "li", new XAttribute(XNamespace.Xml + "lang", "x-default"), title);
        return new XDocument(new XElement(
            x + "xmpmeta",
            new XElement(
                rdf + "RDF",
                new XElement(rdf + "Description", new XAttribute(rdf + "about", ""), new XElement(dc + "title", new XElement(rdf + "Alt", text))))));
    }

    /// <summary>Where a character is. A font that is full is followed by another copy of it.</summary>
    private PdfDocumentBuilder.AddedFont FontOf(Typeface face, char character)
    {
        if (_fonts.TryGetValue((face, character), out var font))
            return font;
        if (!_filling.TryGetValue(face, out var filling) || filling.Characters == CharactersPerFont)
            filling = (_pdf.AddTrueTypeFont(face.File), 0);
        _filling[face] = (filling.Font, filling.Characters + 1);
        return _fonts[(face, character)] = filling.Font;
    }
}
