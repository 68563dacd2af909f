using UglyToad.PdfPig.Core;
using UglyToad.PdfPig.Fonts.TrueType;
using UglyToad.PdfPig.Fonts.TrueType.Parser;

namespace Orafo.Invoicing.Documents;

/// <summary>A font of the service's own, read once: the machine's fonts are nobody's business.</summary>
/// <remarks>IBM Plex Sans (OFL 1.1): Latin, Greek, Cyrillic, digits of one width.</remarks>
internal sealed class Typeface
{
    /// <summary>What is shown for characters that the font lacks: U+FFFD.</summary>
    private const char Replacement = '\ufffd';

    private const double UnitsPerEm = 1000;
    private readonly TrueTypeFont _font;

    private Typeface(string resource)
    {
        using var stream = typeof(Typeface).Assembly.GetManifestResourceStream(resource) ?? throw new InvalidOperationException($"The font {resource} is missing.");
        var file = new byte[stream.Length];
        stream.ReadExactly(file);
        File = file;
        _font = TrueTypeFontParser.Parse(new TrueTypeDataBytes(new MemoryInputBytes(file)));
    }

    public static Typeface Regular { get; } = new("IBMPlexSans-Regular.ttf");
    public static Typeface SemiBold { get; } = new("IBMPlexSans-SemiBold.ttf");

    public ReadOnlyMemory<byte> File { get; }

    /// <summary>The text with only such characters as the font has.</summary>
    public string Shown(string text) =>
        string.Concat(text.EnumerateRunes().Select(rune => rune.IsBmp && _font.TryGetAdvanceWidth(rune.Value, out _) ? (char)rune.Value : Replacement));

    /// <summary>In points.</summary>
    /// <param name="shown">Of <see cref="Shown"/>.</param>
    /// <param name="size">In points.</param>
    public double Width(string shown, double size)
    {
        var width = 0d;
        foreach (var c in shown)
            width += _font.TryGetAdvanceWidth(c, out var advance) ? advance : 0;
        return width * size / UnitsPerEm;
    }

    /// <summary>The text in lines of at most that width, broken between words, or within one that does not fit.</summary>
    public IReadOnlyList<string> Wrap(string text, double size, double width)
    {
        var lines = new List<string>();
        var line = "";
        foreach (var word in Shown(text).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var longer = line.Length == 0 ? word : $"{line} {word}";
            if (Width(longer, size) <= width)
            {
                line = longer;
                continue;
            }

            if (line.Length > 0)
                lines.Add(line);
            line = word;
            while (Width(line, size) > width)
            {
                var fits = 1;
                while (Width(line[..(fits + 1)], size) <= width)
                    fits++;
                lines.Add(line[..fits]);
                line = line[fits..];
            }
        }

        if (line.Length > 0)
            lines.Add(line);
        return lines;
    }
}
