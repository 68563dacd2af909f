using MassTransit.Context;
using MassTransit.Serialization;
using MassTransit.Transports;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Runs a message through its consumer or saga, the writing to the database included, and rolls it all back.</summary>
/// <remarks>
/// For a process that has just started: what is compiled and built once is not paid for by the first message. Only code in
/// this process can ask for it (it is a payload of the receive context, not a header), and nothing reaches the broker.
/// </remarks>
public sealed class Rehearsal
{
    private Rehearsal(Action<DbContext>? prepare) => Prepare = prepare;

    /// <summary>Adds to the DbContext what the receiver is to find.</summary>
    internal Action<DbContext>? Prepare { get; }

    /// <summary>Rehearses one message.</summary>
    /// <typeparam name="TReceiver">A consumer or a saga that is registered in the bus.</typeparam>
    /// <typeparam name="T">What it takes.</typeparam>
    /// <param name="services">The process's.</param>
    /// <param name="message">Is consumed.</param>
    /// <param name="prepare">Adds to the DbContext what the receiver is to find, a saga above all; null if it needs nothing.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="MessageException">It does not take it.</exception>
    public static async Task Run<TReceiver, T>(IServiceProvider services, T message, Action<DbContext>? prepare, CancellationToken cancellationToken)
        where TReceiver : class
        where T : class
    {
        var endpoint = new ReceiveEndpointDispatcher<TReceiver>(services.GetRequiredService<IReceiveEndpointDispatcherFactory>());
        var envelope = new MessageSendContext<T>(message) { MessageId = NewId.NextGuid(), ConversationId = NewId.NextGuid() };
        var body = new SystemTextJsonMessageSerializer().GetMessageBody(envelope).GetBytes();
        await endpoint.Dispatch(body, new Dictionary<string, object>(StringComparer.Ordinal), cancellationToken, new Rehearsal(prepare));
    }
}
