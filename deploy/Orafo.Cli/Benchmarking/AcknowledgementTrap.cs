using System.Globalization;
using Orafo.Cli.Servers;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Orafo.Cli.Benchmarking;

/// <summary>What became of a delivery that its consumer held.</summary>
/// <param name="ReplyCode">With which the broker closed the channel.</param>
/// <param name="ReplyText">What it said.</param>
/// <param name="Held">For how long the consumer had it.</param>
/// <param name="IsRedelivered">Whether it was delivered to the next one as such.</param>
internal sealed record HeldDelivery(int ReplyCode, string ReplyText, TimeSpan Held, bool IsRedelivered);

/// <summary>RabbitMQ takes back a delivery that is not acknowledged in time (consumer_timeout), and closes the channel. This is how to walk into it.</summary>
internal static class AcknowledgementTrap
{
    private const string Queue = "the-trap";
    private const string LostPatience = "has timed out waiting for delivery acknowledgement";

    /// <summary>A broker's settings that make it impatient.</summary>
    /// <param name="timeout">It looks once a second, not once a minute as usual.</param>
    public static IReadOnlyList<string> Impatience(TimeSpan timeout) =>
        [string.Create(CultureInfo.InvariantCulture, $"{{consumer_timeout, {(long)timeout.TotalMilliseconds}}}"), "{channel_tick_interval, 1000}"];

    /// <summary>The same for a broker that runs. Channels that are open keep what they began with.</summary>
    /// <param name="directory">The broker's.</param>
    /// <param name="ports">Its ports.</param>
    /// <param name="watchdog">Ends what asks it, should this process be killed.</param>
    /// <param name="timeout">It looks once a second, not once a minute as usual.</param>
    public static Task ShortenPatienceAsync(string directory, BrokerPorts ports, Watchdog watchdog, TimeSpan timeout) => PrivateRabbitMq.ControlAsync(
        directory, ports, watchdog, "eval",
        string.Create(CultureInfo.InvariantCulture, $"application:set_env(rabbit, consumer_timeout, {(long)timeout.TotalMilliseconds}), application:set_env(rabbit, channel_tick_interval, 1000)."));

    /// <summary>How often the broker has lost patience with anybody.</summary>
    public static int Losses(string directory) => Directory.EnumerateFiles(Path.Combine(directory, "log"), "*.log")
        .SelectMany(File.ReadLines).Count(line => line.Contains(LostPatience, StringComparison.Ordinal));

    /// <summary>Consumes a message and holds its delivery, as one does who works on it for long.</summary>
    /// <param name="broker">Its address, and whose it is.</param>
    /// <param name="longest">For which it is held at most.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="TimeoutException">The broker is more patient than that.</exception>
    public static async Task<HeldDelivery> HoldAsync(Uri broker, TimeSpan longest, CancellationToken stop)
    {
        await using var connection = await new ConnectionFactory { Uri = broker, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(stop);
        await using (var publisher = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), stop))
        {
            await publisher.QueueDeclareAsync(
                Queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: stop);
            await publisher.BasicPublishAsync("", Queue, "a page"u8.ToArray(), stop);
        }

        await using var holder = await connection.CreateChannelAsync(cancellationToken: stop);
        var (closed, delivered) = (new TaskCompletionSource<ShutdownEventArgs>(), new TaskCompletionSource());
        holder.ChannelShutdownAsync += (_, reason) =>
        {
            closed.TrySetResult(reason);
            return Task.CompletedTask;
        };
        var consumer = new AsyncEventingBasicConsumer(holder);
        consumer.ReceivedAsync += (_, _) =>
        {
            delivered.TrySetResult();
            return Task.CompletedTask;
        };
        // The broker counts from when it sends, which nobody here sees.
        var since = TimeProvider.System.GetTimestamp();
        await holder.BasicConsumeAsync(Queue, autoAck: false, consumer, stop);
        await delivered.Task.WaitAsync(longest, stop);
        var reason = await closed.Task.WaitAsync(longest, stop);
        var held = TimeProvider.System.GetElapsedTime(since);

        await using var next = await connection.CreateChannelAsync(cancellationToken: stop);
        var again = new TaskCompletionSource<bool>();
        var other = new AsyncEventingBasicConsumer(next);
        other.ReceivedAsync += (_, delivery) =>
        {
            again.TrySetResult(delivery.Redelivered);
            return Task.CompletedTask;
        };
        await next.BasicConsumeAsync(Queue, autoAck: true, other, stop);
        var isRedelivered = await again.Task.WaitAsync(longest, stop);
        await next.QueueDeleteAsync(Queue, cancellationToken: stop);
        return new(reason.ReplyCode, reason.ReplyText, held, isRedelivered);
    }
}
