using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.Contracts;

namespace Orafo.Invoicing.Tests;

/// <summary>What the database refuses to whoever asks, the service included.</summary>
public sealed class A_series
{
    [TestCase("update invoice_series set last = last - 1")]
    [TestCase("update invoice_series set last = last")]
    [TestCase("update invoice_series set head = sha256('')")]
    [TestCase("update invoice_series set name = '2025'")]
    [TestCase("delete from invoice_series")]
    [TestCase("truncate invoice_series")]
    [TestCase("update invoice_series set last = last + 1", Description = "a number without a document")]
    [TestCase("insert into invoice_series values ('2020', 1, sha256(''))", Description = "a series that begins with numbers of no documents")]
    [TestCase("with i as (insert into invoices select series || '-000009', series, 9, gen_random_uuid(), issue_date, issued_at, customer_number, buyer, lines, totals, currency, gross, seller, sha256('') from invoices limit 1) update invoice_series set last = 9, head = sha256('')", Description = "a gap")]
    [TestCase("with i as (insert into invoices select series || '-000003', series, 3, gen_random_uuid(), issue_date, issued_at, customer_number, buyer, lines, totals, currency, gross, seller, sha256('') from invoices limit 1) update invoice_series set last = 3", Description = "a head that is not the last document's")]
    public async Task Is_never_anything_but_prolonged_by_what_was_issued(string attempt)
    {
        await using var service = await An_invoice.Start();
        await service.Deliver(An_invoice.Command());
        await service.Deliver(An_invoice.Command());
        await service.Sees(db => db.Invoices.CountAsync(), count => count == 2);
        Assert.That(() => service.Look(db => db.Database.ExecuteSqlRawAsync(attempt)),
            Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo("23001"));
        await service.Deliver(An_invoice.Command());
        Assert.That((await service.Hears<InvoiceIssued>(3)).Select(issued => issued.InvoiceNumber[^6..]), Is.EquivalentTo(["000001", "000002", "000003"]));
    }

    /// <remarks>As its role (deploy/postgres/services.sql), which may write rows and nothing else.</remarks>
    [TestCase("alter table invoices disable trigger all")]
    [TestCase("set local session_replication_role = replica")]
    [TestCase("drop trigger series_grow on invoice_series")]
    [TestCase("create or replace function refuse_change() returns trigger language plpgsql as 'begin return new; end'")]
    [TestCase("truncate withheld_invoices")]
    public async Task Is_guarded_against_the_service_which_may_hold_it(string attempt)
    {
        await using var service = await An_invoice.Start();
        await using var connection = new NpgsqlConnection(service.Database);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var role = $"service_{Guid.CreateVersion7():n}";
        await Execute($"create role {role}; grant select, insert, update, delete on all tables in schema public to {role}; set local role {role}");
        await Execute(InvoiceStatements.HoldAllSeries);
        Assert.That(() => Execute(attempt), Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo(PostgresErrorCodes.InsufficientPrivilege));

        async Task Execute(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection, transaction);
            await command.ExecuteNonQueryAsync();
        }
    }
}
