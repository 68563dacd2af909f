using System.Reflection;
using MassTransit;
using MassTransit.Configuration;
using MassTransit.Transports;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Orafo.Contracts;

namespace Orafo.ServiceDefaults;

/// <summary>The broker, the outbox and the retry policy, the same for every service.</summary>
public static class MessagingExtensions
{
    /// <summary>Connects the service to the broker (connection string <c>Broker</c>, an amqp URI with user, password and virtual host).</summary>
    /// <remarks><c>Inbox:DuplicateDetectionWindow</c> says for how long a consumed message is remembered, as a time span; seven days without it.</remarks>
    /// <param name="builder">The service.</param>
    /// <param name="consumers">
    /// What the service hears: its consumers and sagas, each with a definition that names its queue. Nothing else is needed for
    /// a quorum queue, an inbox, an outbox and retries: every endpoint has them.
    /// </param>
    /// <param name="outbox">What is different about its inbox and outbox.</param>
    public static WebApplicationBuilder AddMessaging<TDbContext>(
        this WebApplicationBuilder builder, Action<IBusRegistrationConfigurator> consumers, Action<IEntityFrameworkOutboxConfigurator>? outbox = null)
        where TDbContext : DbContext
    {
        var broker = new Uri(builder.RequiredConnectionString("Broker"));
        var instance = $"{builder.Environment.ApplicationName} {Environment.MachineName}-{Environment.ProcessId}";

        builder.Services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            // A service whose broker is away still takes what does not need it, so it is degraded, not unhealthy.
            bus.ConfigureHealthCheckOptions(health => health.MinimalFailureStatus = HealthStatus.Degraded);
            bus.AddEntityFrameworkOutbox<TDbContext>(configurator =>
            {
                configurator.UsePostgres().UseBusOutbox(delivery => delivery.IsRefusal = IsRefusal);
                if (builder.Configuration.GetValue<TimeSpan?>("Inbox:DuplicateDetectionWindow") is { } window)
                    configurator.DuplicateDetectionWindow = window;
                outbox?.Invoke(configurator);
            });
            bus.AddPostgresMessageScheduler<TDbContext>();
            consumers(bus);
            bus.AddConfigureEndpointsCallback((context, _, endpoint) =>
            {
                if (endpoint is IRabbitMqReceiveEndpointConfigurator queue)
                {
                    queue.SetQuorumQueue();
                    // Who consumes, in the management UI, as well as who is connected.
                    queue.OverrideConsumerTag(instance);
                }

                endpoint.ConfigureReceive(receive => receive.UseFilter(context.GetRequiredService<MessageLogFilter>()));
                endpoint.UseReliableDelivery<TDbContext>(context);
            });
            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(broker, instance, host => host.ConnectWhenItListens(context.GetRequiredService<BrokerPort>()));
                rabbit.PrefetchCount = 128;
                rabbit.MessageTopology.SetEntityNameFormatter(new MessageTypeNames(rabbit.MessageTopology.EntityNameFormatter));
                rabbit.ConfigureJsonSerializerOptions(json =>
                {
                    json.WriteIndented = false;
                    return json;
                });
                rabbit.UsePostgresMessageScheduler<TDbContext>(context);
                _ = CorrelatedByOrder.Value;
                rabbit.ConfigurePublish(publish => publish.ConnectPublishPipeSpecificationObserver(new MandatoryMessages()));
                rabbit.ConfigureEndpoints(context);
            });
        });
        builder.Services.AddSingleton<MessageLogFilter>();
        // The database need not be one of AddDatabase.
        builder.Services.TryAddSingleton<SchemaHealth<TDbContext>>();
        builder.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<BrokerPort>(services, broker));
        builder.Services.Replace(ServiceDescriptor.Singleton<IBusDepot>(services =>
            new PatientBusDepot(
                ActivatorUtilities.CreateInstance<BusDepot>(services), services.GetRequiredService<BrokerPort>(), services.GetRequiredService<SchemaHealth<TDbContext>>().WaitUntilItIsThere)));
        return builder.AddRehearsals<TDbContext>();
    }

    /// <summary>RabbitMQ's basic.nack: a queue that is full, or without a leader, takes the message later.</summary>
    private static bool IsRefusal(Exception exception) => exception.InnerException is RabbitMQ.Client.Exceptions.PublishException { IsReturn: false };

    private static readonly MethodInfo Correlate = ((Action<PropertyInfo>)Correlated<GetOrderDetails>).Method.GetGenericMethodDefinition();

    /// <summary>
    ///     The messages about an order: its id is their correlation id. MassTransit keeps that for the whole process, in lists
    ///     without a lock that grow with each call. So it is told once, by whichever bus of the process is built first.
    /// </summary>
    private static readonly Lazy<Type[]> CorrelatedByOrder = new(() =>
    {
        var messages = typeof(GetOrderDetails).Assembly.GetExportedTypes()
            .Where(message => message.GetProperty(nameof(GetOrderDetails.OrderId))?.PropertyType == typeof(Guid)).ToArray();
        foreach (var message in messages)
            Correlate.MakeGenericMethod(message).Invoke(null, [message.GetProperty(nameof(GetOrderDetails.OrderId))]);
        return messages;
    });

    private static void Correlated<T>(PropertyInfo orderId) where T : class =>
        MessageCorrelation.UseCorrelationId(orderId.GetGetMethod()!.CreateDelegate<Func<T, Guid>>());

    /// <summary>Names a message's exchange after its type, as the management UI shows it: <c>GenerateInvoice</c>.</summary>
    private sealed class MessageTypeNames(IEntityNameFormatter others) : IEntityNameFormatter
    {
        public string FormatEntityName<T>() => typeof(T).Assembly == typeof(GetOrderDetails).Assembly ? typeof(T).Name : others.FormatEntityName<T>();
    }

    /// <summary>A message that somebody must receive is returned by the broker when no queue takes it, and stays in the outbox.</summary>
    private sealed class MandatoryMessages : IPublishPipeSpecificationObserver
    {
        public void MessageSpecificationCreated<T>(IMessagePublishPipeSpecification<T> specification) where T : class
        {
            if (typeof(T).Assembly == typeof(GetOrderDetails).Assembly && !typeof(T).IsDefined(typeof(ReceiverOptionalAttribute), inherit: false))
                specification.UseExecute(context => context.Mandatory = true);
        }
    }
}
