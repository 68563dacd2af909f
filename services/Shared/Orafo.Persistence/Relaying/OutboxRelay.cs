using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Carries committed messages from the table to the broker: claim whole transactions, send, await the confirms, delete, commit.</summary>
/// <remarks>
/// It takes what <see cref="OutboxHandoff{TDbContext}"/> did not: of other processes, put off, scheduled, or stored while nothing went through.
/// If it dies at any line, the claim is rolled back and the messages are sent again: the receiver's inbox drops the second ones.
/// A message that the broker refuses puts off its own transaction only. A broker or database that is away puts off the relay.
/// </remarks>
internal sealed class OutboxRelay<TDbContext>(
    OutboxSender<TDbContext> sender, OutboxHandoff<TDbContext> handoff, IServiceScopeFactory scopes, OutboxSignal<TDbContext> signal,
    OutboxInstruments<TDbContext> instruments, EntityFrameworkOutboxOptions<TDbContext> options, TimeProvider time, ILogger<OutboxRelay<TDbContext>> logger)
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

        var outcomes = await Task.WhenAll(claimed.GroupBy(message => message.OutboxId).Select(messages => sender.SendInOrder([.. messages], cancellationToken)));

        // The confirms are in: what comes now must not be given up because the process is asked to stop.
        await Finish(connection, transaction, outcomes, CancellationToken.None);

        if (Array.Find(outcomes, outcome => outcome.IsOutage)?.Failure is { } failure)
            throw new ConnectionException("The broker did not confirm.", failure);
        handoff.Open();
        return outcomes.Length == options.QueryMessageLimit || Array.Exists(outcomes, IsUnfinished);
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

    /// <summary>Whether the transaction may have messages left that come after confirmed ones.</summary>
    private bool IsUnfinished(SendOutcome outcome) => outcome.Failure is null ? outcome.Messages.Count == options.MessageDeliveryLimit : outcome.Confirmed > 0;

    private async Task Finish(NpgsqlConnection connection, NpgsqlTransaction transaction, SendOutcome[] outcomes, CancellationToken cancellationToken)
    {
        await using var finish = new NpgsqlBatch(connection, transaction);
        var confirmed = outcomes.SelectMany(outcome => outcome.Messages.Take(outcome.Confirmed)).ToArray();
        finish.BatchCommands.Add(new(OutboxStatements.Delete)
        {
            Parameters =
            {
                new() { Value = confirmed.Select(message => message.OutboxId).ToArray() },
                new() { Value = confirmed.Select(message => message.SequenceNumber).ToArray() },
            },
        });
        if (outcomes.Where(IsUnfinished).Select(outcome => outcome.OutboxId).ToArray() is { Length: > 0 } unfinished)
            finish.BatchCommands.Add(new(OutboxStatements.Promote) { Parameters = { new() { Value = unfinished } } });
        if (outcomes.Where(outcome => outcome.IsRefused).ToArray() is { Length: > 0 } refused)
        {
            instruments.Refused(refused.Length);
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
}
