using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.Testing;

namespace Orafo.Invoicing.Tests;

public sealed class A_print_job
{
    [Test]
    public async Task Is_printed_once_and_said_to_be_by_many_workers_of_several_instances()
    {
        var printer = new Printer();
        await using var service = await Start(printer, parallelism: 8);
        var commands = Enumerable.Range(0, 60).Select(_ => An_invoice.Command()).ToArray();
        await Task.WhenAll(commands.Select(command => service.Deliver(command)));

        var generated = await service.Hears<InvoiceGenerated>(commands.Length);
        await service.Sees(db => db.PrintJobs.CountAsync(job => job.State == PrintJob.Printed), count => count == commands.Length);
        Assert.That(generated.Select(message => message.OrderId), Is.EquivalentTo(commands.Select(command => command.OrderId)));
        Assert.That(printer.Asked.Values, Is.All.EqualTo(1));
    }

    [Test]
    public async Task Is_printed_when_the_printer_is_back()
    {
        var printer = new Printer { Answer = HttpStatusCode.ServiceUnavailable };
        await using var service = await Start(printer);
        await service.Deliver(An_invoice.Command());
        var error = await service.Sees(db => db.PrintJobs.Select(job => job.LastError).SingleOrDefaultAsync(), error => error is not null);
        Assert.That(error, Does.Contain("503"));

        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>();
        Assert.That(await service.Look(db => db.PrintJobs.Select(job => job.State).SingleAsync()), Is.EqualTo(PrintJob.Printed));
    }

    [TestCase(false), TestCase(true)]
    public async Task Is_not_asked_for_before_the_printer_wants_to_be_asked_again(bool isDate)
    {
        var printer = new Printer
        {
            Answer = HttpStatusCode.ServiceUnavailable,
            RetryAfter = isDate ? new(DateTimeOffset.UtcNow.AddHours(1)) : new(TimeSpan.FromHours(1)),
            Problem = """{"title": "The printer is busy."}""",
        };
        await using var service = await Start(printer);
        await service.Deliver(An_invoice.Command());
        var error = await service.Sees(db => db.PrintJobs.Select(job => job.LastError).SingleOrDefaultAsync(), error => error is not null);
        Assert.That(error, Is.EqualTo("The printer answered 503: The printer is busy."));
        var pause = await service.Look(db => db.PrintJobs.Select(job => job.NextAttemptAt).SingleAsync()) - DateTimeOffset.UtcNow;
        Assert.That(pause, Is.InRange(TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(5)), "not within the usual 50 ms, and not in an hour either");
    }

    [TestCase("no JSON"), TestCase("{}"), TestCase("null"), TestCase("""{"title": 5}"""), TestCase("{}", "x-nobody-knows")]
    public async Task Is_printed_later_whatever_the_printer_says_meanwhile(string problem, string charSet = "utf-8")
    {
        var printer = new Printer { Answer = HttpStatusCode.InternalServerError, Problem = problem, CharSet = charSet };
        await using var service = await Start(printer, attempts: 1000);
        await service.Deliver(An_invoice.Command());
        var error = await service.Sees(db => db.PrintJobs.Select(job => job.LastError).SingleOrDefaultAsync(), error => error is not null);
        Assert.That(error, Is.EqualTo("The printer answered 500."));
        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>();
    }

    [Test]
    public async Task Is_printed_later_although_the_printer_says_far_too_much()
    {
        var printer = new Printer { Answer = HttpStatusCode.InternalServerError, Problem = new string(' ', 1_000_000) };
        await using var service = await Start(printer, attempts: 1000);
        await service.Deliver(An_invoice.Command());
        var error = await service.Sees(db => db.PrintJobs.Select(job => job.LastError).SingleOrDefaultAsync(), error => error is not null);
        Assert.That(error, Is.EqualTo("The printer cannot be reached."));
        printer.Problem = null;
        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>();
    }

    [Test]
    public async Task Is_said_to_wait_only_if_it_does()
    {
        var printer = new Printer();
        await using var service = await Start(printer, attempts: 1000);
        async Task<string[]> Waiting() => [.. (await service.Hears<InvoiceIssued>(0)).Select(issued => issued.InvoiceNumber[^6..])];
        // Of the first one nobody knows.
        await service.Deliver(An_invoice.Command());
        await service.Hears<InvoiceGenerated>();
        await service.Hears<InvoiceIssued>();
        for (var i = 2; i <= 10; i++)
        {
            await service.Deliver(An_invoice.Command());
            await service.Hears<InvoiceGenerated>(i);
        }

        Assert.That(await Waiting(), Is.EqualTo(["000001"]));

        printer.Answer = HttpStatusCode.ServiceUnavailable;
        await service.Deliver(An_invoice.Command());
        await service.Hears<InvoiceIssued>(2);
        await service.Sees(db => db.PrintJobs.MaxAsync(job => job.Attempts), attempts => attempts >= 3);
        Assert.That(await Waiting(), Is.EqualTo(["000001", "000011"]), "said once, not with every attempt");

        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>(11);
    }

