using System.ComponentModel.DataAnnotations;

namespace Orafo.Invoicing.Printing;

/// <summary>Configuration section <c>Printing</c>.</summary>
public sealed class PrintingOptions : IValidatableObject
{
    /// <summary>By name: up to 40 of a to z, 0 to 9 and -.</summary>
    [MinLength(1)]
    public Dictionary<string, PrinterOptions> Printers { get; } = new(StringComparer.Ordinal);

    /// <summary>Where invoices are printed unless an operator says otherwise; the only one, if there is but one.</summary>
    public string? DefaultPrinter { get; set; }

    /// <summary>How long a printer may take for a page, waiting in its line included.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How often a page is tried before an operator has to decide: about ten minutes with the pauses between.</summary>
    [Range(1, 1000)]
    public int Attempts { get; set; } = 25;

    /// <summary>After so many failures without a page between, a printer is left alone for a while, and then asked by one job.</summary>
    [Range(1, 1000)]
    public int FailuresInARow { get; set; } = 3;

    /// <summary>How long a worker that found no job waits at most before it looks again, unless it is told of one or one is due before.</summary>
    public TimeSpan PollingInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// While pages come out within it, nobody is told that an invoice waits for the printer: an event less for each order. Those that are issued in that
    /// time before a printer fails are in the dark until they are tried.
    /// </summary>
    public TimeSpan Promptly { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The pause after the first failure, of a job or a printer; it doubles.</summary>
    public TimeSpan FirstPause { get; set; } = TimeSpan.FromSeconds(1);

    public TimeSpan LongestPause { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A printer that wants to be asked later (Retry-After) than this is asked then.</summary>
    public TimeSpan LongestRetryAfter { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a job stays with a worker that does not renew its lease, because it died or hangs. Renewed three times in that time.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Where an invoice is printed of which nobody has said anything.</summary>
    public string Default => DefaultPrinter ?? Printers.Keys.Single();

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var (name, printer) in Printers)
        {
            if (name.Length > 40 || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
                yield return new ValidationResult($"Printing:Printers: '{name}' is no name of a printer: up to 40 of a to z, 0 to 9 and -.");
            if (printer.Url is not { IsAbsoluteUri: true, Scheme: "http" or "https" })
                yield return new ValidationResult($"Printing:Printers:{name}:Url is no http address.");
            if (printer.Parallelism is < 1 or > 64)
                yield return new ValidationResult($"Printing:Printers:{name}:Parallelism is from 1 to 64.");
        }

        if (LongestRetryAfter > TimeSpan.FromDays(1) || LongestPause > TimeSpan.FromDays(1) || FirstPause > LongestPause || FirstPause < TimeSpan.Zero)
            yield return new ValidationResult("Printing: pauses are from nothing to a day, and the first is not longer than the longest.");
        if (DefaultPrinter is null ? Printers.Count > 1 : !Printers.ContainsKey(DefaultPrinter))
            yield return new ValidationResult("Printing:DefaultPrinter names none of the printers.");
    }
}

/// <summary>A printer.</summary>
public sealed class PrinterOptions
{
    public Uri? Url { get; set; }

    /// <summary>How many pages this instance has under way on it at a time.</summary>
    public int Parallelism { get; set; } = 8;
}
