using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Orafo.ServiceDefaults;

/// <summary>What a service says, and how: for people, or as JSON (<c>Logging:Console:FormatterName</c> = <c>json</c>).</summary>
/// <remarks>
/// Error: somebody has to look. Warning: it goes on, or an order waits for a decision. Information: what became of an order, one line in each service, and starts and ends.
/// Debug: the rest. What a line says of a message's handling has its order, message and trace beside it (<see cref="MessageLogScope"/>), of a job's its order, job and trace
/// (<see cref="OrderSpan"/>); nothing personal is ever said.
/// </remarks>
internal static class Logs
{
    public static WebApplicationBuilder AddLogs(this WebApplicationBuilder builder)
    {
        // What fails is thrown, and logged by whoever gives up on it; a lost race for a key is no error at all.
        builder.Logging
            .AddFilter("Microsoft.AspNetCore", LogLevel.Warning)
            .AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning)
            .AddFilter("Microsoft.EntityFrameworkCore.Database", LogLevel.Critical)
            .AddFilter("Microsoft.EntityFrameworkCore.Update", LogLevel.Critical)
            .AddFilter("Npgsql", LogLevel.Warning)
            .AddFilter("System.Net.Http.HttpClient", LogLevel.Warning)
            // How a service is, /health/ready says; and whoever suffers from it logs why.
            .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None)
            // The trace is enough to find its spans. Where there is no span, scopes say it.
            .Configure(factory => factory.ActivityTrackingOptions = ActivityTrackingOptions.TraceId);
        builder.Services.Replace(ServiceDescriptor.Singleton<ILoggerFactory>(services => new QuietLoggerFactory(
            new LoggerFactory(
                services.GetServices<ILoggerProvider>(), services.GetRequiredService<IOptionsMonitor<LoggerFilterOptions>>(),
                services.GetRequiredService<IOptions<LoggerFactoryOptions>>()),
            services.GetRequiredService<TimeProvider>())));
        // Before the configuration (Logging:Console), which may say otherwise. A formatter that nobody names loses its options.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<ConsoleLoggerOptions>>(new ConfigureOptions<ConsoleLoggerOptions>(
            console => console.FormatterName = ConsoleFormatterNames.Simple)));
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<SimpleConsoleFormatterOptions>>(new ConfigureOptions<SimpleConsoleFormatterOptions>(lines =>
            (lines.IncludeScopes, lines.SingleLine, lines.UseUtcTimestamp, lines.TimestampFormat) = (true, true, true, "yyyy-MM-dd HH:mm:ss.fff'Z '"))));
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<JsonConsoleFormatterOptions>>(new ConfigureOptions<JsonConsoleFormatterOptions>(json =>
            (json.IncludeScopes, json.UseUtcTimestamp, json.TimestampFormat) = (true, true, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'"))));
        return builder;
    }
}
