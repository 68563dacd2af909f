using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;

namespace Orafo.Invoicing.Tests;

/// <summary>Of an order that wants none: delivered electronically.</summary>
public sealed class An_invoice_without_paper
{
    private const string Refuse =
        """
        create sequence refusals;
        create function refuse() returns trigger language plpgsql as $$ begin perform nextval('refusals'); raise exception 'Not now.'; end $$;
        create trigger refuse before insert on invoice_deliveries for each row execute function refuse();
        """;

    [Test]
    public async Task Is_delivered_and_said_to_be_by_the_transaction_that_issues_it()
    {
        await using var service = await An_invoice.Start();
        var command = Command();
        await service.Deliver(command);
        var generated = (await service.Hears<InvoiceGenerated>()).Single();

        var delivery = await service.Look(db => db.Deliveries.SingleAsync());
        Assert.That((delivery.OrderId, delivery.InvoiceNumber, delivery.Medium, delivery.Printer, delivery.DeliveredAt),
            Is.EqualTo((command.OrderId, generated.InvoiceNumber, InvoiceMedium.Electronic, (string?)null, generated.GeneratedAt)));
        var transactions = await service.Look(db => db.Database.SqlQuery<string>(
            $"select xmin::text as \"Value\" from invoices union select xmin::text from invoice_deliveries").ToListAsync());
        Assert.That(transactions, Has.Count.EqualTo(1), "one commit");
        Assert.That(await service.Look(Jobs), Is.Zero);
        Assert.That(await service.Hears<InvoiceIssued>(0), Is.Empty, "it waits for nothing");
    }

    [Test]
    public async Task Is_answered_the_same_when_the_step_is_repeated()
    {
        await using var service = await An_invoice.Start();
        var command = Command();
        for (var i = 1; i <= 3; i++)
        {
            await service.Deliver(command);
            await service.Hears<InvoiceGenerated>(i);
        }

        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => service.Deliver(command)));
        Assert.That((await service.Hears<InvoiceGenerated>(13)).Distinct(), Has.Exactly(1).Items);
        Assert.That(await service.Hears<InvoiceIssued>(0), Is.Empty);
        Assert.That(await service.Look(async db => (await db.Invoices.CountAsync(), await db.Deliveries.CountAsync(), await Jobs(db))), Is.EqualTo((1, 1, 0)));
    }

    [Test]
    public async Task Is_issued_among_others_that_are_printed_by_several_instances()
    {
        await using var service = await An_invoice.Start();
        await using var other = await An_invoice.Start(database: service.Database);
        string?[] wanted = [null, InvoiceMedium.Paper, InvoiceMedium.Electronic];
        var commands = Enumerable.Range(0, 90).Select(i => An_invoice.Command() with { Delivery = wanted[i % wanted.Length] }).ToArray();
        await Task.WhenAll(commands.SelectMany(command => new[] { service.Deliver(command), other.Deliver(command) }));

        var withoutPaper = commands.Where(command => command.Delivery == InvoiceMedium.Electronic).Select(command => command.OrderId).ToArray();
        await service.Sees(db => db.Invoices.CountAsync(), count => count == commands.Length);
        Assert.That(await service.Look(db => db.Deliveries.Select(delivery => delivery.OrderId).ToListAsync()), Is.EquivalentTo(withoutPaper));
        Assert.That(
            await service.Look(db => db.Database.SqlQuery<Guid>($"select id as \"Value\" from print_job").ToListAsync()),
            Is.EquivalentTo(commands.Select(command => command.OrderId).Except(withoutPaper)));
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
    }

    /// <remarks>Where a process that dies stands, too: between the two rows.</remarks>
    [Test]
    public async Task Is_not_issued_if_it_cannot_be_delivered_and_takes_no_number()
    {
        await using var service = await An_invoice.Start();
        await service.Look(db => db.Database.ExecuteSqlRawAsync(Refuse));
        await service.Deliver(Command());
        await service.Sees(db => db.Database.SqlQuery<long>($"select last_value as \"Value\" from refusals").SingleAsync(), refusals => refusals >= 2);
        // Whoever is issued after it has been tried has the first number.
        var next = An_invoice.Command();
        await service.Deliver(next);
        Assert.That((await service.Hears<InvoiceIssued>()).Single().InvoiceNumber, Does.EndWith("-000001"));
        await service.Look(db => db.Database.ExecuteSqlRawAsync("drop trigger refuse on invoice_deliveries"));
        var later = Command();
        await service.Deliver(later);
        await service.Sees(db => db.Deliveries.CountAsync(delivery => delivery.OrderId == later.OrderId), count => count == 1);
        var waiting = await service.Look(db => db.Invoices.Where(invoice => !db.Deliveries.Any(delivery => delivery.InvoiceNumber == invoice.Number))
            .Select(invoice => invoice.OrderId).ToListAsync());
        Assert.That(waiting, Is.EqualTo([next.OrderId]));
    }

    [Test]
    public async Task Is_not_issued_if_it_is_wanted_in_a_way_that_there_is_not()
    {
        await using var service = await An_invoice.Start();
        await service.Deliver(An_invoice.Command() with { Delivery = "by-pigeon" });
        var command = Command();
        await service.Deliver(command);
        await service.Hears<InvoiceGenerated>();
        Assert.That(await service.Look(db => db.Invoices.Select(invoice => invoice.OrderId).ToListAsync()), Is.EqualTo([command.OrderId]));
    }

    [Test]
    public async Task Is_credited_like_any_other()
    {
        await using var service = await An_invoice.Start();
        var command = Command();
        await service.Deliver(command);
        await service.Hears<InvoiceGenerated>();
        await service.Deliver(A_credit_note.Credit(command));
        Assert.That((await service.Hears<InvoiceCredited>()).Single().InvoiceNumber, Does.EndWith("-000001"));
        Assert.That(await service.Look(db => db.Deliveries.CountAsync()), Is.EqualTo(1), "it got out");
    }

    private static GenerateInvoice Command() => An_invoice.Command() with { Delivery = InvoiceMedium.Electronic };

    private static Task<int> Jobs(InvoicingDb db) => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from print_job").SingleAsync();
}
