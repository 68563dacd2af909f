using System.ComponentModel.DataAnnotations;
using System.Net;
using Orafo.Pgq;

namespace Orafo.ServiceDefaults.Webhooks;

/// <summary>How webhooks are delivered. Who receives them is for the service to say.</summary>
public class WebhookOptions : IValidatableObject
{
    /// <summary>Networks that are not public and that webhooks may lead to all the same, as <c>10.1.0.0/16</c>. With any of them, http without TLS is allowed, too.</summary>
    public IList<string> AllowedNetworks { get; } = [];

    /// <summary>Who says so, in the events: a URI reference.</summary>
    [Required]
    public string Source { get; set; } = "/orafo";

    /// <summary>How long a receiver may take for an answer.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often it is tried before an operator has to decide: about a day with the pauses between.</summary>
    [Range(1, 1000)]
    public int Attempts { get; set; } = 30;

    /// <summary>After so many failures without a success between, a receiver is left alone for a while, and then asked by one job.</summary>
    [Range(1, 1000)]
    public int FailuresInARow { get; set; } = 5;

    /// <summary>The pause after the first failure, of a job or a receiver; it doubles.</summary>
    public TimeSpan FirstPause { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Of a job.</summary>
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Of a receiver, whatever it says (Retry-After).</summary>
    public TimeSpan LongestRest { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How often a worker that hears of nothing looks by itself, about.</summary>
    public TimeSpan PollingInterval { get; set; } = TimeSpan.FromSeconds(5);

    public IReadOnlyCollection<IPNetwork> Networks => [.. AllowedNetworks.Select(network => IPNetwork.Parse(network))];

    /// <summary>Of one receiver.</summary>
    public RemoteLimits Limits => new(FailuresInARow, FirstPause, LongestRest, LongestRest);

    /// <summary>Whether it is an address that a webhook can be sent to, wherever it leads.</summary>
    public bool IsAddress(Uri? url) =>
        url is { IsAbsoluteUri: true, UserInfo: "" } && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && AllowedNetworks.Count > 0));

    public void Configure(JobWorkerOptions worker)
    {
        worker.MaxAttempts = Attempts;
        worker.PollingInterval = PollingInterval;
        (worker.FirstPause, worker.LongestPause) = (FirstPause, LongestPause);
    }

    public virtual IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (AllowedNetworks.FirstOrDefault(network => !IPNetwork.TryParse(network, out _)) is { } wrong)
            yield return new ValidationResult($"AllowedNetworks: '{wrong}' is no network.");
        if (LongestPause > TimeSpan.FromDays(1) || LongestRest > TimeSpan.FromDays(1) || FirstPause > LongestPause || FirstPause > LongestRest || FirstPause < TimeSpan.Zero)
            yield return new ValidationResult("Pauses are from nothing to a day, and the first is not longer than the longest.");
    }
}
