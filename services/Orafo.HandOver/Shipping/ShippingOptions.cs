using System.ComponentModel.DataAnnotations;

namespace Orafo.HandOver.Shipping;

/// <summary>Configuration section <c>Shipping</c>.</summary>
public sealed class ShippingOptions : IValidatableObject
{
    /// <summary>The carrier's address.</summary>
    public Uri? CarrierUrl { get; set; }

    /// <summary>How many calls of each kind this instance has under way at the carrier at a time.</summary>
    [Range(1, 64)]
    public int Parallelism { get; set; } = 8;

    /// <summary>How long the carrier may take for an answer.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a booking or a recall is tried before an operator has to decide: about ten minutes with the pauses between.</summary>
    [Range(1, 1000)]
    public int Attempts { get; set; } = 25;

    /// <summary>After so many failures without a success between, the carrier is left alone for a while, and then asked by one job.</summary>
    [Range(1, 1000)]
    public int FailuresInARow { get; set; } = 3;

    /// <summary>How long a worker that found no job waits at most before it looks again, unless it is told of one or one is due before.</summary>
    public TimeSpan PollingInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The pause after the first failure, of a job or the carrier; it doubles.</summary>
    public TimeSpan FirstPause { get; set; } = TimeSpan.FromSeconds(1);

    public TimeSpan LongestPause { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A carrier that wants to be asked later (Retry-After) than this is asked then.</summary>
    public TimeSpan LongestRetryAfter { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a job stays with a worker that does not renew its lease, because it died or hangs. Renewed three times in that time.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(15);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (CarrierUrl is not { IsAbsoluteUri: true, Scheme: "http" or "https" })
            yield return new ValidationResult("Shipping:CarrierUrl is no http address.");
        if (LongestRetryAfter > TimeSpan.FromDays(1) || LongestPause > TimeSpan.FromDays(1) || FirstPause > LongestPause || FirstPause < TimeSpan.Zero)
            yield return new ValidationResult("Shipping: pauses are from nothing to a day, and the first is not longer than the longest.");
    }
}
