using System.Text.Json;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Orafo.Evolution;

/// <summary>Step 4. A broker between the handler and the printer: no polling, one consumer for each message, and dead letters.</summary>
/// <remarks>
/// The row is committed and the message published, and nothing joins the two: whoever dies in between, or publishes what the broker loses without
/// anybody waiting for its confirm, has taken an order that is never printed. <c>Evolution:OnFailure</c> says what becomes of a page that failed:
/// <c>requeue</c> delivers it again at once, round and round, as fast as the machine can; <c>reject</c> puts it among the dead letters, where nobody
/// looks. <c>Evolution:Prefetch</c> is how much the broker sends ahead; 0 is all there is, in this process's memory. A delivery that is not answered
/// within the broker's <c>consumer_timeout</c> is taken back with the channel, while its page is being printed: nothing is consumed any more, or, with
/// <c>Evolution:Reopen</c>, the same pages are printed on and on.
/// </remarks>
internal static class AsyncRabbitPrinter
{
    private const string Queue = "print";
    private const string DeadLetters = "print-dead";
    private const ushort Hands = 2;

    public static async Task<WebApplication> Build(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(NpgsqlDataSource.Create(builder.Configuration.GetConnectionString("Database")!));
        var factory = new ConnectionFactory { Uri = new(builder.Configuration.GetConnectionString("Broker")!) };
        var broker = await factory.CreateConnectionAsync("async-rabbit-printer");
        var app = builder.Build();

        var database = app.Services.GetRequiredService<NpgsqlDataSource>();
        await using (var create = database.CreateCommand("create table if not exists details (number text primary key)"))
            await create.ExecuteNonQueryAsync();

        // Durable, and the messages persistent: what the broker has, it keeps. What it has not, nobody knows.
        var publishing = await broker.CreateChannelAsync();
        await publishing.QueueDeclareAsync(DeadLetters, durable: true, exclusive: false, autoDelete: false);
        await publishing.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?>
        {
            ["x-dead-letter-exchange"] = "",
            ["x-dead-letter-routing-key"] = DeadLetters,
        });
        await Consume(broker, app.Services.GetRequiredService<Shop>(), builder.Configuration);

        app.MapPost("/order", async (Order order, Shop shop) =>
        {
            await shop.Details();
            await using var insert = database.CreateCommand("insert into details (number) values ($1)");
            insert.Parameters.AddWithValue(order.Number);
            await insert.ExecuteNonQueryAsync();
            // Here is the gap.
            await publishing.BasicPublishAsync(
                exchange: "", Queue, mandatory: false, new BasicProperties { Persistent = true }, JsonSerializer.SerializeToUtf8Bytes(order));
            return TypedResults.Accepted((string?)null, order);
        });
        app.MapGet("/left", async () =>
        {
            await using var looking = await broker.CreateChannelAsync();
            return await looking.MessageCountAsync(Queue) + await looking.MessageCountAsync(DeadLetters);
        });
        return app;
    }

    private static async Task Consume(IConnection broker, Shop shop, ConfigurationManager configuration)
    {
        var isRequeued = configuration["Evolution:OnFailure"] != "reject";
        var channel = await broker.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: false, publisherConfirmationTrackingEnabled: false, consumerDispatchConcurrency: Hands));
        await channel.BasicQosAsync(prefetchSize: 0, configuration.GetValue<ushort>("Evolution:Prefetch"), global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            var order = JsonSerializer.Deserialize<Order>(delivery.Body.Span)!;
            try
            {
                await shop.Print(order);
                await shop.HandOver();
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                if (isRequeued)
                    await channel.BasicNackAsync(delivery.DeliveryTag, multiple: false, requeue: true);
                else
                    await channel.BasicRejectAsync(delivery.DeliveryTag, requeue: false);
                return;
            }

            await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
        };
        channel.ChannelShutdownAsync += (_, reason) =>
        {
            // Whoever tells us so waits for us to have heard it, and would not hear the broker meanwhile.
            if (reason.ReplyCode == Constants.PreconditionFailed && configuration.GetValue<bool>("Evolution:Reopen"))
                _ = Task.Run(() => Consume(broker, shop, configuration));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(Queue, autoAck: false, consumer);
    }
}
