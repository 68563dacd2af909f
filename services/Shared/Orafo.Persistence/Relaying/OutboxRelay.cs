using System.Diagnostics;
using MassTransit.Configuration;
using MassTransit.Logging;
using MassTransit.Middleware;
using MassTransit.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Carries committed messages to the broker: claim whole transactions, send, await the confirms, delete, commit.</summary>
/// <remarks>
/// If it dies at any line, the claim is rolled back and the messages are sent again: the receiver's inbox drops the second ones.
/// A message that the broker refuses puts off its own transaction only. A broker or database that is away puts off the relay.
/// </remarks>
internal sealed class OutboxRelay<TDbContext>(
    IBusControl bus, IServiceScopeFactory scopes, OutboxSignal<TDbContext> signal, OutboxInstruments<TDbContext> instruments,
    EntityFrameworkOutboxOptions<TDbContext> options, TimeProvider time, ILogger<OutboxRelay<TDbContext>> logger)
    : BackgroundService
    where TDbContext : DbContext
{
    private readonly Backoff _backoff = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(10), time);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var isMoreWaiting = await RelayBatch(stoppingToken);
                _backoff.Reset();
                if (!isMoreWaiting)
                    await signal.Wait(options.QueryDelay, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // Nothing that a batch runs into may end the relay: the rows are still there and wait for the next attempt.
            catch (Exception e)
            {
                if (_backoff.ShouldLog())
                    logger.LogWarning(e, "The outbox of {DbContext} cannot be relayed now; its messages wait", typeof(TDbContext).Name);
                await _backoff.Wait(stoppingToken);
            }
        }
    }

    /// <returns>Whether there may be more than this batch took.</returns>
    private async Task<bool> RelayBatch(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TDbContext>().Database;
        await db.OpenConnectionAsync(cancellationToken);
        var connection = (NpgsqlConnection)db.GetDbConnection();
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

        var claimed = await Claim(connection, transaction, cancellationToken);
        if (claimed.Count == 0)
            return false;

        var outcomes = await Task.WhenAll(claimed.GroupBy(message => message.OutboxId).Select(messages => SendInOrder([.. messages], cancellationToken)));

        // The confirms are in: what comes now must not be given up because the process is asked to stop.
        await Finish(connection, transaction, outcomes, CancellationToken.None);

        if (Array.Find(outcomes, outcome => outcome.Failure is not null && !outcome.IsRefused)?.Failure is { } failure)
            throw new ConnectionException("The broker did not confirm.", failure);
        return outcomes.Length == options.QueryMessageLimit || Array.Exists(outcomes, outcome => outcome.IsUnfinished);
    }

    private async Task<List<StoredMessage>> Claim(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellationToken)
    {
        await using var claim = new NpgsqlCommand(OutboxStatements.Claim, connection, transaction)
        {
            CommandTimeout = (int)options.QueryTimeout.TotalSeconds,
            Parameters = { new() { Value = options.QueryMessageLimit }, new() { Value = options.MessageDeliveryLimit } },
        };
        await using var rows = await claim.ExecuteReaderAsync(cancellationToken);
        List<StoredMessage> messages = [];
        while (await rows.ReadAsync(cancellationToken))
            messages.Add(StoredMessage.Read(rows));
        return messages;
    }

    /// <summary>Sends the messages of one transaction, each after the confirm of the one before; stops at the first that fails.</summary>
    private async Task<Outcome> SendInOrder(StoredMessage[] messages, CancellationToken cancellationToken)
    {
        var confirmed = new List<long>(messages.Length);
        try
        {
            foreach (var message in messages)
            {
                var started = time.GetTimestamp();
                await Send(message, cancellationToken);
                instruments.Published(time.GetElapsedTime(started));
                confirmed.Add(message.SequenceNumber);
            }

            return new Outcome(messages[0].OutboxId, confirmed, IsUnfinished: messages.Length == options.MessageDeliveryLimit);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            var outcome = new Outcome(messages[0].OutboxId, confirmed, IsUnfinished: confirmed.Count > 0, e);
            if (outcome.IsRefused)
                instruments.Refused();
            return outcome;
        }
    }

    private async Task Send(StoredMessage message, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.MessageDeliveryTimeout);
        var activity = LogContext.Current?.StartOutboxDeliverActivity(message);
        try
        {
            var endpoint = await bus.GetSendEndpoint(message.DestinationAddress).WaitAsync(timeout.Token);
            await endpoint.Send(new SerializedMessageBody(), new OutboxMessageSendPipe(message, message.DestinationAddress), timeout.Token);
        }
        finally
        {
            activity?.Stop();
        }
    }

    private static async Task Finish(
        NpgsqlConnection connection, NpgsqlTransaction transaction, Outcome[] outcomes, CancellationToken cancellationToken)
    {
        await using var finish = new NpgsqlBatch(connection, transaction);
        finish.BatchCommands.Add(new(OutboxStatements.Delete)
        {
            Parameters = { new() { Value = outcomes.SelectMany(outcome => outcome.Confirmed).ToArray() } },
        });
        if (outcomes.Where(outcome => outcome.IsUnfinished).Select(outcome => outcome.OutboxId).ToArray() is { Length: > 0 } unfinished)
            finish.BatchCommands.Add(new(OutboxStatements.Promote) { Parameters = { new() { Value = unfinished } } });
        if (outcomes.Where(outcome => outcome.IsRefused).ToArray() is { Length: > 0 } refused)
        {
            finish.BatchCommands.Add(new(OutboxStatements.PutOff)
            {
                Parameters =
                {
                    new() { Value = refused.Select(outcome => outcome.OutboxId).ToArray() },
                    new() { Value = refused.Select(outcome => outcome.Failure!.GetType().Name + ": " + outcome.Failure.Message).ToArray() },
                },
            });
        }

        finish.BatchCommands.Add(new("commit"));
        await finish.ExecuteNonQueryAsync(cancellationToken);
    }

    private sealed record Outcome(Guid OutboxId, List<long> Confirmed, bool IsUnfinished, Exception? Failure = null)
    {
        /// <summary>The broker (or the serializer) said no to this very message: returned as unroutable, not to be read …</summary>
        /// <remarks>Connection faults and time-outs say nothing about the message, so they do not count as its attempts.</remarks>
        public bool IsRefused => Failure is MassTransitException and not ConnectionException;
    }
}
