using System.Diagnostics;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Orafo.Pgq;

namespace Orafo.ServiceDefaults;

/// <summary>What a service tells of itself: spans and metrics, by OpenTelemetry.</summary>
internal static class Telemetry
{
    /// <summary>
    ///     Beneath what the environment says. An order is some fifty spans, so a burst of orders is more than the usual 2048 can hold while the exporter waits
    ///     for a processor; and whoever looks at an order that has just ended does not want to wait for the usual five seconds.
    /// </summary>
    private static readonly KeyValuePair<string, string?>[] Defaults =
    [
        new("OTEL_BSP_MAX_QUEUE_SIZE", "32768"),
        new("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1024"),
        new("OTEL_BSP_SCHEDULE_DELAY", "1000"),
    ];

    /// <summary>Any of them says where to send.</summary>
    private static readonly string[] Endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];

    /// <summary>Sends spans and metrics to where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says, or the one for each of them; without any, spans are not even made.</summary>
    public static WebApplicationBuilder AddTelemetry(this WebApplicationBuilder builder)
    {
        if (!Array.Exists(Endpoints, endpoint => builder.Configuration[endpoint] is { Length: > 0 }))
            return builder;
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = Defaults });
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                builder.Environment.ApplicationName, serviceInstanceId: $"{Environment.MachineName}-{Environment.ProcessId}"))
            .WithTracing(Traces)
            .UseOtlpExporter();
        return builder;
    }

    private static void Traces(TracerProviderBuilder tracing) => tracing
        .AddAspNetCoreInstrumentation(http =>
        {
            http.Filter = context => !IsForMachines(context.Request.Path);
            http.EnrichWithHttpRequest = (span, request) =>
            {
                if (OrderIn(request.Path) is { } order)
                    OrderSpan.Mark(span, order);
            };
        })
        .AddHttpClientInstrumentation()
        .AddNpgsql()
        .AddSource("MassTransit", PersistenceMeter.Name, PgqMeter.Name)
        .AddProcessor<SpanConventions>();

    /// <summary>Which commands are spans: those that are a part of something. What looks by itself, on and on, is nobody's trace.</summary>
    public static void Commands(NpgsqlTracingOptionsBuilder commands) => commands
        .ConfigureCommandFilter(_ => Activity.Current is not null)
        .ConfigureBatchFilter(_ => Activity.Current is not null)
        .EnablePhysicalOpenTracing(false)
        .EnableFirstResponseEvent(false);

    /// <summary>What is asked for every few seconds and says nothing of an order.</summary>
    private static bool IsForMachines(PathString path) =>
        path.StartsWithSegments("/health", StringComparison.Ordinal) || path.StartsWithSegments("/metrics", StringComparison.Ordinal);

    /// <summary>What is named by its order's id, of all services.</summary>
    private static string? OrderIn(PathString path) =>
        path.Value?.Split('/') is ["", "orders" or "print-jobs" or "bookings" or "recalls", var id, ..] && Guid.TryParse(id, out var order) ? order.ToString() : null;
}