    /// <remarks>The worker looks into the table once by itself, half a second after the first page: what is written in that very moment may be claimed.</remarks>
    [Test]
    public async Task Is_not_claimed_while_pages_come_out_promptly()
    {
        const int jobs = 10;
        await using var service = await Start(new Printer(), polling: TimeSpan.FromHours(1));
        await service.Deliver(An_invoice.Command());
        await service.Hears<InvoiceGenerated>();
        // A claim counts an attempt, the end of a job does not.
        await service.Look(db => db.Database.ExecuteSqlRawAsync(
            """
            create table claims (invoice_number text);
            create function note_claim() returns trigger language plpgsql as $$ begin insert into claims values (new.invoice_number); return new; end $$;
            create trigger claim before update on print_jobs for each row when (new.attempts <> old.attempts) execute function note_claim();
            """));
        for (var i = 1; i <= jobs; i++)
        {
            await service.Deliver(An_invoice.Command());
            await service.Hears<InvoiceGenerated>(1 + i);
        }

        Assert.That(await service.Look(db => db.Database.SqlQuery<int>($"""select count(*)::int as "Value" from claims""").SingleAsync()), Is.LessThan(jobs));
    }

    [Test]
    public void Is_leased_at_once_only_where_a_hand_is_free_and_nobody_waits()
    {
        var (now, line) = (TimeProvider.System.GetUtcNow(), new PrintLine(Options.Create(new PrintingOptions { Parallelism = 1, Promptly = TimeSpan.FromMinutes(1) }), TimeProvider.System));
        bool IsLeased() => line.TryLease(Job(), now);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(IsLeased(), Is.False, "no page was seen");
            line.CameOut(now);
            Assert.That(IsLeased(), Is.True, "a hand is free");
            line.Hand(Job());
            Assert.That(IsLeased(), Is.False, "the only hand has a page");
            line.Leave();
            Assert.That(IsLeased(), Is.True, "the page is out");
            line.Look();
            Assert.That(IsLeased(), Is.False, "somebody waits in the table");
            Assert.That((line.TakeRoom(), IsLeased()), Is.EqualTo((1, false)), "the hand is for somebody who waits");
            line.GiveBack(1);
            Assert.That(IsLeased(), Is.True, "nobody did");
            line.Close();
            Assert.That(IsLeased(), Is.False, "the worker stops");
        }

