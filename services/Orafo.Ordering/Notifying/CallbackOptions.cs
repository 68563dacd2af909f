using System.ComponentModel.DataAnnotations;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.Ordering.Notifying;

/// <summary>Configuration section <c>Callbacks</c>. Without a key nobody is called back, and the API has no <c>/callback</c>.</summary>
public sealed class CallbackOptions : WebhookOptions
{
    public const int ShortestKey = 32;

    public CallbackOptions() => Source = "/orafo/ordering";

    /// <summary>What all secrets are made from: 32 random characters at least. With another one, all clients need new secrets.</summary>
    public string? Key { get; set => field = string.IsNullOrEmpty(value) ? null : value; }

    /// <summary>For how long a secret that was replaced signs besides the new one.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan KeepOldSecrets { get; set; } = TimeSpan.FromHours(24);

    /// <summary>How often an instance looks who wants to be called back. What it knows is at most three times as old.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "01:00:00")]
    public TimeSpan LookEvery { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How many webhooks this instance has under way to a client at a time.</summary>
    [Range(1, 64)]
    public int Parallelism { get; set; } = 4;

    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        Key is { Length: < ShortestKey } ? base.Validate(validationContext).Append(new ValidationResult($"Key has {ShortestKey} characters at least.")) : base.Validate(validationContext);
}
