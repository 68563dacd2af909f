using System.Diagnostics.Metrics;
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
public sealed class Carrier : IDisposable
{
    private readonly Meter _meter = new("Orafo.HandOver");
    private readonly ShippingOptions _options;
    private readonly IHttpClientFactory _http;
    private readonly TimeProvider _time;
    private readonly RemoteSystem _system;

    public Carrier(IOptions<ShippingOptions> options, IHttpClientFactory http, TimeProvider time, ILogger<Carrier> logger)
    {
        (_options, _http, _time) = (options.Value, http, time);
        _system = new("carrier", _options.Parallelism, new(_options.FailuresInARow, _options.FirstPause, _options.LongestPause, _options.LongestRetryAfter), time, logger);
        _meter.CreateObservableGauge("orafo.carrier.failing", () => _system.IsFailing ? 1 : 0, "{carrier}", "1 from when an instance left the carrier alone because it failed until it answers.");
    }

    /// <summary>Calls it when it is its turn. If it is left alone, the other jobs of the queue wait, too.</summary>
    public async Task<CarrierCall<T>> Call<TPayload, T>(Job<TPayload> job, Func<CarrierClient, Task<T>> call, CancellationToken cancellationToken) where T : class
    {
        T? answer = null;
        try
        {
            var client = new CarrierClient(_http.CreateClient(ShippingExtensions.HttpClient), _options.CarrierUrl!, _time);
            if (await _system.TryCall(async () => answer = await call(client), cancellationToken) is { } left)
                job.PauseGroup(left);
            return new(answer, null, null);
        }
        catch (Exception e) when (e.IsRemoteFailure(cancellationToken))
        {
            var (error, retryAfter) = (e.DescribeRemoteFailure("The carrier"), (e as RemoteRefusalException)?.RetryAfter);
            if (_system.Failed(error, retryAfter) is { } pause)
                job.PauseGroup(pause);
            return new(null, error, retryAfter > _options.LongestRetryAfter ? _options.LongestRetryAfter : retryAfter);
        }
    }

    public void Dispose()
    {
        _meter.Dispose();
        _system.Dispose();
    }
}