        line.Dispose();
        PrintJob Job() => new() { InvoiceNumber = "2026-000001", OrderId = Guid.CreateVersion7(), CreatedAt = now, NextAttemptAt = now };
    }

    [Test]
    public async Task Is_said_to_wait_while_pages_are_late()
    {
        var printer = new Printer();
        await using var service = await Start(printer, promptly: TimeSpan.FromTicks(1));
        for (var i = 1; i <= 3; i++)
        {
            await service.Deliver(An_invoice.Command());
            await service.Hears<InvoiceGenerated>(i);
            await service.Hears<InvoiceIssued>(i);
        }
    }

    [Test]
    public async Task Is_parked_after_its_attempts_and_printed_after_an_operators_decision()
    {
        var printer = new Printer { Answer = HttpStatusCode.ServiceUnavailable };
        await using var service = await Start(printer, attempts: 3);
        var command = An_invoice.Command();
        await service.Deliver(command);
        var failed = (await service.Hears<InvoiceFailed>()).Single();
        Assert.That((failed.OrderId, printer.Asked.Values.Single()), Is.EqualTo((command.OrderId, 3)));
        Assert.That(await service.Look(db => db.PrintJobs.Select(job => job.State).SingleAsync()), Is.EqualTo(PrintJob.Parked));

        printer.Answer = HttpStatusCode.OK;
        await service.Deliver(command);
        await service.Hears<InvoiceGenerated>();
        Assert.That(await service.Look(db => db.Invoices.CountAsync()), Is.EqualTo(1));
    }

    [Test]
    public async Task Is_taken_over_from_a_worker_that_died_and_only_its_holder_can_finish_it()
    {
        var printer = new Printer { Answer = HttpStatusCode.ServiceUnavailable };
        await using var service = await Start(printer, attempts: 1000);
        await service.Deliver(An_invoice.Command());
        await service.Sees(db => db.PrintJobs.CountAsync(), count => count == 1);
        // What a worker leaves behind that died with the page under way, an hour ago.
        var deadLease = Guid.CreateVersion7();
        await service.Sees(
            db => db.Database.ExecuteSqlAsync(
                $"""
                 update print_jobs set state = 'printing', lease_token = {deadLease}, lease_expires_at = now() - interval '1 h', next_attempt_at = now()
                 where state = 'waiting'
                 """),
            taken => taken == 1);

        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>();
        var late = await service.Look(db => db.Database.ExecuteSqlAsync($"update print_jobs set state = 'parked' where lease_token = {deadLease}"));
        Assert.That((late, (await service.Hears<InvoiceGenerated>()).Count), Is.EqualTo((0, 1)));
    }

    [Test]
    public async Task Is_said_to_be_printed_once_although_its_lease_was_lost_when_its_page_came_out()
    {
        // Two pages are out together, and one job is somebody else's by then.
        var printer = new Printer { Gate = new TaskCompletionSource() };
        await using var service = await Start(printer, parallelism: 2, lease: TimeSpan.FromSeconds(2));
        var commands = new[] { An_invoice.Command(), An_invoice.Command() };
        await Task.WhenAll(commands.Select(command => service.Deliver(command)));
        await service.Sees(_ => Task.FromResult(printer.Asked.Count), asked => asked == commands.Length);
        await service.Look(db => db.Database.ExecuteSqlAsync(
            $"update print_jobs set lease_token = {Guid.CreateVersion7()}, lease_expires_at = now() + interval '2 s' where order_id = {commands[0].OrderId}"));
        printer.Gate.SetResult();

        await service.Sees(db => db.PrintJobs.CountAsync(job => job.State == PrintJob.Printed), count => count == commands.Length);
        var generated = await service.Hears<InvoiceGenerated>(commands.Length);
        Assert.That(generated.Select(message => message.OrderId), Is.EquivalentTo(commands.Select(command => command.OrderId)));
        Assert.That(printer.Asked.Values.Max(), Is.EqualTo(2), "the lost one is asked for again");
    }

    private static Task<ConsumerHarness<InvoicingDb>> Start(
        Printer printer, int parallelism = 2, int attempts = 25, TimeSpan? lease = null, TimeSpan? promptly = null, TimeSpan? polling = null) =>
        An_invoice.Start(services =>
        {
            services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
                .AddInMemoryCollection(new Dictionary<string, string?> { ["Printer:Url"] = "http://printer.invalid" }).Build());
            services.AddPrinting();
            services.Configure<PrintingOptions>(options =>
            {
                options.Parallelism = parallelism;
                options.Attempts = attempts;
                options.Lease = lease ?? options.Lease;
                options.Promptly = promptly ?? TimeSpan.FromMinutes(1);
                options.FirstPause = options.LongestPause = TimeSpan.FromMilliseconds(50);
                options.PollingInterval = polling ?? options.FirstPause;
            });
            services.AddHttpClient<PrinterClient>().ConfigurePrimaryHttpMessageHandler(() => printer);
        });

    /// <summary>The other end of the wire.</summary>
    private sealed class Printer : HttpMessageHandler
    {
        public HttpStatusCode Answer { get; set; } = HttpStatusCode.OK;
        public RetryConditionHeaderValue? RetryAfter { get; set; }
        public string? Problem { get; set; }
        public string CharSet { get; init; } = "utf-8";
        public TaskCompletionSource? Gate { get; init; }
        public ConcurrentDictionary<string, int> Asked { get; } = new();

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var body = JsonDocument.Parse(await request.Content!.ReadAsStringAsync(cancellationToken)).RootElement;
            Asked.AddOrUpdate(body.GetProperty("invoiceNumber").GetString()!, 1, (_, times) => times + 1);
            if (Gate is not null)
                await Gate.Task.WaitAsync(cancellationToken);
            return new HttpResponseMessage(Answer)
            {
                Headers = { RetryAfter = RetryAfter },
                Content = Problem is null ? null : new StringContent(Problem, Encoding.UTF8, new MediaTypeHeaderValue("application/problem+json", CharSet)),
            };
        }
    }
}
