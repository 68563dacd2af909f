using System.Net;
using Orafo.Pgq;

namespace Orafo.ServiceDefaults.Webhooks;

/// <summary>One to whom webhooks are sent by jobs: so many at a time, and none for a while when it fails.</summary>
/// <param name="system">Is in charge of that.</param>
/// <param name="options">How long it is left alone at most.</param>
public sealed class WebhookReceiver(RemoteSystem system, WebhookOptions options) : IDisposable
{
    /// <summary>Makes an attempt at it.</summary>
    /// <param name="job">Its group is the receiver's: while the receiver is left alone, none of the group is begun.</param>
    /// <param name="sender">Sends it.</param>
    /// <param name="to">Where to.</param>
    /// <param name="secrets">All that are valid now.</param>
    /// <param name="said">Its id is the webhook's.</param>
    /// <param name="cancellationToken">The handler's.</param>
    /// <returns>How the attempt ended. One that is given up is parked.</returns>
    public async Task<JobOutcome> Attempt<TPayload, TData>(
        Job<TPayload> job, WebhookSender sender, Uri to, IReadOnlyCollection<WebhookSecret> secrets, CloudEvent<TData> said, CancellationToken cancellationToken)
    {
        try
        {
            if (await system.TryCall(
                    () => sender.Send(to, secrets, said.Id, CloudEvent<TData>.MediaType, said.ToJson(), cancellationToken), cancellationToken) is { } left)
            {
                job.PauseGroup(left);
                return JobOutcome.GiveBack();
            }

            return JobOutcome.Done();
        }
        catch (Exception e) when (e.IsRemoteFailure(cancellationToken))
        {
            var (error, refusal) = (e.DescribeRemoteFailure("The receiver"), e as RemoteRefusalException);
            if (system.Failed(error, refusal?.RetryAfter) is { } pause)
                job.PauseGroup(pause);
            // Gone is how a receiver says that it wants no more (Standard Webhooks 1.0).
            return refusal?.StatusCode == HttpStatusCode.Gone
                ? JobOutcome.Park(error)
                : JobOutcome.RetryLater(error, atLeast: refusal?.RetryAfter > options.LongestRest ? options.LongestRest : refusal?.RetryAfter);
        }
    }

    public void Dispose() => system.Dispose();
}
