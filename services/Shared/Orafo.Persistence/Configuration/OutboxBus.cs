using MassTransit.DependencyInjection;
using MassTransit.EntityFrameworkCoreIntegration;
using MassTransit.Transports;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace MassTransit.Configuration;

/// <summary>The bus that an outbox belongs to: the one of the process, or one of several (<c>AddMassTransit&lt;TBus&gt;</c>).</summary>
internal abstract class OutboxBus
{
    /// <summary>What publishes and sends.</summary>
    public abstract IBus Bus(IServiceProvider services);

    /// <summary>What knows whether the broker is there.</summary>
    public abstract IBusControl Control(IServiceProvider services);

    /// <summary>Whether a scope is a consumer's of this bus, and which message it consumes.</summary>
    public abstract IScopedConsumeContextProvider Consuming(IServiceProvider scope);

    /// <summary>What a scope publishes and sends with.</summary>
    public abstract ScopedBusContext Context(IServiceProvider scope);

    /// <summary>Makes that the DbContext's outbox.</summary>
    public abstract void UseOutbox<TDbContext>(IServiceCollection services) where TDbContext : DbContext;

    /// <summary>Registers what is made in a scope of the bus: as it is for the process's bus, bound to it for another.</summary>
    public abstract void TryAddScoped<T>(IServiceCollection services, Func<IServiceProvider, T> create) where T : class;

    /// <summary>The bus that is being configured.</summary>
    public static OutboxBus Of(IBusRegistrationConfigurator configurator)
    {
        var typed = Array.Find(
            configurator.GetType().GetInterfaces(), i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IBusRegistrationConfigurator<>));
        return typed is null
            ? new OutboxBus<IBus>()
            : (OutboxBus)Activator.CreateInstance(typeof(OutboxBus<>).MakeGenericType(typed.GenericTypeArguments))!;
    }
}

internal sealed class OutboxBus<TBus> : OutboxBus where TBus : class, IBus
{
    public override IBus Bus(IServiceProvider services) => services.GetRequiredService<TBus>();

    public override IBusControl Control(IServiceProvider services) =>
        typeof(TBus) == typeof(IBus) ? services.GetRequiredService<IBusControl>() : services.GetRequiredService<IBusInstance<TBus>>().BusControl;

    public override IScopedConsumeContextProvider Consuming(IServiceProvider scope) =>
        scope.GetRequiredService<Bind<TBus, IScopedConsumeContextProvider>>().Value;

    public override ScopedBusContext Context(IServiceProvider scope) => scope.GetRequiredService<IScopedBusContextProvider<TBus>>().Context;

    public override void UseOutbox<TDbContext>(IServiceCollection services) =>
        services.Replace(ServiceDescriptor.Scoped<IScopedBusContextProvider<TBus>, DbContextScopedBusContextProvider<TBus, TDbContext>>());

    public override void TryAddScoped<T>(IServiceCollection services, Func<IServiceProvider, T> create)
    {
        if (typeof(TBus) == typeof(IBus))
            services.TryAddScoped(create);
        else
            services.TryAddScoped(scope => Bind<TBus>.Create(create(scope)));
    }
}
