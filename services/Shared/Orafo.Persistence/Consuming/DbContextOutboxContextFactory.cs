using MassTransit.Configuration;
using MassTransit.Middleware;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Wraps a consumer: begin, inbox row, consumer, outbox rows, commit. The delivery is acknowledged after that.</summary>
internal sealed class DbContextOutboxContextFactory<TDbContext>(
    TDbContext db, IServiceProvider provider, TimeProvider time, EntityFrameworkOutboxOptions<TDbContext> options)
    : IOutboxContextFactory<TDbContext>
    where TDbContext : DbContext
{
    public async Task Send<T>(ConsumeContext<T> context, OutboxConsumeOptions consumeOptions, IPipe<OutboxConsumeContext<T>> next) where T : class
    {
        var messageId = context.GetOriginalMessageId()
            ?? throw new MessageException(typeof(T), "A message without an id cannot be told from its duplicates.");

        await using var transaction = await db.Database.BeginTransactionAsync(options.IsolationLevel, context.CancellationToken);
        var isDuplicate = !await EnterInbox(transaction, messageId, consumeOptions.ConsumerId, context.CancellationToken);
        if (isDuplicate)
            LogContext.Debug?.Log("Dropped a duplicate of {MessageId}", messageId);

        await next.Send(new DbContextOutboxConsumeContext<TDbContext, T>(context, consumeOptions, provider, db, transaction, time, isDuplicate));
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("entityFrameworkOutbox");

    private static async Task<bool> EnterInbox(
        IDbContextTransaction transaction, Guid messageId, Guid consumerId, CancellationToken cancellationToken)
    {
        var npgsql = (NpgsqlTransaction)transaction.GetDbTransaction();
        await using var enter = new NpgsqlCommand(InboxStatements.Enter, npgsql.Connection, npgsql)
        {
            Parameters = { new() { Value = messageId }, new() { Value = consumerId } },
        };
        return await enter.ExecuteNonQueryAsync(cancellationToken) == 1;
    }
}
