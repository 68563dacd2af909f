using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.Invoicing.Tests;

public sealed class A_credit_note
{
    [Test]
    public async Task Names_its_invoice_and_the_reason_and_has_a_number_of_its_own_series()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));
        await using var service = await An_invoice.Start(services => services.AddSingleton<TimeProvider>(time));
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Hears<InvoiceIssued>();
        // Credited in the next year.
        time.SetUtcNow(new DateTimeOffset(2027, 1, 2, 12, 0, 0, TimeSpan.Zero));
        await service.Deliver(Credit(command));

        Assert.That((await service.Hears<InvoiceCredited>()).Single(),
            Is.EqualTo(new InvoiceCredited { OrderId = command.OrderId, InvoiceNumber = "2026-000001", CreditNoteNumber = "C2027-000001" }));
        var note = await service.Look(db => db.CreditNotes.SingleAsync());
        Assert.That((note.InvoiceNumber, note.Reason, note.Currency, note.Gross, note.IssueDate),
            Is.EqualTo(("2026-000001", "Cancelled.", "EUR", 12.20m, new DateOnly(2027, 1, 2))));
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
    }

    [Test]
    public async Task Is_never_dated_before_its_invoice()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2027, 1, 1, 12, 0, 0, TimeSpan.Zero));
        await using var service = await An_invoice.Start(services => services.AddSingleton<TimeProvider>(time));
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Hears<InvoiceIssued>();
        // Another instance, whose clock is a day behind.
        var late = new FakeTimeProvider(new DateTimeOffset(2026, 12, 31, 12, 0, 0, TimeSpan.Zero));
        await using var behind = await An_invoice.Start(services => services.AddSingleton<TimeProvider>(late), database: service.Database);
        await behind.Deliver(Credit(command));
        await service.Sees(db => db.CreditNotes.CountAsync(), count => count == 1);
        var note = await service.Look(db => db.CreditNotes.SingleAsync());
        Assert.That((note.Number, note.IssuedAt), Is.EqualTo(("C2027-000001", time.GetUtcNow())));
    }

    [Test]
    public async Task Is_issued_once_for_an_order_however_often_it_is_asked_for()
    {
        await using var service = await An_invoice.Start();
        var commands = Enumerable.Range(0, 50).Select(_ => An_invoice.Command()).ToArray();
        await Task.WhenAll(commands.Select(command => service.Deliver(command)));
        await service.Sees(db => db.Invoices.CountAsync(), count => count == commands.Length);
        // At once, and once more later.
        await Task.WhenAll(commands.SelectMany(command => Enumerable.Repeat(command, 3)).Select(command => service.Deliver(Credit(command))));
        await service.Hears<InvoiceCredited>(3 * commands.Length);
        await service.Deliver(Credit(commands[0]));
        var answers = await service.Hears<InvoiceCredited>(3 * commands.Length + 1);

        Assert.That(answers.Distinct().Select(answer => answer.OrderId), Is.EquivalentTo(commands.Select(command => command.OrderId)), "each time the same answer");
        Assert.That(await service.Look(db => db.CreditNotes.OrderBy(note => note.Sequence).Select(note => note.Sequence).ToListAsync()), Is.EqualTo(Enumerable.Range(1, commands.Length)));
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
    }

    [Test]
    public async Task Is_not_needed_for_an_order_that_then_never_gets_an_invoice()
    {
        await using var service = await An_invoice.Start();
        var command = An_invoice.Command();
        for (var i = 1; i <= 3; i++)
        {
            await service.Deliver(Credit(command));
            await service.Hears<InvoiceCredited>(i);
        }

        await service.Deliver(command);
        var other = An_invoice.Command();
        await service.Deliver(other);
        Assert.That((await service.Hears<InvoiceIssued>()).Select(issued => issued.OrderId), Is.EqualTo([other.OrderId]));
        await service.Sees(Consumed, consumed => consumed == 3 + 2 + 3);
        Assert.That((await service.Hears<InvoiceCredited>(3)).Distinct(), Is.EqualTo([new InvoiceCredited { OrderId = command.OrderId }]));
        Assert.That(await service.Look(db => db.Invoices.Select(invoice => invoice.OrderId).ToListAsync()), Is.EqualTo([other.OrderId]));
        Assert.That(await service.Look(db => db.Set<JobRow>(PrintInvoice.Queue).CountAsync()), Is.EqualTo(1));
    }

    /// <remarks>Both commands of each order at the same time, in two instances, so that neither finds the other in its own process.</remarks>
    [Test]
    public async Task Leaves_each_order_with_both_documents_or_with_none_when_it_races_the_invoice()
    {
        const int leastRounds = 30;
        const int mostRounds = 300;
        const int ordersOfRound = 10;
        await using var service = await An_invoice.Start();
        await using var other = await An_invoice.Start(database: service.Database);
        List<GenerateInvoice> commands = [];
        Dictionary<Guid, string> invoiced = [];
        // Until it came out both ways.
        for (var round = 1; round <= mostRounds && (round <= leastRounds || invoiced.Count == 0 || invoiced.Count == commands.Count); round++)
        {
            var orders = Enumerable.Range(0, ordersOfRound).Select(_ => An_invoice.Command()).ToArray();
            commands.AddRange(orders);
            Task[] both = [Task.Run(() => Deliver(service, orders)), Task.Run(() => Deliver(other, orders.Select(Credit)))];
            await Task.WhenAll(both);
            await service.Sees(Consumed, consumed => consumed == 3 * commands.Count);
            invoiced = await service.Look(db => db.Invoices.ToDictionaryAsync(invoice => invoice.OrderId, invoice => invoice.Number));
        }

        var credited = await service.Look(db => db.CreditNotes.ToDictionaryAsync(note => note.OrderId, note => note.Number));
        var withheld = await service.Look(db => db.WithheldInvoices.Select(order => order.OrderId).ToListAsync());
        TestContext.Out.WriteLine($"{invoiced.Count} invoiced and credited, {withheld.Count} withheld");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(credited.Keys, Is.EquivalentTo(invoiced.Keys));
            Assert.That(invoiced.Keys.Concat(withheld), Is.EquivalentTo(commands.Select(command => command.OrderId)), "one or the other");
            Assert.That(invoiced, Has.Count.InRange(1, commands.Count - 1), "otherwise there was no race");
            foreach (var answer in (await Heard(service, other)).Distinct())
                Assert.That((answer.InvoiceNumber, answer.CreditNoteNumber), Is.EqualTo((invoiced.GetValueOrDefault(answer.OrderId), credited.GetValueOrDefault(answer.OrderId))));
        }

        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
        Assert.That(await service.Look(db => db.Database.SqlQueryRaw<long>("""select deadlocks as "Value" from pg_stat_database where datname = current_database()""").SingleAsync()), Is.Zero);
    }

    [TestCase("update credit_notes set reason = ''")]
    [TestCase("delete from credit_notes")]
    [TestCase("truncate credit_notes cascade")]
    public async Task Is_never_changed_or_deleted_by_anybody(string attempt)
    {
        await using var service = await An_invoice.Start();
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Hears<InvoiceIssued>();
        await service.Deliver(Credit(command));
        await service.Hears<InvoiceCredited>();
        Assert.That(() => service.Look(db => db.Database.ExecuteSqlRawAsync(attempt)),
            Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo("23001"));
    }

    internal static CreditInvoice Credit(GenerateInvoice command) => new() { OrderId = command.OrderId, Reason = "Cancelled." };

    private static async Task Deliver<T>(ConsumerHarness<InvoicingDb> service, IEnumerable<T> messages) where T : class
    {
        foreach (var message in messages)
            await service.Deliver(message);
    }

    /// <summary>How many commands took effect, and how many answers to credits were heard. That an invoice was issued is heard, too.</summary>
    private static Task<int> Consumed(InvoicingDb db) =>
        db.Database.SqlQueryRaw<int>("""select (select count(*) from inbox_state)::int - (select count(*) from invoices)::int as "Value" """).SingleAsync();

    private static async Task<IReadOnlyList<InvoiceCredited>> Heard(params ConsumerHarness<InvoicingDb>[] services) =>
        [.. (await Task.WhenAll(services.Select(service => service.Hears<InvoiceCredited>(0)))).SelectMany(heard => heard)];
}
