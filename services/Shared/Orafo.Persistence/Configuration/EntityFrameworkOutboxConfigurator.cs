using System.Data;
using MassTransit.EntityFrameworkCoreIntegration;
using MassTransit.Middleware;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Update;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace MassTransit.Configuration;

internal sealed class EntityFrameworkOutboxConfigurator<TDbContext>(IBusRegistrationConfigurator services)
    : IEntityFrameworkOutboxConfigurator, IEntityFrameworkBusOutboxConfigurator
    where TDbContext : DbContext
{
    private readonly EntityFrameworkOutboxOptions<TDbContext> _options = new() { Bus = OutboxBus.Of(services) };
    private ILockStatementProvider? _lockStatements;
    private bool _cleansInbox = true;

    public IsolationLevel IsolationLevel { set => _options.IsolationLevel = value; }
    public ILockStatementProvider LockStatementProvider { set => _lockStatements = value; }
    public TimeSpan DuplicateDetectionWindow { set => _options.DuplicateDetectionWindow = value; }
    public int CrashLimit { set => _options.CrashLimit = value; }
    public TimeSpan QueryDelay { set => _options.QueryDelay = value; }
    public int QueryMessageLimit { set => _options.QueryMessageLimit = value; }
    public TimeSpan LagLimit { set => _options.LagLimit = value; }
    public TimeSpan QueryTimeout { set => _options.QueryTimeout = value; }
    public int MessageDeliveryLimit { set => _options.MessageDeliveryLimit = value; }

    public TimeSpan MessageDeliveryTimeout
    {
        get => _options.MessageDeliveryTimeout;
        set => _options.MessageDeliveryTimeout = value;
    }

    public Func<Exception, bool> IsRefusal { set => _options.IsRefusal = value; }

    public void DisableInboxCleanupService() => _cleansInbox = false;

    public void DisableDeliveryService() => _options.Delivers = false;

    public void UseBusOutbox(Action<IEntityFrameworkBusOutboxConfigurator>? configure = null)
    {
        configure?.Invoke(this);
        _options.Bus.UseOutbox<TDbContext>(services);
    }

    public void Register()
    {
        if (services.Any(service => service.ServiceType == typeof(EntityFrameworkOutboxOptions<TDbContext>)))
            throw new ConfigurationException(
                $"{typeof(TDbContext).Name} has an outbox already. An outbox belongs to one bus: whatever is in its table is sent by it.");
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(_options);
        services.AddSingleton<IHostedService, OutboxModel<TDbContext>>();
        services.AddSingleton<OutboxSignal<TDbContext>>();
        services.AddSingleton<IHostedService, OutboxNews<TDbContext>>();
        services.AddSingleton<OutageLog<TDbContext>>();
        services.AddSingleton<DatabaseGate<TDbContext>>();
        services.AddSingleton<OutboxInstruments<TDbContext>>();
        services.AddSingleton<OutboxWatch<TDbContext>>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<OutboxWatch<TDbContext>>());
        services.AddHealthChecks().AddCheck<OutboxWatch<TDbContext>>($"outbox-{typeof(TDbContext).Name}", tags: ["lag"]);
        services.AddSingleton<OutboxSignalInterceptor<TDbContext>>();
        // Before all other interceptors: while a DbContext is being saved, whatever they publish is told from what comes later.
        services.Insert(0, ServiceDescriptor.Singleton<IDbContextOptionsConfiguration<TDbContext>, OutboxInterceptors<TDbContext>>());
        services.TryAddSingleton<QueryGuard>();
        services.AddSingleton<DeliveryGroups<TDbContext>>();
        services.AddSingleton<Suspects<TDbContext>>();
        services.AddScoped<ScopedDbContext<TDbContext>>();
        services.AddScoped(scope => new SharedTransaction<TDbContext>(
            scope, scope.GetRequiredService<DeliveryGroups<TDbContext>>(), _options.Bus.Bus(scope), scope.GetRequiredService<TimeProvider>()));
        services.RemoveAll<TDbContext>();
        services.AddScoped(scope => scope.GetRequiredService<ScopedDbContext<TDbContext>>().Get());
        services.AddScoped<IOutboxContextFactory<TDbContext>, DbContextOutboxContextFactory<TDbContext>>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<OutboxSender<TDbContext>>(provider, _options.Bus.Bus(provider)));
        services.AddSingleton<OutboxHandoff<TDbContext>>();
        if (_options.Delivers)
        {
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<OutboxHandoff<TDbContext>>());
            services.AddSingleton<IHostedService>(
                provider => ActivatorUtilities.CreateInstance<OutboxRelay<TDbContext>>(provider, _options.Bus.Control(provider)));
        }

        if (_cleansInbox)
            services.AddSingleton<IHostedService>(
                provider => ActivatorUtilities.CreateInstance<InboxCleanup<TDbContext>>(provider, _options.Bus.Control(provider)));
        LockStatementNotice.Add(services, _lockStatements, typeof(TDbContext));
    }
}

/// <summary>Gives a DbContext the interceptors that its outbox needs, and writes its rows in sets.</summary>
internal sealed class OutboxInterceptors<TDbContext> : IDbContextOptionsConfiguration<TDbContext> where TDbContext : DbContext
{
    public void Configure(IServiceProvider serviceProvider, DbContextOptionsBuilder optionsBuilder) => optionsBuilder
        .AddInterceptors(serviceProvider.GetRequiredService<OutboxSignalInterceptor<TDbContext>>(), serviceProvider.GetRequiredService<QueryGuard>())
        .ReplaceService<IModificationCommandBatchFactory, SetBasedBatchFactory>();
}
