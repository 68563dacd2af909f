using System.ComponentModel.DataAnnotations;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.HandOver.Notifying;

/// <summary>Configuration section <c>Webhooks</c>. Without receivers nobody is told anything.</summary>
public sealed class NotifyingOptions : WebhookOptions
{
    public NotifyingOptions() => Source = "/orafo/hand-over";

    /// <summary>The shop's systems by name: up to 40 of a to z, 0 to 9 and -.</summary>
    public Dictionary<string, ReceiverOptions> Receivers { get; } = new(StringComparer.Ordinal);

    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var mistake in base.Validate(validationContext))
            yield return mistake;
        foreach (var (name, receiver) in Receivers)
        {
            if (name.Length > 40 || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
                yield return new ValidationResult($"Receivers: '{name}' is no name of a receiver: up to 40 of a to z, 0 to 9 and -.");
            if (!IsAddress(receiver.Url))
                yield return new ValidationResult($"Receivers:{name}:Url is no https address.");
            if (receiver.Secrets.Count == 0 || receiver.Secrets.Any(secret => WebhookSecret.TryParse(secret) is null))
                yield return new ValidationResult($"Receivers:{name}:Secrets are one or more of whsec_ and 24 to 64 bytes in base64.");
            if (receiver.Parallelism is < 1 or > 64)
                yield return new ValidationResult($"Receivers:{name}:Parallelism is from 1 to 64.");
        }
    }
}

/// <summary>One of the shop's systems.</summary>
public sealed class ReceiverOptions
{
    public Uri? Url { get; set; }

    /// <summary>All that it accepts: while one is replaced, the old and the new one.</summary>
    public IList<string> Secrets { get; } = [];

    /// <summary>How many webhooks this instance has under way to it at a time.</summary>
    public int Parallelism { get; set; } = 4;
}
