using System.Data;
using MassTransit.DependencyInjection;
using MassTransit.EntityFrameworkCoreIntegration;
using MassTransit.Middleware;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Update;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace MassTransit.Configuration;

internal sealed class EntityFrameworkOutboxConfigurator<TDbContext>(IServiceCollection services)
    : IEntityFrameworkOutboxConfigurator, IEntityFrameworkBusOutboxConfigurator
    where TDbContext : DbContext
{
    private readonly EntityFrameworkOutboxOptions<TDbContext> _options = new();
    private bool _cleansInbox = true;

    public IsolationLevel IsolationLevel { set => _options.IsolationLevel = value; }
    public TimeSpan DuplicateDetectionWindow { set => _options.DuplicateDetectionWindow = value; }
    public int CrashLimit { set => _options.CrashLimit = value; }
    public TimeSpan QueryDelay { set => _options.QueryDelay = value; }
    public int QueryMessageLimit { set => _options.QueryMessageLimit = value; }
    public TimeSpan LagLimit { set => _options.LagLimit = value; }
    public TimeSpan QueryTimeout { set => _options.QueryTimeout = value; }
    public int MessageDeliveryLimit { set => _options.MessageDeliveryLimit = value; }
    public TimeSpan MessageDeliveryTimeout { set => _options.MessageDeliveryTimeout = value; }

    public void DisableInboxCleanupService() => _cleansInbox = false;

    public void DisableDeliveryService() => _options.Delivers = false;

    public void UseBusOutbox(Action<IEntityFrameworkBusOutboxConfigurator>? configure = null)
    {
        configure?.Invoke(this);
        services.Replace(ServiceDescriptor.Scoped<IScopedBusContextProvider<IBus>, DbContextScopedBusContextProvider<IBus, TDbContext>>());
    }

    public void Register()
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(_options);
        services.AddSingleton<OutboxSignal<TDbContext>>();
        services.AddSingleton<OutboxInstruments<TDbContext>>();
        services.AddSingleton<OutboxWatch<TDbContext>>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<OutboxWatch<TDbContext>>());
        services.AddHealthChecks().AddCheck<OutboxWatch<TDbContext>>($"outbox-{typeof(TDbContext).Name}", tags: ["lag"]);
        services.AddSingleton<OutboxSignalInterceptor<TDbContext>>();
        services.ConfigureDbContext<TDbContext>((provider, options) =>
            options.AddInterceptors(provider.GetRequiredService<OutboxSignalInterceptor<TDbContext>>(), provider.GetRequiredService<QueryGuard>())
                .ReplaceService<IModificationCommandBatchFactory, SetBasedBatchFactory>());
        services.TryAddSingleton<QueryGuard>();
        services.AddSingleton<DeliveryGroups<TDbContext>>();
        services.AddSingleton<Suspects<TDbContext>>();
        services.AddScoped<ScopedDbContext<TDbContext>>();
        services.AddScoped(scope => new SharedTransaction<TDbContext>(
            scope, scope.GetRequiredService<DeliveryGroups<TDbContext>>(), scope.GetRequiredService<IBus>(), scope.GetRequiredService<TimeProvider>()));
        services.RemoveAll<TDbContext>();
        services.AddScoped(scope => scope.GetRequiredService<ScopedDbContext<TDbContext>>().Get());
        services.AddScoped<IOutboxContextFactory<TDbContext>, DbContextOutboxContextFactory<TDbContext>>();
        services.AddSingleton<OutboxSender<TDbContext>>();
        services.AddSingleton<OutboxHandoff<TDbContext>>();
        if (_options.Delivers)
        {
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<OutboxHandoff<TDbContext>>());
            services.AddSingleton<IHostedService, OutboxRelay<TDbContext>>();
        }

        if (_cleansInbox)
            services.AddSingleton<IHostedService, InboxCleanup<TDbContext>>();
    }
}
