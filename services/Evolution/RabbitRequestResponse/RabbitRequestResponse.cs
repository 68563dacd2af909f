using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Orafo.Evolution;

/// <summary>Step 5. Request and response over the broker: a reply queue, a correlation id, and a client who waits again.</summary>
/// <remarks>
/// Whoever asks learns how it went, as in step 2, and the printer's side can be scaled and restarted by itself. But the reply is for one process, and in
/// its memory: if it dies, or the reply is lost, or comes later than anybody waits, the page is out and the order is not. Nothing is stored.
/// The reply queue has a name that the broker gave it, as in the broker's own tutorial: when the connection was cut and comes back, so does the queue, under another
/// name, and whoever is asked answers to the old one. From then on each page comes out and each client waits in vain, until this process is started again.
/// </remarks>
internal static class RabbitRequestResponse
{
    private const string Requests = "print-requests";
    private const ushort Hands = 2;

    public static async Task<WebApplication> Build(WebApplicationBuilder builder)
    {
        var factory = new ConnectionFactory { Uri = new(builder.Configuration.GetConnectionString("Broker")!) };
        var broker = await factory.CreateConnectionAsync("rabbit-request-response");
        var app = builder.Build();
        var shop = app.Services.GetRequiredService<Shop>();

        var channel = await broker.CreateChannelAsync();
        await channel.QueueDeclareAsync(Requests, durable: true, exclusive: false, autoDelete: false);
        await Answer(broker, shop);

        ConcurrentDictionary<string, TaskCompletionSource<string>> asked = [];
        var replies = await channel.QueueDeclareAsync(queue: "", durable: false, exclusive: true, autoDelete: true);
        var listener = new AsyncEventingBasicConsumer(channel);
        listener.ReceivedAsync += (_, reply) =>
        {
            if (asked.TryRemove(reply.BasicProperties.CorrelationId ?? "", out var waiting))
                waiting.TrySetResult(Encoding.UTF8.GetString(reply.Body.Span));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(replies.QueueName, autoAck: true, listener);

        app.MapPost("/order", async (Order order, TimeProvider time) =>
        {
            await shop.Details();
            var correlationId = Guid.CreateVersion7().ToString();
            var reply = asked[correlationId] = new(TaskCreationOptions.RunContinuationsAsynchronously);
            try
            {
                await channel.BasicPublishAsync(
                    exchange: "", Requests, mandatory: false,
                    new BasicProperties { Persistent = true, CorrelationId = correlationId, ReplyTo = replies.QueueName }, JsonSerializer.SerializeToUtf8Bytes(order));
                var outcome = await reply.Task.WaitAsync(shop.Scaled(60), time);
                return outcome == "printed" ? Results.Ok(order) : Results.Problem(outcome, statusCode: StatusCodes.Status502BadGateway);
            }
            catch (TimeoutException)
            {
                return Results.Problem("No reply.", statusCode: StatusCodes.Status504GatewayTimeout);
            }
            finally
            {
                asked.TryRemove(correlationId, out TaskCompletionSource<string>? _);
            }
        });
        app.MapGet("/left", async () =>
        {
            await using var looking = await broker.CreateChannelAsync();
            return await looking.MessageCountAsync(Requests);
        });
        return app;
    }

    /// <summary>The other side: prints what is asked for, says how it went, and acknowledges.</summary>
    private static async Task Answer(IConnection broker, Shop shop)
    {
        var channel = await broker.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: false, publisherConfirmationTrackingEnabled: false, consumerDispatchConcurrency: Hands));
        await channel.BasicQosAsync(prefetchSize: 0, prefetchCount: Hands, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, request) =>
        {
            var outcome = "printed";
            try
            {
                await shop.Print(JsonSerializer.Deserialize<Order>(request.Body.Span)!);
                await shop.HandOver();
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                outcome = e.Message;
            }

            // Whoever asked may be gone: then this goes nowhere.
            await channel.BasicPublishAsync(
                exchange: "", request.BasicProperties.ReplyTo!, mandatory: false,
                new BasicProperties { CorrelationId = request.BasicProperties.CorrelationId }, Encoding.UTF8.GetBytes(outcome));
            await channel.BasicAckAsync(request.DeliveryTag, multiple: false);
        };
        await channel.BasicConsumeAsync(Requests, autoAck: false, consumer);
    }
}
