using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orafo.Postgres;

namespace Orafo.ServiceDefaults;

/// <summary>What every service of the mesh has in common, so that its Program.cs says only what is its own.</summary>
public static class ServiceDefaultsExtensions
{
    /// <summary>Health, clock, problem details, logs, metrics and traces.</summary>
    /// <remarks>Traces leave only where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says where to.</remarks>
    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddHealthChecks();
        builder.Services.AddProblemDetails();
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            // A number is a number and no text that looks like one: descriptions of the API say so, too.
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        builder.Services.AddExceptionHandler<DatabaseAwayHandler>();
        builder.Services.Configure<HostOptions>(host =>
        {
            host.ShutdownTimeout = TimeSpan.FromSeconds(20);
            host.ServicesStartConcurrently = true;
        });
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);

        return builder.AddLogs().AddMetrics().AddTelemetry();
    }

    /// <summary>The service's own database: the connection string <c>Database</c>, names in snake_case, one retry policy (see messaging), no other.</summary>
    /// <param name="builder">The service.</param>
    /// <param name="configure">What its DbContext has beside that.</param>
    public static WebApplicationBuilder AddDatabase<TDbContext>(this WebApplicationBuilder builder, Action<DbContextOptionsBuilder>? configure = null)
        where TDbContext : DbContext
    {
        var connection = new NpgsqlConnectionStringBuilder(builder.RequiredConnectionString("Database"))
        {
            // A statement that comes again is parsed and planned once per connection. Nothing here leaves a setting behind on one.
            MaxAutoPrepare = 100,
            NoResetOnClose = true,
            // A plan made while a table was empty reads all of it, and is kept until somebody analyzes the table, however large it
            // grows meanwhile. Nothing a service asks for is better read that way. So no values make another plan better, either: one is made, once.
            Options = "-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off -c plan_cache_mode=force_generic_plan",
        };
        // Named, or its metrics would be labelled with the whole connection string.
        builder.Services.AddSingleton(services => new NpgsqlDataSourceBuilder(connection.ConnectionString) { Name = connection.Database }
            .UseLoggerFactory(services.GetRequiredService<ILoggerFactory>())
            .ConfigureTracing(Telemetry.Commands)
            .Build());
        builder.Services.AddDbContextPool<TDbContext>((services, options) =>
        {
            options.UseNpgsql(services.GetRequiredService<NpgsqlDataSource>()).UseSnakeCaseNamingConvention();
            configure?.Invoke(options);
        });
        builder.Services.TryAddSingleton<SchemaHealth<TDbContext>>();
        builder.Services.AddHealthChecks().AddCheck<DatabaseHealth>("database", tags: ["ready"]).AddCheck<SchemaHealth<TDbContext>>("schema", tags: ["ready"]);
        return builder;
    }

    /// <summary>Errors are problem details (RFC 9457), those without a body too. <c>/metrics</c> answers whoever has the operators' key (<see cref="OperatorKeyExtensions.AddOperatorKey"/>).</summary>
    public static void UseServiceDefaults(this WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseMetrics();
    }

    /// <summary>
    /// <c>/health/live</c>: the process answers. <c>/health/ready</c>: its database and broker do too, and the database has all migrations. <c>/health/lag</c>: degraded while messages
    /// wait too long; that is no reason to keep a service from working, so it is not part of being ready. They are open to all.
    /// </summary>
    public static void MapDefaultEndpoints(this IEndpointRouteBuilder app)
    {
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous().DisableHttpMetrics();
        app.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains("ready") }).AllowAnonymous().DisableHttpMetrics();
        app.MapHealthChecks("/health/lag", new HealthCheckOptions { Predicate = check => check.Tags.Contains("lag") }).AllowAnonymous().DisableHttpMetrics();
    }

    /// <summary>
    ///     Runs the service; with the argument <c>migrate</c> it brings its database up to date instead, and ends; with <c>check</c> it only says whether it
    ///     could. The exit code is 1 if it must not.
    /// </summary>
    /// <param name="app">The service.</param>
    /// <param name="args">The command line.</param>
    /// <param name="prepare">What is to be done before it serves anybody.</param>
    /// <param name="objection">Why this version must not take over what is in its database, however old that is; null if it may.</param>
    /// <remarks>A role that may change the schema runs the migration; the role that runs the service may not.</remarks>
    public static async Task RunServiceAsync<TDbContext>(
        this WebApplication app, string[] args, Func<IServiceProvider, Task>? prepare = null, Func<IServiceProvider, Task<string?>>? objection = null)
        where TDbContext : DbContext
    {
        if (args is ["migrate" or "check", ..])
        {
            await using var scope = app.Services.CreateAsyncScope();
            if (objection is not null && await objection(scope.ServiceProvider) is { } why)
            {
                await Console.Error.WriteLineAsync(why);
                Environment.ExitCode = 1;
                return;
            }

            if (args[0] == "check")
                return;
            var database = scope.ServiceProvider.GetRequiredService<TDbContext>().Database;
            // A table of years may have to be rewritten; whoever waits can stop it.
            database.SetCommandTimeout(TimeSpan.Zero);
            await database.MigrateAsync();
            return;
        }

        if (prepare is not null)
            await PrepareAsync(app.Services, prepare);
        await app.RunAsync();
    }

    /// <summary>It may be started before its database, or before that is migrated.</summary>
    private static async Task PrepareAsync(IServiceProvider services, Func<IServiceProvider, Task> prepare)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var warnings = new OncePerMinute(time);
        var backoff = new Backoff(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5), time);
        while (true)
        {
            try
            {
                await prepare(services);
                return;
            }
            catch (Exception e) when (ReliableDelivery.IsInfrastructure(e) || IsUnmigrated(e))
            {
                if (warnings.IsDue())
                    ServiceLog.NotPrepared(services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ServiceDefaultsExtensions)), e.Message);
                await backoff.Wait(CancellationToken.None);
            }
        }
    }

    /// <summary>The database is not there, or is being migrated: a table may have come, and not yet all of its columns.</summary>
    private static bool IsUnmigrated(Exception e) => (e is DbUpdateException ? e.InnerException : e) is PostgresException
    {
        SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidCatalogName,
    };

    internal static string RequiredConnectionString(this WebApplicationBuilder builder, string name) =>
        builder.Configuration.GetConnectionString(name)
        ?? throw new InvalidOperationException($"No connection string '{name}'. Set ConnectionStrings__{name}, or start the mesh with ./orafo up.");
}
