using System.Diagnostics;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Orafo.ServiceDefaults;

/// <summary>What a service goes through once before it says that it is ready, so that its first order is as quick as its second.</summary>
public static class RehearsalExtensions
{
    /// <summary>Rehearses a message (<see cref="Rehearsal"/>) when the service starts. Nothing of it is kept.</summary>
    /// <typeparam name="TReceiver">A consumer or a saga of the service.</typeparam>
    /// <typeparam name="T">What it takes.</typeparam>
    /// <param name="builder">The service.</param>
    /// <param name="message">Is consumed.</param>
    /// <param name="prepare">Adds to the DbContext what the receiver is to find; null if it needs nothing.</param>
    public static WebApplicationBuilder AddRehearsal<TReceiver, T>(this WebApplicationBuilder builder, T message, Action<DbContext>? prepare = null)
        where TReceiver : class
        where T : class =>
        builder.AddRehearsal((services, stop) => Rehearsal.Run<TReceiver, T>(services, message, prepare, stop));

    /// <summary>Does something when the service starts that leaves nothing behind.</summary>
    public static WebApplicationBuilder AddRehearsal(this WebApplicationBuilder builder, Func<IServiceProvider, CancellationToken, Task> rehearse)
    {
        builder.Services.AddSingleton(new RehearsedStep(rehearse, NeedsBroker: false));
        return builder;
    }

    /// <summary>Rehearses what every service does: store a message, relay it, receive it.</summary>
    internal static WebApplicationBuilder AddRehearsals<TDbContext>(this WebApplicationBuilder builder) where TDbContext : DbContext
    {
        builder.Services.AddSingleton(new RehearsedStep(SendToOurselves<TDbContext>, NeedsBroker: true));
        builder.Services.AddSingleton<Rehearsals>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Rehearsals>());
        builder.Services.AddHealthChecks().AddCheck<Rehearsals>("rehearsal", tags: ["ready"]);
        return builder;
    }

    private static async Task SendToOurselves<TDbContext>(IServiceProvider services, CancellationToken stop) where TDbContext : DbContext
    {
        var heard = new TaskCompletionSource();
        var bus = services.GetRequiredService<IBusControl>();
        // The name begins like a message's exchange: the broker lets the service have queues of its own name, and these.
        var name = $"Rehearsal-{NewId.NextGuid():N}";
        var endpoint = bus.ConnectReceiveEndpoint(new TemporaryEndpointDefinition(), new FixedName(name), configurator =>
        {
            // Deleted with its last consumer (AutoDelete, which a temporary endpoint has): with an expiration it would outlive it by a minute.
            if (configurator is IRabbitMqReceiveEndpointConfigurator queue)
                queue.QueueExpiration = null;
            configurator.Handler<SentToOurselves>(_ =>
            {
                heard.TrySetResult();
                return Task.CompletedTask;
            });
        });
        try
        {
            await endpoint.Ready.WaitAsync(stop);
            await using (var scope = services.CreateAsyncScope())
            {
                var sender = await scope.ServiceProvider.GetRequiredService<ISendEndpointProvider>().GetSendEndpoint(new Uri($"exchange:{name}?temporary=true"));
                await sender.Send(new SentToOurselves(), stop);
                await scope.ServiceProvider.GetRequiredService<TDbContext>().SaveChangesAsync(stop);
            }

            await heard.Task.WaitAsync(stop);
        }
        finally
        {
            await endpoint.StopAsync(CancellationToken.None);
        }
    }

    private sealed class FixedName(string name) : DefaultEndpointNameFormatter(includeNamespace: false)
    {
        public override string TemporaryEndpoint(string tag) => name;
    }
}

/// <summary>Goes from a service through the broker back to it, once, at its start.</summary>
public sealed record SentToOurselves;

internal sealed record RehearsedStep(Func<IServiceProvider, CancellationToken, Task> Run, bool NeedsBroker);

/// <summary>
/// Ready when the steps are done, or when they took too long: a database that is away must not keep the service down.
/// Degraded as long as the broker is away and what goes through it could not be rehearsed.
/// </summary>
internal sealed class Rehearsals(
    IServiceProvider services, IBusControl bus, IEnumerable<RehearsedStep> steps, TimeProvider time, ILogger<Rehearsals> logger)
    : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private volatile Func<HealthCheckResult> _health = () => HealthCheckResult.Unhealthy("The service warms up.");

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(_health());

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Rehearse(needsBroker: false, stoppingToken);
        _health = () => HealthCheckResult.Degraded("The broker is away.");
        await bus.WaitForHealthStatus(BusHealthStatus.Healthy, stoppingToken);
        await Rehearse(needsBroker: true, stoppingToken);
        _health = () => HealthCheckResult.Healthy();
    }

    private async Task Rehearse(bool needsBroker, CancellationToken stoppingToken)
    {
        var started = time.GetTimestamp();
        // A span that nobody samples: none of it is in a trace.
        using var span = new Activity("rehearsal").Start();
        using var patience = new CancellationTokenSource(Patience, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, patience.Token);
        try
        {
            var some = steps.Where(step => step.NeedsBroker == needsBroker);
            await Task.WhenAll(some.Select(step => Task.Run(() => step.Run(services, stop.Token), stop.Token))).WaitAsync(stop.Token);
            ServiceLog.WarmedUp(logger, needsBroker ? "the way to the broker" : "the consumers", time.GetElapsedTime(started).TotalMilliseconds);
        }
        // Whatever it runs into, the service does without.
        catch (Exception e)
        {
            if (!stoppingToken.IsCancellationRequested)
                ServiceLog.NotWarmedUp(logger, e.Message);
        }
    }
}
