using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;

namespace Orafo.ServiceDefaults;

/// <summary>The broker, the outbox and the retry policy, the same for every service.</summary>
public static class MessagingExtensions
{
    /// <summary>Connects the service to the broker (connection string <c>Broker</c>, an amqp URI with user, password and virtual host).</summary>
    /// <param name="builder">The service.</param>
    /// <param name="consumers">What the service hears: its consumers and sagas, each with its definition.</param>
    public static WebApplicationBuilder AddMessaging<TDbContext>(this WebApplicationBuilder builder, Action<IBusRegistrationConfigurator> consumers)
        where TDbContext : DbContext
    {
        return builder;
    }
}
