using System.Net;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.Invoicing.Tests;

/// <summary>Nobody prints what is credited, if it can be helped.</summary>
public sealed class A_print_of_a_credited_invoice
{
    [Test]
    public async Task Is_cancelled_by_the_transaction_that_credits_it_and_never_comes_back()
    {
        await using var service = await An_invoice.Start();
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Hears<InvoiceIssued>();
        await service.Deliver(A_credit_note.Credit(command));
        await service.Hears<InvoiceCredited>();
        Assert.That(await service.Look(Jobs), Is.EqualTo((0, new[] { JobStates.Cancelled })));

        // The step once more, late, and whoever comes after it.
        await service.Deliver(command);
        await service.Sees(db => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from inbox_state").SingleAsync(), consumed => consumed >= 5);
        await service.Deliver(A_credit_note.Credit(command));
        Assert.That((await service.Hears<InvoiceCredited>(2)).Distinct(), Has.Exactly(1).Items, "each time the same answer");
        Assert.That(await service.Look(Jobs), Is.EqualTo((0, new[] { JobStates.Cancelled })));
        Assert.That((await service.Hears<InvoiceIssued>(0)).Count, Is.EqualTo(1), "whoever had it credited waits for nothing");
    }

    [Test]
    public async Task Stays_in_line_if_the_credit_note_is_not_issued()
    {
        await using var service = await An_invoice.Start();
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Hears<InvoiceIssued>();
        await service.Look(db => db.Database.ExecuteSqlRawAsync(
            """
            create sequence refusals;
            create function refuse() returns trigger language plpgsql as $$ begin perform nextval('refusals'); raise exception 'Not now.'; end $$;
            create trigger refuse before insert on credit_notes for each row execute function refuse();
            """));
        await service.Deliver(A_credit_note.Credit(command));
        await service.Sees(db => db.Database.SqlQuery<long>($"select last_value as \"Value\" from refusals").SingleAsync(), refusals => refusals >= 3);
        Assert.That(await service.Look(Jobs), Is.EqualTo((1, Array.Empty<string>())));
        await service.Look(db => db.Database.ExecuteSqlRawAsync("drop trigger refuse on credit_notes"));
        await service.Deliver(A_credit_note.Credit(command));
        await service.Hears<InvoiceCredited>();
        Assert.That(await service.Look(Jobs), Is.EqualTo((0, new[] { JobStates.Cancelled })));
    }

    /// <remarks>With many attempts left it waits for the next one; with one it is parked.</remarks>
    [TestCase(1000, JobStates.Scheduled), TestCase(1, JobStates.Parked)]
    public async Task Is_not_tried_again(int attempts, string state)
    {
        var printer = new A_print_job.Printer { Answer = HttpStatusCode.ServiceUnavailable, RetryAfter = new(TimeSpan.FromHours(1)) };
        await using var service = await A_print_job.Start(printer, attempts: attempts);
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Sees(State, seen => seen == state);
        await service.Deliver(A_credit_note.Credit(command));
        await service.Hears<InvoiceCredited>();

        Assert.That(await service.Look(Jobs), Is.EqualTo((0, new[] { JobStates.Cancelled })));
        Assert.That((printer.Asked.Values.Single(), await service.Look(db => db.Deliveries.CountAsync())), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task Comes_out_if_it_is_under_way_and_is_said_to_be_out()
    {
        var printer = new A_print_job.Printer { Gate = new TaskCompletionSource() };
        await using var service = await A_print_job.Start(printer, lease: TimeSpan.FromHours(1));
        var command = An_invoice.Command();
        await Begin(service, printer, command);
        await service.Deliver(A_credit_note.Credit(command));
        await service.Hears<InvoiceCredited>();
        printer.Gate.SetResult();
        var generated = (await service.Hears<InvoiceGenerated>()).Single();
        Assert.That(await service.Look(db => db.Deliveries.Select(delivery => delivery.InvoiceNumber).SingleAsync()), Is.EqualTo(generated.InvoiceNumber));
        Assert.That(await service.Look(Jobs), Is.EqualTo((0, new[] { JobStates.Done })));
    }

    [Test]
    public async Task Is_not_tried_again_if_it_fails_while_it_is_under_way()
    {
        var printer = new A_print_job.Printer { Gate = new TaskCompletionSource() };
        await using var service = await A_print_job.Start(printer, lease: TimeSpan.FromHours(1));
        var command = An_invoice.Command();
        await Begin(service, printer, command);
        await service.Deliver(A_credit_note.Credit(command));
        await service.Hears<InvoiceCredited>();
        printer.Answer = HttpStatusCode.ServiceUnavailable;
        printer.Gate.SetResult();
        await service.Sees(Outcomes, outcomes => outcomes is [JobStates.Cancelled]);
        Assert.That((printer.Asked.Values.Single(), await service.Look(db => db.Deliveries.CountAsync())), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task Is_asked_to_stop_if_the_printer_hangs()
    {
        var printer = new A_print_job.Printer { Gate = new TaskCompletionSource() };
        await using var service = await A_print_job.Start(printer, lease: TimeSpan.FromSeconds(1));
        var command = An_invoice.Command();
        await Begin(service, printer, command);
        await service.Deliver(A_credit_note.Credit(command));
        await service.Sees(Outcomes, outcomes => outcomes is [JobStates.Cancelled]);
        Assert.That(await service.Hears<InvoiceGenerated>(0), Is.Empty);
        Assert.That(printer.Gate.Task.IsCompleted, Is.False);
    }

    [Test]
    public async Task Is_not_taken_over_from_a_worker_that_died()
    {
        var command = An_invoice.Command();
        await using var issuing = await An_invoice.Start();
        await issuing.Deliver(command);
        await issuing.Hears<InvoiceIssued>();
        // What a worker leaves behind that dies with the page under way.
        await issuing.Look(db => db.Database.ExecuteSqlAsync(
            $"update print_job set state = 'running', attempts = 1, lease_token = {Guid.CreateVersion7()}, lease_expires_at = now() + interval '1 s'"));
        await issuing.Deliver(A_credit_note.Credit(command));
        await issuing.Hears<InvoiceCredited>();
        Assert.That(await issuing.Look(State), Is.EqualTo(JobStates.Running));

        var printer = new A_print_job.Printer();
        await using var printing = await A_print_job.Start(printer, database: issuing.Database);
        await printing.Sees(Outcomes, outcomes => outcomes is [JobStates.Cancelled]);
        Assert.That(printer.Asked, Is.Empty);
    }

    [Test]
    public async Task Is_left_as_it_was_if_the_paper_is_out()
    {
        var printer = new A_print_job.Printer();
        await using var service = await A_print_job.Start(printer);
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Hears<InvoiceGenerated>();
        for (var i = 1; i <= 2; i++)
        {
            await service.Deliver(A_credit_note.Credit(command));
            await service.Hears<InvoiceCredited>(i);
        }

        Assert.That((await service.Hears<InvoiceCredited>(2)).Distinct(), Has.Exactly(1).Items);
        Assert.That(await service.Look(db => db.Deliveries.CountAsync()), Is.EqualTo(1));
        Assert.That(await service.Look(Jobs), Is.EqualTo((0, new[] { JobStates.Done })));
    }

    [Test]
    public async Task Is_cancelled_once_though_several_instances_credit_it_at_the_same_time()
    {
        await using var service = await An_invoice.Start();
        await using var other = await An_invoice.Start(database: service.Database);
        var commands = Enumerable.Range(0, 40).Select(_ => An_invoice.Command()).ToArray();
        await Task.WhenAll(commands.Select(command => service.Deliver(command)));
        await service.Sees(db => db.Invoices.CountAsync(), count => count == commands.Length);
        await Task.WhenAll(commands.SelectMany(command => new[]
        {
            service.Deliver(A_credit_note.Credit(command)), other.Deliver(A_credit_note.Credit(command)), service.Deliver(A_credit_note.Credit(command)),
        }));
        await service.Sees(Outcomes, outcomes => outcomes.Length == commands.Length);
        // Either's relay may have sent what the other one stored.
        await service.Sees(
            async _ => (await service.Hears<InvoiceCredited>(0)).Count + (await other.Hears<InvoiceCredited>(0)).Count, heard => heard >= 3 * commands.Length);
        Assert.That((await service.Look(Jobs)).Line, Is.Zero);
        Assert.That(await service.Look(db => db.CreditNotes.Select(note => note.OrderId).ToListAsync()), Is.EquivalentTo(commands.Select(command => command.OrderId)));
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
    }

    /// <remarks>
    /// The job was lost, so the repeated step puts another one in line, unless it knows of the credit note: which of the two commits first is
    /// decided by the lock, and the other one finds it.
    /// </remarks>
    [Test]
    public async Task Is_not_put_in_line_again_by_a_repeated_step_that_races_the_credit_note()
    {
        const int rounds = 20;
        const int ordersOfRound = 10;
        await using var service = await An_invoice.Start();
        await using var other = await An_invoice.Start(database: service.Database);
        for (var round = 1; round <= rounds; round++)
        {
            var commands = Enumerable.Range(0, ordersOfRound).Select(_ => An_invoice.Command()).ToArray();
            await Deliver(service, commands);
            await service.Sees(db => db.Invoices.CountAsync(), count => count == round * ordersOfRound);
            await service.Look(db => db.Database.ExecuteSqlAsync($"delete from print_job"));
            Task[] both = [Task.Run(() => Deliver(service, commands)), Task.Run(() => Deliver(other, commands.Select(A_credit_note.Credit)))];
            await Task.WhenAll(both);
            await service.Sees(db => db.CreditNotes.CountAsync(), count => count == round * ordersOfRound);
        }

        await service.Sees(
            async db => ConsumerHarness<InvoicingDb>.Consumed(await ConsumerHarness<InvoicingDb>.Inbox(db), [service, other]),
            consumed => consumed == 3 * rounds * ordersOfRound);
        Assert.That((await service.Look(Jobs)).Line, Is.Zero);
        Assert.That(await service.Look(db => db.Database.SqlQueryRaw<long>("""select deadlocks as "Value" from pg_stat_database where datname = current_database()""").SingleAsync()), Is.Zero);
    }

    private static async Task Begin(ConsumerHarness<InvoicingDb> service, A_print_job.Printer printer, GenerateInvoice command)
    {
        await service.Deliver(command);
        await service.Sees(_ => Task.FromResult(printer.Asked.Count), asked => asked == 1);
    }

    private static async Task Deliver<T>(ConsumerHarness<InvoicingDb> service, IEnumerable<T> messages) where T : class
    {
        foreach (var message in messages)
            await service.Deliver(message);
    }

    /// <summary>How many are in line, and how those ended that are not.</summary>
    private static async Task<(int Line, string[] Over)> Jobs(InvoicingDb db) =>
        (await db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from print_job").SingleAsync(), await Outcomes(db));

    private static Task<string[]> Outcomes(InvoicingDb db) => db.Database.SqlQuery<string>($"select outcome as \"Value\" from print_job_history").ToArrayAsync();

    private static Task<string?> State(InvoicingDb db) => db.Database.SqlQuery<string?>($"select state as \"Value\" from print_job").FirstOrDefaultAsync();
}
