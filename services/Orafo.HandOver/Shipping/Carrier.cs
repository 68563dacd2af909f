using Microsoft.Extensions.Options;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.HandOver.Shipping;

/// <summary>How a job's call ended.</summary>
/// <param name="Answer">What the carrier said; null if it did not, or was not called.</param>
/// <param name="Error">Why the call failed; null if it did not, or nothing was tried.</param>
/// <param name="RetryAfter">When the carrier wants to be asked again, if it said so.</param>
public sealed record CarrierCall<T>(T? Answer, string? Error, TimeSpan? RetryAfter) where T : class;

/// <summary>The carrier as jobs call it: so many at a time, and none for a while when it fails.</summary>
public sealed class Carrier(IOptions<ShippingOptions> options, IHttpClientFactory http, TimeProvider time, ILogger<Carrier> logger) : IDisposable
{
    private readonly RemoteSystem _system = new(
        "carrier", options.Value.Parallelism,
        new(options.Value.FailuresInARow, options.Value.FirstPause, options.Value.LongestPause, options.Value.LongestRetryAfter), time, logger);

    /// <summary>Calls it when it is its turn. If it is left alone, the other jobs of the queue wait, too.</summary>
    public async Task<CarrierCall<T>> Call<TPayload, T>(Job<TPayload> job, Func<CarrierClient, Task<T>> call, CancellationToken cancellationToken) where T : class
    {
        T? answer = null;
        try
        {
            var client = new CarrierClient(http.CreateClient(ShippingExtensions.HttpClient), options.Value.CarrierUrl!, time);
            if (await _system.TryCall(async () => answer = await call(client), cancellationToken) is { } left)
                job.PauseGroup(left);
            return new(answer, null, null);
        }
        catch (Exception e) when (e.IsRemoteFailure(cancellationToken))
        {
            var (error, retryAfter) = (e.DescribeRemoteFailure("The carrier"), (e as RemoteRefusalException)?.RetryAfter);
            if (_system.Failed(error, retryAfter) is { } pause)
                job.PauseGroup(pause);
            return new(null, error, retryAfter > options.Value.LongestRetryAfter ? options.Value.LongestRetryAfter : retryAfter);
        }
    }

    public void Dispose() => _system.Dispose();
}
