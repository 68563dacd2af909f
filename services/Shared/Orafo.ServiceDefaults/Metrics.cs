using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace Orafo.ServiceDefaults;

/// <summary>What a service counts and measures: to be read at <c>/metrics</c> as Prometheus wants it, and sent where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says.</summary>
/// <remarks>Names are those of the OpenTelemetry instruments, as its specification writes them for Prometheus: <c>orafo.outbox.lag</c> in seconds is <c>orafo_outbox_lag_seconds</c>.</remarks>
internal static class Metrics
{
    private const string Path = "/metrics";

    /// <summary>Combinations of labels of one instrument that are told apart; what is beyond is counted together. Room for each is made beforehand.</summary>
    private const int MostSeries = 200;

    /// <summary>In seconds: a confirm of the broker takes a millisecond, a page of a printer hours.</summary>
    private static readonly double[] Durations = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28800];

    /// <summary>Deliveries in a transaction, of which there are 64 at most.</summary>
    private static readonly double[] Deliveries = [1, 2, 4, 8, 16, 32, 64];

    /// <summary>Our own, the process's, the pool's of connections, and the server's. None of outgoing calls: their addresses are clients' own, and without number.</summary>
    private static readonly string[] Meters =
    [
        "Orafo.*", "System.Runtime", "Npgsql", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel",
    ];

    public static WebApplicationBuilder AddMetrics(this WebApplicationBuilder builder)
    {
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(Meters).AddView(Stream)
            // Names are enough to know whose a metric is.
            .AddPrometheusExporter(exporter => exporter.ScopeInfoEnabled = false));
        return builder;
    }

    /// <summary>Answers at <c>/metrics</c>, before anybody is asked for a client's key: it asks for the operators'.</summary>
    public static void UseMetrics(this WebApplication app)
    {
        // Where nobody added them, there are none.
        if (app.Services.GetService<MeterProvider>() is not { } metrics)
            return;
        app.UseOpenTelemetryPrometheusScrapingEndpoint(
            metrics, context => context.Request.Path == Path, path: null, asked => asked.Use(NotMeasured).UseMiddleware<OperatorKeyCheck>(), optionsName: null);
    }

    /// <summary>Who asks is no part of what he asks for.</summary>
    private static Task NotMeasured(HttpContext context, RequestDelegate next)
    {
        context.Features.Get<IHttpMetricsTagsFeature>()?.MetricsDisabled = true;
        return next(context);
    }

    private static MetricStreamConfiguration Stream(Instrument instrument) => instrument switch
    {
        Histogram<int> => new ExplicitBucketHistogramConfiguration { Boundaries = Deliveries, CardinalityLimit = MostSeries },
        Histogram<double> { Unit: "s" } when instrument.Meter.Name.StartsWith("Orafo.", StringComparison.Ordinal) =>
            new ExplicitBucketHistogramConfiguration { Boundaries = Durations, CardinalityLimit = MostSeries },
        _ => new MetricStreamConfiguration { CardinalityLimit = MostSeries },
    };
}
