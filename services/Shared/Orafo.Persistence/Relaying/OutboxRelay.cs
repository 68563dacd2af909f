using System.Diagnostics;
using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orafo.Postgres;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Carries committed messages from the table to the broker: claim whole transactions, send, await the confirms, delete, commit.</summary>
/// <remarks>
/// It takes what <see cref="OutboxHandoff{TDbContext}"/> did not: of other processes, put off, scheduled, or stored while nothing went through.
/// If it dies at any line, the claim is rolled back and the messages are sent again: the receiver's inbox drops the second ones.
/// A message that the broker refuses puts off its own transaction only. A broker or database that is away puts off the relay.
/// What was refused before has a loop of its own: nobody else waits for its time-outs.
/// </remarks>
internal sealed class OutboxRelay<TDbContext>(
    IBusControl bus, OutboxSender<TDbContext> sender, OutboxHandoff<TDbContext> handoff, IServiceScopeFactory scopes, OutboxSignal<TDbContext> signal,
    OutboxInstruments<TDbContext> instruments, EntityFrameworkOutboxOptions<TDbContext> options, OutageLog<TDbContext> log, TimeProvider time,
    ILogger<OutboxRelay<TDbContext>> logger)
    : BackgroundService
    where TDbContext : DbContext
{
    /// <summary>How many messages of a batch are tried by themselves. The others are put off: there is no hurry.</summary>
    private const int MostAlone = 10;

    /// <summary>How long the queues of a bus that starts are waited for. One that cannot be declared keeps back nothing for ever.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>How long what is due again is left to other processes first: the broker may say no to a channel, not to a message.</summary>
    private static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(1);

    private readonly OncePerMinute _failures = new(time);

    private long _lookedAt = Stopwatch.GetTimestamp();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await WaitForBus(stoppingToken);
        handoff.Open();
        await Task.WhenAll(
            Relay(OutboxStatements.Claim, OutboxStatements.NextDue, () => TimeSpan.Zero, Wait, stoppingToken),
            Relay(OutboxStatements.ClaimRefused, OutboxStatements.NextRefusedDue, () => handoff.IsRefused ? Courtesy : TimeSpan.Zero, WaitForRefused, stoppingToken));
    }

    /// <remarks>
    /// A bus that has not started sends all the same; where its queues were never declared, the broker would confirm and forget. It starts in real
    /// time, whatever the clock says.
    /// </remarks>
    private async Task WaitForBus(CancellationToken stoppingToken)
    {
        var since = Stopwatch.GetTimestamp();
        while (!stoppingToken.IsCancellationRequested && bus.CheckHealth().Status != BusHealthStatus.Healthy)
        {
            if (Stopwatch.GetElapsedTime(since) > Patience)
            {
                if (await sender.Probe(stoppingToken))
                    return;
                since = Stopwatch.GetTimestamp();
            }

            await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <param name="claim">What is taken.</param>
    /// <param name="nextDue">When there is more.</param>
    /// <param name="courtesy">How long what is due is left to others.</param>
    /// <param name="wait">Until there is more, or somebody says so.</param>
    /// <param name="stoppingToken">Ends it.</param>
    private async Task Relay(
        string claim, string nextDue, Func<TimeSpan> courtesy, Func<TimeSpan?, CancellationToken, Task> wait, CancellationToken stoppingToken)
    {
        var backoff = new Backoff(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(10), time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var untilDue = await RelayBatch(claim, nextDue, courtesy(), stoppingToken);
                backoff.Reset();
                await wait(untilDue, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // Nothing that a batch runs into may end the relay: the rows are still there and wait for the next attempt.
            catch (Exception e)
            {
                log.Say(e, "the outbox cannot be relayed now; its messages wait");
                await backoff.Wait(stoppingToken);
            }
        }
    }

    /// <summary>Until something may be claimed. The safety net is here: it looks all the same, for both loops, whether it is told of something or not.</summary>
    private async Task Wait(TimeSpan? untilDue, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Asked once: a wait for less than nothing would have no end.
            var sinceLook = Stopwatch.GetElapsedTime(_lookedAt);
            if (sinceLook >= options.QueryDelay)
            {
                untilDue = await Look(cancellationToken);
                (_lookedAt, sinceLook) = (Stopwatch.GetTimestamp(), TimeSpan.Zero);
            }

            if (untilDue <= TimeSpan.Zero)
                return;
            var untilLook = options.QueryDelay - sinceLook;
            if (await signal.Wait(Shorter(untilDue, untilLook), cancellationToken) || untilDue <= untilLook)
                return;
        }
    }

    private async Task WaitForRefused(TimeSpan? untilDue, CancellationToken cancellationToken)
    {
        if (untilDue is null || untilDue > TimeSpan.Zero)
            await signal.WaitForRefused(untilDue ?? Timeout.InfiniteTimeSpan, cancellationToken);
    }

    private static TimeSpan Shorter(TimeSpan? one, TimeSpan other) => one < other ? one.Value : other;

    /// <summary>One statement, no transaction: nearly always there is nothing. What another process put off is due here too: it may go through here.</summary>
    /// <returns>Until something is due that was never refused; not positive if something is.</returns>
    private async Task<TimeSpan?> Look(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        await using var opened = await OpenedConnection.Open(scope.ServiceProvider.GetRequiredService<TDbContext>(), cancellationToken);
        await using var look = new NpgsqlCommand(OutboxStatements.Look, opened.Connection);
        await using var row = await look.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        if (row.GetFieldValue<TimeSpan?>(1) < options.QueryDelay)
            signal.RaiseRefused();
        return row.GetFieldValue<TimeSpan?>(0);
    }

    /// <returns>Until something is due that was not when it claimed; zero if there may be more than it took, null if nothing is.</returns>
    private async Task<TimeSpan?> RelayBatch(string claim, string nextDue, TimeSpan courtesy, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        await using var opened = await OpenedConnection.Open(scope.ServiceProvider.GetRequiredService<TDbContext>(), cancellationToken);
        var connection = opened.Connection;
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

        var claimed = await Claim(claim, courtesy, connection, transaction, cancellationToken);
        if (claimed.Count == 0)
        {
            await using var look = new NpgsqlCommand(nextDue, connection, transaction) { Parameters = { new() { Value = courtesy } } };
            return await look.ExecuteScalarAsync(cancellationToken) as TimeSpan?;
        }

        using var span = SharedSpan.OfRelay(claimed);
        var outcomes = await Task.WhenAll(claimed.GroupBy(message => message.OutboxId).Select(messages => Send([.. messages], cancellationToken)));
        await Judge(outcomes, cancellationToken);

        // The confirms are in: what comes now must not be given up because the process is asked to stop.
        var untilDue = await Finish(connection, transaction, outcomes, nextDue, courtesy, CancellationToken.None);
        // Left as it is where all went well with what was never refused: that says nothing of what was.
        if (Array.Exists(outcomes, outcome => outcome.Verdict != SendVerdict.Confirmed))
            handoff.IsRefused = true;
        else if (claim == OutboxStatements.ClaimRefused)
            handoff.IsRefused = false;

        if (Array.Find(outcomes, outcome => outcome.Verdict == SendVerdict.Unclear) is { } unclear)
            throw new ConnectionException("The broker did not confirm.", unclear.Failure!);
        handoff.Open();
        return outcomes.Length == options.QueryMessageLimit || Array.Exists(outcomes, IsUnfinished) ? TimeSpan.Zero : untilDue;
    }

    /// <summary>Sends what nothing speaks against; what failed before is left to be tried by itself.</summary>
    private Task<SendOutcome> Send(StoredMessage[] messages, CancellationToken cancellationToken) =>
        messages[0].Failures == 0 ? sender.SendInOrder(messages, cancellationToken) : Task.FromResult(new SendOutcome(messages, 0, SendVerdict.Unclear));

    /// <summary>Finds out whose fault it is that messages failed; in an outage, they stay unclear.</summary>
    /// <remarks>
    /// A message can close the channel, even the connection (AMQP 0-9-1, 1.2: errors are exceptions), and whatever was sent
    /// beside it fails too. So each is sent again by itself. If it fails again while the broker confirms a probe, it is at fault.
    /// </remarks>
    private async Task Judge(SendOutcome[] outcomes, CancellationToken cancellationToken)
    {
        var alone = 0;
        for (var i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i].Verdict != SendVerdict.Unclear)
                continue;
            if (!await sender.Probe(cancellationToken))
                return;
            if (outcomes[i].IsUnanswered || ++alone > MostAlone)
                outcomes[i] = outcomes[i] with { Verdict = SendVerdict.Refused };
            else
                outcomes[i] = await SendAlone(outcomes[i], cancellationToken);
        }
    }

    private async Task<SendOutcome> SendAlone(SendOutcome outcome, CancellationToken cancellationToken)
    {
        var again = await sender.SendInOrder([.. outcome.Messages.Skip(outcome.Confirmed)], cancellationToken);
        if (again.Verdict == SendVerdict.Unclear && await sender.Probe(cancellationToken))
            again = again with { Verdict = again.IsUnanswered ? SendVerdict.Refused : SendVerdict.Failed };
        return again with { Messages = outcome.Messages, Confirmed = outcome.Confirmed + again.Confirmed };
    }

    private async Task<List<StoredMessage>> Claim(
        string statement, TimeSpan courtesy, NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellationToken)
    {
        await using var claim = new NpgsqlCommand(statement, connection, transaction)
        {
            CommandTimeout = (int)options.QueryTimeout.TotalSeconds,
            Parameters = { new() { Value = options.QueryMessageLimit }, new() { Value = options.MessageDeliveryLimit }, new() { Value = courtesy } },
        };
        await using var rows = await claim.ExecuteReaderAsync(cancellationToken);
        List<StoredMessage> messages = [];
        while (await rows.ReadAsync(cancellationToken))
            messages.Add(StoredMessage.Read(rows));
        return messages;
    }

    /// <summary>Whether the transaction may have messages left that come after confirmed ones.</summary>
    private bool IsUnfinished(SendOutcome outcome) => outcome.Verdict == SendVerdict.Confirmed ? outcome.Messages.Count == options.MessageDeliveryLimit : outcome.Confirmed > 0;

    /// <returns>Until something is due that was not when the batch was claimed; null if nothing is.</returns>
    private async Task<TimeSpan?> Finish(
        NpgsqlConnection connection, NpgsqlTransaction transaction, SendOutcome[] outcomes, string nextDue, TimeSpan courtesy, CancellationToken cancellationToken)
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
        var refused = Array.FindAll(outcomes, outcome => outcome.Verdict is SendVerdict.Refused or SendVerdict.Failed);
        if (refused.Length > 0)
        {
            instruments.Refused(refused.Length);
            finish.BatchCommands.Add(SendOutcome.PutOff(refused));
            if (Array.Find(refused, outcome => outcome.Verdict == SendVerdict.Failed) is { } failed && _failures.IsDue())
                PersistenceLog.CannotBeSent(logger, failed.Failure, typeof(TDbContext).Name, failed.OutboxId, failed.Messages[failed.Confirmed].MessageType);
        }

        finish.BatchCommands.Add(new(nextDue) { Parameters = { new() { Value = courtesy } } });
        finish.BatchCommands.Add(new("commit"));
        await using var rows = await finish.ExecuteReaderAsync(cancellationToken);
        TimeSpan? untilDue = await rows.ReadAsync(cancellationToken) ? rows.GetFieldValue<TimeSpan>(0) : null;
        // The commit, and its error, come last.
        while (await rows.NextResultAsync(cancellationToken))
        {
        }

        if (refused.Length > 0)
            signal.RaiseRefused();
        return untilDue;
    }
}
