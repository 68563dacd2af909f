using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.ServiceDefaults;

/// <summary>What systems outside of ours say when they do not do what they are asked.</summary>
public static class RemoteAnswers
{
    /// <summary>The problem (RFC 9457) that is the answer's body, if it is one.</summary>
    public static async Task<ProblemDetails?> ReadProblem(this HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
            return null;
        try
        {
            return await answer.Content.ReadFromJsonAsync<ProblemDetails>(cancellationToken);
        }
        // No JSON, or in a character set that nobody knows.
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Retry-After (RFC 9110) in either of its forms.</summary>
    public static TimeSpan? RetryAfter(this HttpResponseMessage answer, TimeProvider time) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date > time.GetUtcNow() => date - time.GetUtcNow(),
        _ => null,
    };

    /// <summary>The call failed, or nobody knows: it is to be made again.</summary>
    /// <param name="e">What it threw.</param>
    /// <param name="cancellationToken">The caller's own: if that is cancelled, it is no failure.</param>
    public static bool IsRemoteFailure(this Exception e, CancellationToken cancellationToken) =>
        e is HttpRequestException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested);

    /// <summary>Such a failure in words without anybody's data.</summary>
    /// <param name="e">What the call threw.</param>
    /// <param name="who">The system, at the start of a sentence.</param>
    public static string DescribeRemoteFailure(this Exception e, string who) => e switch
    {
        RemoteRefusalException => e.Message,
        { InnerException: AddressNotAllowedException notAllowed } => notAllowed.Message,
        TaskCanceledException => $"{who} did not answer in time.",
        _ => $"{who} cannot be reached.",
    };
}

/// <summary>A system outside of ours does not do it now, and says so.</summary>
/// <param name="who">It is, at the start of a sentence: <c>The printer</c>.</param>
/// <param name="status">Its answer.</param>
/// <param name="reason">For people; never personal data.</param>
/// <param name="retryAfter">When it wants to be asked again, if it said so.</param>
public sealed class RemoteRefusalException(string who, HttpStatusCode status, string? reason, TimeSpan? retryAfter)
    : HttpRequestException(reason is null ? $"{who} answered {(int)status}." : $"{who} answered {(int)status}: {reason}", null, status)
{
    /// <summary>When it wants to be asked again, if it said so.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
