using System.Collections.Concurrent;
using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Counts how often messages that come again are begun, so that none kills its process for ever.</summary>
/// <remarks>
/// A process that is killed gives back everything it had, so nearly all that comes again is innocent. What comes for the first time since
/// is counted and run at once, side by side: a crash makes suspects of all of it. Suspects are run one at a time in the process, each
/// counted right before its turn: a crash that one of them causes counts against that one only.
/// </remarks>
internal sealed class Suspects<TDbContext>(IServiceScopeFactory scopes, EntityFrameworkOutboxOptions<TDbContext> options, TimeProvider time) : IDisposable
    where TDbContext : DbContext
{
    /// <summary>Whoever takes longer does not keep the others waiting.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Runs a delivery that came again.</summary>
    /// <param name="delivery">Of one message.</param>
    /// <param name="counted">What is known of it since it came.</param>
    /// <param name="run">Its transaction.</param>
    /// <exception cref="CrashLimitException">It was begun too often; now it was not.</exception>
    public async Task Run(Delivery<TDbContext> delivery, AttemptCount counted, Func<Task> run)
    {
        // Tried again after an error, it has not come again.
        if (!counted.IsKnown && !(counted.IsSuspect = !await CountFirst(delivery)))
            counted.Attempts = 1;
        delivery.IsCounted = true;
        if (!counted.IsSuspect)
        {
            await run();
            return;
        }

        await _turn.WaitAsync(delivery.CancellationToken);
        Task running;
        try
        {
            if (!counted.IsKnown)
                counted.Attempts = await CountAgain(delivery);
            if (counted.Attempts > options.CrashLimit)
            {
                // Whoever brings it back means to try it again.
                await Execute(InboxStatements.ForgetAttempts, delivery, forget => forget.ExecuteNonQueryAsync(delivery.CancellationToken));
                throw new CrashLimitException(delivery.MessageIds[0], options.CrashLimit);
            }

            running = run();
            await ((Task)running.WaitAsync(LongestTurn, time)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            _turn.Release();
        }

        await running;
    }

    /// <summary>Its attempts no longer count.</summary>
    public static NpgsqlBatchCommand Forget(Delivery<TDbContext> delivery) => new(InboxStatements.ForgetAttempts)
    {
        Parameters = { new() { Value = delivery.MessageIds[0] }, new() { Value = delivery.Consumer.Id } },
    };

    public void Dispose() => _turn.Dispose();

    private async Task<bool> CountFirst(Delivery<TDbContext> delivery) =>
        await Execute(InboxStatements.CountFirstAttempt, delivery, command => command.ExecuteNonQueryAsync(delivery.CancellationToken)) == 1;

    private async Task<int> CountAgain(Delivery<TDbContext> delivery) =>
        await Execute(InboxStatements.CountAttempt, delivery, command => command.ExecuteScalarAsync(delivery.CancellationToken)) as int? ?? 0;

    private async Task<T> Execute<T>(string statement, Delivery<TDbContext> delivery, Func<NpgsqlCommand, Task<T>> execute)
    {
        await using var scope = scopes.CreateAsyncScope();
        await using var opened = await OpenedConnection.Open(scope.ServiceProvider.GetRequiredService<TDbContext>(), delivery.CancellationToken);
        await using var command = new NpgsqlCommand(statement, opened.Connection)
        {
            Parameters = { new() { Value = delivery.MessageIds[0] }, new() { Value = delivery.Consumer.Id } },
        };
        return await execute(command);
    }
}

/// <summary>What is known of the attempts at a message, while it is tried again and again in this process: a payload of its receive context.</summary>
internal sealed class AttemptCount
{
    /// <summary>Of one consumer; an endpoint may have several.</summary>
    public static AttemptCount Of(ReceiveContext context, Guid consumerId) =>
        context.GetOrAddPayload(static () => new ConcurrentDictionary<Guid, AttemptCount>()).GetOrAdd(consumerId, static _ => new AttemptCount());

    public bool IsKnown => Attempts is not null;

    /// <summary>Those that began since it first came again, this one among them; null before they are counted.</summary>
    public int? Attempts { get; set; }

    /// <summary>It was begun before, and did not end.</summary>
    public bool IsSuspect { get; set; }
}
