using System.ComponentModel.DataAnnotations;

namespace Orafo.Invoicing.Printing;

/// <summary>Configuration section <c>Printing</c>.</summary>
public sealed class PrintingOptions
{
    /// <summary>How many pages this instance has under way at a time.</summary>
    [Range(1, 64)]
    public int Parallelism { get; set; } = 8;

    /// <summary>How long the printer may take for a page, waiting in its line included.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How often a page is tried before an operator has to decide: about ten minutes with the pauses between.</summary>
    [Range(1, 1000)]
    public int Attempts { get; set; } = 25;

    /// <summary>How long a worker that found no job waits at most before it looks again, unless one is committed beside it or is due before.</summary>
    public TimeSpan PollingInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// While pages come out within it, nobody is told that an invoice waits for the printer: an event less for each order. Not longer than an order may be
    /// in the dark.
    /// </summary>
    public TimeSpan Promptly { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The pause after the first failure; it doubles.</summary>
    public TimeSpan FirstPause { get; set; } = TimeSpan.FromSeconds(1);

    public TimeSpan LongestPause { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A printer that wants to be asked later (Retry-After) than this is asked then.</summary>
    public TimeSpan LongestRetryAfter { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a job stays with a worker that does not renew its lease, because it died or hangs. Renewed three times in that time.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(15);
}
