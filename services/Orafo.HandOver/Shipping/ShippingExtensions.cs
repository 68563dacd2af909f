using Microsoft.Extensions.Options;
using Orafo.Pgq;

namespace Orafo.HandOver.Shipping;

/// <summary>Registers the carrier, the queues of what it is to be asked, and those who ask.</summary>
public static class ShippingExtensions
{
    /// <summary>Of the client for the carrier.</summary>
    public const string HttpClient = "carrier";

    /// <summary>In bytes: more than a carrier has to say.</summary>
    private const int MostAnswered = 64 * 1024;

    /// <summary>Jobs for each call under way: while one is answered, others are claimed, and the end of others is written.</summary>
    private const int JobsPerCall = 4;

    public static void AddShipping(this IServiceCollection services)
    {
        services.AddOptions<ShippingOptions>().BindConfiguration("Shipping").ValidateDataAnnotations().ValidateOnStart();
        services.AddHttpClient(HttpClient, (provider, http) =>
        {
            http.MaxResponseContentBufferSize = MostAnswered;
            http.Timeout = provider.GetRequiredService<IOptions<ShippingOptions>>().Value.Timeout;
        }).RemoveAllLoggers();
        services.AddSingleton<Carrier>();
        services.AddSingleton<FreshShipments>();
        services.AddJobQueue<BookParcel>(BookParcel.Queue);
        services.AddJobHandler<BookParcel, BookingHandler>(Configure);
        services.AddJobQueue<RecallParcel>(RecallParcel.Queue);
        services.AddJobHandler<RecallParcel, RecallHandler>(Configure);
    }

    private static void Configure(IServiceProvider provider, JobWorkerOptions worker)
    {
        var shipping = provider.GetRequiredService<IOptions<ShippingOptions>>().Value;
        worker.Parallelism = JobsPerCall * shipping.Parallelism;
        // Only the handlers park: whoever waits has to be told.
        worker.MaxAttempts = int.MaxValue;
        worker.Lease = shipping.Lease;
        worker.PollingInterval = shipping.PollingInterval;
        (worker.FirstPause, worker.LongestPause) = (shipping.FirstPause, shipping.LongestPause);
    }
}
