using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
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
    /// <summary>Sends spans and metrics to where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says; without it, spans are not even made.</summary>
    public static WebApplicationBuilder AddTelemetry(this WebApplicationBuilder builder)
    {
        if (builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is not { Length: > 0 })
            return builder;
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                builder.Environment.ApplicationName, serviceInstanceId: $"{Environment.MachineName}-{Environment.ProcessId}"))
            .WithTracing(Traces)
            .UseOtlpExporter();
        return builder;
    }

    private static void Traces(TracerProviderBuilder tracing) => tracing
        .AddAspNetCoreInstrumentation(http => http.Filter = context => !context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal))
        .AddHttpClientInstrumentation()
        .AddNpgsql()
        .AddSource("MassTransit", PersistenceMeter.Name, PgqMeter.Name);
}
