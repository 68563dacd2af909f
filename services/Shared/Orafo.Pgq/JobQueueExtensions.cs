using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orafo.Pgq;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers queues and those who do their jobs.</summary>
public static class JobQueueExtensions
{
    /// <summary>The queue of that name, as a singleton <see cref="JobQueue{TPayload}"/>. One queue for each type of payload.</summary>
    /// <param name="services">Has an <see cref="NpgsqlDataSource"/>, unless the options name one.</param>
    /// <param name="name">Of its table; see <see cref="JobQueueSchema"/>.</param>
    /// <param name="configure">How jobs are published.</param>
    /// <exception cref="ArgumentException">That is no name of a queue.</exception>
    public static IServiceCollection AddJobQueue<TPayload>(this IServiceCollection services, string name, Action<JobQueueOptions>? configure = null)
    {
        QueueStatements.Checked(name);
        var options = new JobQueueOptions();
        configure?.Invoke(options);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<PgqInstruments>();
        services.AddSingleton(provider => new JobQueue<TPayload>(
            name, options, options.DataSource ?? provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<PgqInstruments>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IHostedService, JobQueueNews<TPayload>>();
        return services;
    }

    /// <summary>Has this process do jobs of the queue with that payload.</summary>
    /// <exception cref="InvalidOperationException">The options make no sense.</exception>
    public static IServiceCollection AddJobHandler<TPayload, THandler>(this IServiceCollection services, Action<JobWorkerOptions>? configure = null)
        where THandler : class, IJobHandler<TPayload>
    {
        var options = Options(configure);
        return services.AddJobHandler<TPayload, THandler>(_ => options);
    }

    /// <summary>The same with options that other services know. If they make no sense, the host does not start.</summary>
    public static IServiceCollection AddJobHandler<TPayload, THandler>(this IServiceCollection services, Action<IServiceProvider, JobWorkerOptions> configure)
        where THandler : class, IJobHandler<TPayload> =>
        services.AddJobHandler<TPayload, THandler>(provider => Options(options => configure(provider, options)));

    private static IServiceCollection AddJobHandler<TPayload, THandler>(this IServiceCollection services, Func<IServiceProvider, JobWorkerOptions> options)
        where THandler : class, IJobHandler<TPayload>
    {
        services.TryAddScoped<THandler>();
        services.AddSingleton<IHostedService>(provider => new JobWorker<TPayload, THandler>(
            provider.GetRequiredService<JobQueue<TPayload>>(), options(provider), provider.GetRequiredService<IServiceScopeFactory>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<JobWorker<TPayload, THandler>>>()));
        services.AddSingleton<IHostedService>(provider => new JobQueueWatch<TPayload>(
            provider.GetRequiredService<JobQueue<TPayload>>(), options(provider).KeepHistory, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<JobQueueWatch<TPayload>>>()));
        return services;
    }

    private static JobWorkerOptions Options(Action<JobWorkerOptions>? configure)
    {
        var options = new JobWorkerOptions();
        configure?.Invoke(options);
        options.Check();
        return options;
    }
}
