using System.Collections.Concurrent;
using System.Diagnostics;
using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Orafo.Postgres;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Sends messages straight from the transaction that stored them: nobody claims, reads and locks what is in memory anyway.</summary>
/// <remarks>
/// Their rows have a lease: no relay takes them before it is over. Once confirmed, they are deleted by the next transaction of this process
/// that stores something, or after a moment. If the process dies, or the broker refuses, the relay claims them like any other:
/// nothing depends on what is in memory.
/// </remarks>
internal sealed class OutboxHandoff<TDbContext>(
    OutboxSender<TDbContext> sender, IServiceScopeFactory scopes, OutboxSignal<TDbContext> signal, EntityFrameworkOutboxOptions<TDbContext> options,
    TimeProvider time, OutageLog<TDbContext> log)
    : BackgroundService
    where TDbContext : DbContext
{
    /// <summary>How long a row is left to the process that wrote it.</summary>
    private static readonly TimeSpan LongestLease = TimeSpan.FromSeconds(10);

    /// <summary>How long confirmed messages wait for a transaction that deletes them.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(100);

    /// <summary>Bodies in memory; what is published beyond it waits in the table.</summary>
    private const int MostBytes = 8 * 1024 * 1024;

    private const int MostDeletions = 1000;

    private readonly ConcurrentQueue<Sent> _confirmed = [];
    private readonly ConcurrentQueue<SendOutcome> _failed = [];
    private readonly SemaphoreSlim _wake = new(0);
    private readonly CancellationTokenSource _stopping = new();
    private int _isWoken;
    private int _bytes;
    private volatile bool _isOpen;
    private volatile bool _isRefused;

    /// <summary>Whether the broker has refused something, or not answered, and has since not taken all that it was asked again.</summary>
    public bool IsRefused
    {
        get => _isRefused;
        set => _isRefused = value;
    }

    /// <summary>Messages get through, for the first time or again.</summary>
    public void Open() => _isOpen = options.Delivers;

    /// <summary>The time to <see cref="Take"/> the messages of a transaction that is about to commit; null if it is left to the relay.</summary>
    public SendLease? TryLease(IReadOnlyCollection<OutboxMessage> messages)
    {
        if (!_isOpen || _stopping.IsCancellationRequested || Volatile.Read(ref _bytes) > MostBytes)
            return null;
        if (messages.Count > options.MessageDeliveryLimit && messages.CountBy(message => message.OutboxId).Any(of => of.Value > options.MessageDeliveryLimit))
            return null;
        return new SendLease(LongestLease, time.GetTimestamp());
    }

    /// <summary>Whether the relay has to be told of messages: without a lease they are its own, and what is scheduled may be due before it looks by itself.</summary>
    public bool IsForRelay(IReadOnlyCollection<OutboxMessage> messages, SendLease? lease)
    {
        if (lease is null)
            return messages.Count > 0;
        var next = time.GetUtcNow().UtcDateTime + options.QueryDelay;
        return messages.Any(message => message.IsScheduled && message.Due < next);
    }

    /// <summary>Sends what was stored with a lease and is committed.</summary>
    public void Take(IReadOnlyList<OutboxMessage> messages, SendLease lease)
    {
        var now = messages.Where(message => !message.IsScheduled);
        if (messages.Count == 1 || messages[0].OutboxId == messages[^1].OutboxId)
            _ = Send([.. now], lease);
        else
        {
            foreach (var transaction in now.GroupBy(message => message.OutboxId))
                _ = Send([.. transaction], lease);
        }
    }

    /// <summary>Transactions whose messages were confirmed, to be deleted by whoever asks, or put back.</summary>
    public List<Sent> TakeConfirmed()
    {
        List<Sent> taken = [];
        while (taken.Count < MostDeletions && _confirmed.TryDequeue(out var sent))
        {
            // With half the lease left nobody else has locked them. What is too late is sent again by the relay, and deleted then.
            if (time.GetElapsedTime(sent.Lease.Since) < sent.Lease.Duration / 2)
                taken.Add(sent);
        }

        return taken;
    }

    /// <summary>They were not deleted.</summary>
    public void PutBack(List<Sent> confirmed)
    {
        if (confirmed.Count == 0)
            return;
        foreach (var sent in confirmed)
            _confirmed.Enqueue(sent);
        Wake();
    }

    /// <summary>Deletes the messages of confirmed transactions.</summary>
    public static NpgsqlBatchCommand Delete(List<Sent> confirmed) =>
        new(OutboxStatements.DeleteTransactions) { Parameters = { new NpgsqlParameter<Guid[]> { TypedValue = [.. confirmed.Select(sent => sent.OutboxId)] } } };

    /// <summary>From here on messages are left to other relays: nobody would delete here what is confirmed.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        // A host that fails to start is disposed of without being stopped; the container disposes of this twice.
        if (!_stopping.IsCancellationRequested)
            _stopping.Cancel();
        base.Dispose();
        _wake.Dispose();
        _stopping.Dispose();
    }

    /// <summary>Deletes what no other transaction did, and gives back what could not be sent.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var backoff = new Backoff(Gathering, LongestLease / 2, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            await ((Task)_wake.WaitAsync(stoppingToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Volatile.Write(ref _isWoken, 0);
            await Task.Delay(Gathering, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await Sweep();
                backoff.Reset();
            }
            // The rows are still there, and due when their lease is over.
            catch (Exception e)
            {
                log.Say(e, "messages that left the outbox cannot be deleted now; they may be sent again");
                await backoff.Wait(stoppingToken);
                Wake();
            }
        }
    }

    private async Task Send(OutboxMessage[] messages, SendLease lease)
    {
        if (messages.Length == 0)
            return;
        // It is no part of what stored them.
        Activity.Current = null;
        var bytes = messages.Sum(message => message.InMemory!.Body.Length);
        Interlocked.Add(ref _bytes, bytes);
        try
        {
            var outcome = await sender.SendInOrder(Array.ConvertAll(messages, StoredMessage.Of), _stopping.Token);
            if (outcome.Verdict == SendVerdict.Unclear)
                outcome = await Judge(outcome);
            if (outcome.Verdict == SendVerdict.Confirmed)
                _confirmed.Enqueue(new Sent(outcome.OutboxId, lease));
            else
                _failed.Enqueue(outcome);
            Wake();
        }
        // The process stops, or the message cannot be read: the relay meets it when the lease is over.
        catch (Exception e)
        {
            LogContext.Debug?.Log("A message is left to the relay: {Error}", e.Message);
        }
        finally
        {
            Interlocked.Add(ref _bytes, -bytes);
        }
    }

    /// <summary>Nothing is handed off before something gets through again. What failed beside others is left for the relay to find out.</summary>
    private async Task<SendOutcome> Judge(SendOutcome outcome)
    {
        _isOpen = false;
        if (!await sender.Probe(_stopping.Token))
            return outcome;
        Open();
        return outcome.IsUnanswered ? outcome with { Verdict = SendVerdict.Refused } : outcome;
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _isWoken, 1) == 0)
            _wake.Release();
    }

    private async Task Sweep()
    {
        List<SendOutcome> failed = [];
        while (_failed.TryDequeue(out var outcome))
            failed.Add(outcome);
        if (failed.Count > 0)
        {
            await Execute(
                new(OutboxStatements.GiveBack) { Parameters = { new() { Value = failed.Select(outcome => outcome.OutboxId).ToArray() } } },
                SendOutcome.PutOff([.. failed.Where(outcome => outcome.Verdict == SendVerdict.Refused)]));
            if (failed.Exists(outcome => outcome.Verdict != SendVerdict.Refused))
                signal.Raise();
            IsRefused = true;
            signal.RaiseRefused();
        }

        while (TakeConfirmed() is { Count: > 0 } confirmed)
        {
            try
            {
                await Execute(Delete(confirmed));
            }
            catch
            {
                PutBack(confirmed);
                throw;
            }
        }
    }

    private async Task Execute(params NpgsqlBatchCommand[] commands)
    {
        await using var scope = scopes.CreateAsyncScope();
        await using var opened = await OpenedConnection.Open(scope.ServiceProvider.GetRequiredService<TDbContext>(), CancellationToken.None);
        await using var batch = new NpgsqlBatch(opened.Connection);
        foreach (var command in commands)
            batch.BatchCommands.Add(command);
        await batch.ExecuteNonQueryAsync(CancellationToken.None);
    }
}

/// <summary>Until when rows are left to the process that wrote them.</summary>
/// <param name="Duration">From a moment after <paramref name="Since"/>, by the database's clock.</param>
/// <param name="Since">A timestamp of <see cref="TimeProvider"/> from before they were written.</param>
internal sealed record SendLease(TimeSpan Duration, long Since);

/// <summary>A transaction whose messages the broker has confirmed.</summary>
internal readonly record struct Sent(Guid OutboxId, SendLease Lease);
