using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Notifying;
using Orafo.Ordering.Saga;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.Ordering.Tests;

/// <summary>The saga and who watches it, on a real database.</summary>
internal static class OrderingService
{
    private static readonly Type[] Said =
    [
        typeof(GetOrderDetails), typeof(GenerateInvoice), typeof(HandOverOrder), typeof(RecallHandOver), typeof(CreditInvoice), typeof(OrderCompleted),
        typeof(OrderCancelled), typeof(OrderRejected),
    ];

    public static Task<ConsumerHarness<OrderingDb>> Start(StepOptions steps, Action<CallbackOptions>? callbacks = null) =>
        ConsumerHarness<OrderingDb>.StartAsync(Bus, Services(steps, callbacks), options => options.UseJobQueues(), Said);

    /// <summary>One more instance.</summary>
    public static Task<ConsumerHarness<OrderingDb>> Start(string database, StepOptions steps, Action<CallbackOptions>? callbacks = null) =>
        ConsumerHarness<OrderingDb>.StartAsync(database, Bus, Services(steps, callbacks), options => options.UseJobQueues(), Said);

    /// <summary>As the intake stores them.</summary>
    public static Task Store(this ConsumerHarness<OrderingDb> service, params IEnumerable<Order> orders) => service.Look(db =>
    {
        db.AddRange(orders.SelectMany(order => new object[] { order, OrderSaga.Begin(order) }));
        return db.SaveChangesAsync();
    });

    private static void Bus(IBusRegistrationConfigurator bus) => bus.AddSagaStateMachine<OrderStateMachine, OrderSaga, OrderSagaDefinition>()
        .EntityFrameworkRepository(saga => saga.ExistingDbContext<OrderingDb>());

    private static Action<IServiceCollection> Services(StepOptions steps, Action<CallbackOptions>? callbacks) => services =>
    {
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        services.AddNotifying();
        services.Configure<CallbackOptions>(options => callbacks?.Invoke(options));
        services.AddSingleton(Options.Create(steps));
        services.AddSingleton<OrderWatch>();
        services.AddHostedService<OverdueSteps>();
    };
}
