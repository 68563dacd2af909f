using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit;

/// <summary>Loads what the consumers of a message need from the database, once for all deliveries that share a transaction.</summary>
/// <remarks>
/// It runs in the transaction, before the first of the consumers; also for a delivery that is alone, so a consumer finds what it
/// needs in one place. What one consumer changes the next one does not find here, unless it is told to it through the loaded object.
/// </remarks>
/// <typeparam name="TDbContext">The endpoint's.</typeparam>
/// <typeparam name="TMessage">The type the consumers take. It has at most one prefetch.</typeparam>
/// <typeparam name="TLoaded">What is handed to each of them.</typeparam>
public interface IPrefetch<in TDbContext, in TMessage, TLoaded>
    where TDbContext : DbContext
    where TMessage : class
    where TLoaded : class
{
    /// <summary>Loads. It should change nothing: a group may lose members before their turn comes.</summary>
    /// <param name="db">Of the transaction.</param>
    /// <param name="messages">Of the deliveries that share it.</param>
    /// <param name="areNew">
    /// Most likely none of them asks again for what was done before: it need not be looked for, if a unique index keeps it from being done twice. If one
    /// does, the transaction fails, each delivery is run again by itself with <see langword="false"/>, and so is every other one within a minute.
    /// </param>
    /// <param name="cancellationToken">The first delivery's.</param>
    Task<TLoaded> Load(TDbContext db, IReadOnlyList<TMessage> messages, bool areNew, CancellationToken cancellationToken);
}

/// <summary>Registers and uses <see cref="IPrefetch{TDbContext,TMessage,TLoaded}"/>.</summary>
public static class PrefetchExtensions
{
    /// <summary>Adds a prefetch; one for the whole process.</summary>
    /// <typeparam name="TPrefetch">Implements <see cref="IPrefetch{TDbContext,TMessage,TLoaded}"/>.</typeparam>
    /// <exception cref="ConfigurationException">It does not.</exception>
    public static IServiceCollection AddPrefetch<TPrefetch>(this IServiceCollection services) where TPrefetch : class
    {
        var type = Array.Find(typeof(TPrefetch).GetInterfaces(), i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IPrefetch<,,>))
            ?? throw new ConfigurationException($"{typeof(TPrefetch).Name} is no prefetch.");
        var arguments = type.GetGenericArguments();
        services.AddSingleton(type, typeof(TPrefetch));
        services.AddSingleton(typeof(Prefetcher<,>).MakeGenericType(arguments[..2]), typeof(Prefetcher<,,>).MakeGenericType(arguments));
        return services;
    }

    /// <summary>What was loaded for the message.</summary>
    /// <exception cref="ConfigurationException">The message type has no such prefetch.</exception>
    public static TLoaded Prefetched<TLoaded>(this ConsumeContext context) where TLoaded : class =>
        context.TryGetPayload<TLoaded>(out var loaded)
            ? loaded
            : throw new ConfigurationException($"No prefetch has loaded {typeof(TLoaded).Name}: it is added by AddPrefetch and needs UseEntityFrameworkOutbox.");
}
