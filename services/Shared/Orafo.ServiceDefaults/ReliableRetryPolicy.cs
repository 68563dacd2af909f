using MassTransit;
using MassTransit.RetryPolicies;

namespace Orafo.ServiceDefaults;

/// <summary>Retries for ever what is the infrastructure's fault, and a few times what is the message's.</summary>
/// <remarks>One policy and not two, one within the other: MassTransit publishes a <see cref="Fault{T}"/> only from the outermost one that gives up.</remarks>
internal sealed class ReliableRetryPolicy : IRetryPolicy
{
    private const int Retries = 5;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <remarks>A message that kills its process is not tried again: it never was, this time.</remarks>
    public bool IsHandled(Exception exception) => exception is not CrashLimitException;

    public RetryPolicyContext<T> CreatePolicyContext<T>(T context) where T : class, PipeContext => new Policy<T>(this, context);

    public void Probe(ProbeContext context) => context.Set(new { Policy = "Reliable", Limit = Retries, FirstPause, LongestPause });

    private sealed class Policy<T>(IRetryPolicy policy, T context) : BaseRetryPolicyContext<T>(policy, context) where T : class, PipeContext
    {
        protected override RetryContext<T> CreateRetryContext(Exception exception, CancellationToken cancellationToken) =>
            ReliableDelivery.IsInfrastructure(exception)
                ? new Failed<T>(Context, exception, faults: 0, outages: 1, cancellationToken)
                : new Failed<T>(Context, exception, faults: 1, outages: 0, cancellationToken);
    }

    /// <param name="context">The message's.</param>
    /// <param name="exception">What it failed with.</param>
    /// <param name="faults">How often the message itself has failed.</param>
    /// <param name="outages">How often, one after the other, it could not have succeeded.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    private sealed class Failed<T>(T context, Exception exception, int faults, int outages, CancellationToken cancellationToken)
        : BaseRetryContext<T>(context, exception, faults + outages - 1, cancellationToken), RetryContext<T>
        where T : class, PipeContext
    {
        public override TimeSpan? Delay => Jittered(FirstPause * Math.Pow(2, Math.Min(Math.Max(faults, outages) - 1, 10)));

        public bool CanRetry(Exception exception, out RetryContext<T> retryContext)
        {
            var isOutage = ReliableDelivery.IsInfrastructure(exception);
            retryContext = isOutage
                ? new Failed<T>(Context, exception, faults, outages + 1, CancellationToken)
                : new Failed<T>(Context, exception, faults + 1, 0, CancellationToken);
            return (isOutage || faults < Retries) && exception is not CrashLimitException && !CancellationToken.IsCancellationRequested;
        }

#pragma warning disable CA5394 // Jitter needs no secrecy.
        private static TimeSpan Jittered(TimeSpan pause) => (pause < LongestPause ? pause : LongestPause) * (0.75 + (Random.Shared.NextDouble() / 2));
#pragma warning restore CA5394
    }
}
