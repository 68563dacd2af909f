using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orafo.Contracts;

namespace Orafo.Invoicing.Tests;

/// <summary>A process that stands still within a transaction (SIGSTOP, a host that is suspended), with the series' row in its hand.</summary>
public sealed class A_frozen_instance
{
    [Test]
    public async Task Holds_up_the_others_until_the_server_ends_its_session_and_goes_on_by_itself_when_it_is_awake()
    {
        await using var other = await An_invoice.Start();
        await other.Deliver(An_invoice.Command());
        await other.Hears<InvoiceIssued>();

        var ice = new Ice();
        // What services.sql sets for the services' roles, but sooner.
        var database = new NpgsqlConnectionStringBuilder(other.Database) { Options = "-c idle_in_transaction_session_timeout=2s" }.ConnectionString;
        await using var frozen = await An_invoice.Start(services => services.ConfigureDbContext<InvoicingDb>(options => options.AddInterceptors(ice)), database: database);
        var (late, next) = (An_invoice.Command(), An_invoice.Command());
        await frozen.Deliver(late);
        await ice.IsFrozen;

        await other.Deliver(next);
        await other.Sees(db => db.Invoices.CountAsync(), count => count == 2);
        ice.Melt();
        await other.Sees(db => db.Invoices.CountAsync(), count => count == 3);
        var issued = await other.Look(db => db.Invoices.OrderBy(invoice => invoice.Sequence).Select(invoice => new { invoice.Sequence, invoice.OrderId }).ToListAsync());
        Assert.That(issued.Select(invoice => invoice.Sequence), Is.EqualTo([1, 2, 3]));
        Assert.That(issued.Skip(1).Select(invoice => invoice.OrderId), Is.EqualTo([next.OrderId, late.OrderId]));
    }

    /// <summary>Freezes the first transaction that holds a series, and whatever its process wants to read after that, until it melts.</summary>
    private sealed class Ice : DbCommandInterceptor
    {
        private readonly TaskCompletionSource _frozen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _melted = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task IsFrozen => _frozen.Task;

        public void Melt() => _melted.SetResult();

        public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            // A group that is held up is closed, and its deliveries are begun once more: not by a process that stands still.
            if (_frozen.Task.IsCompleted)
                await _melted.Task;
            return result;
        }

        public override async ValueTask<InterceptionResult> DataReaderClosingAsync(DbCommand command, DataReaderClosingEventData eventData, InterceptionResult result)
        {
            if (command.CommandText.Contains("from invoice_series", StringComparison.Ordinal) && _frozen.TrySetResult())
                await _melted.Task;
            return result;
        }
    }
}
