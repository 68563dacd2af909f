using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
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
        await service.Sees(db => db.Deliveries.CountAsync(), count => count == commands.Length);
        Assert.That(generated.Select(message => message.OrderId), Is.EquivalentTo(commands.Select(command => command.OrderId)));
        Assert.That(printer.Asked.Values, Is.All.EqualTo(1));
    }

    [Test]
    public async Task Is_printed_when_the_printer_is_back()
    {
        var printer = new Printer { Answer = HttpStatusCode.ServiceUnavailable };
        await using var service = await Start(printer, attempts: 1000);
        await service.Deliver(An_invoice.Command());
        var error = await service.Sees(LastError, error => error is not null);
        Assert.That(error, Does.Contain("503"));
        using var failing = new Measured("orafo.printer.failing");
        await service.Sees(_ => Task.FromResult(failing.Look().Single()), main => main.Value == 1 && main.Tags["orafo.printer"] is "main");

        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>();
        Assert.That(failing.Look().Single().Value, Is.Zero);
        var delivery = await service.Look(db => db.Deliveries.SingleAsync());
        Assert.That((delivery.Medium, delivery.Printer, await service.Look(Waiting)), Is.EqualTo((InvoiceMedium.Paper, "main", 0)));
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
        var error = await service.Sees(LastError, error => error is not null);
        Assert.That(error, Is.EqualTo("The printer answered 503: The printer is busy."));
        var pause = await service.Look(db => db.Database.SqlQuery<DateTimeOffset>($"select due as \"Value\" from print_job").SingleAsync()) - DateTimeOffset.UtcNow;
        Assert.That(pause, Is.InRange(TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(5)), "not within the usual 50 ms, and not in an hour either");
    }

    [TestCase("no JSON"), TestCase("{}"), TestCase("null"), TestCase("""{"title": 5}"""), TestCase("{}", "x-nobody-knows")]
    public async Task Is_printed_later_whatever_the_printer_says_meanwhile(string problem, string charSet = "utf-8")
    {
        var printer = new Printer { Answer = HttpStatusCode.InternalServerError, Problem = problem, CharSet = charSet };
        await using var service = await Start(printer, attempts: 1000);
        await service.Deliver(An_invoice.Command());
        var error = await service.Sees(LastError, error => error is not null);
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
        var error = await service.Sees(LastError, error => error is not null);
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
        using var finished = new Measured("orafo.pgq.finished");
        // Of the first one nobody knows.
        await service.Deliver(An_invoice.Command());
        await service.Hears<InvoiceGenerated>();
        await service.Hears<InvoiceIssued>();
        for (var i = 2; i <= 10; i++)
        {
            // That a page came out is heard before its worker knows.
            await service.Sees(_ => Task.FromResult(finished.Sum), jobs => jobs >= i - 1);
            await service.Deliver(An_invoice.Command());
            await service.Hears<InvoiceGenerated>(i);
        }

        await service.Sees(_ => Task.FromResult(finished.Sum), jobs => jobs >= 10);

        Assert.That(await Waiting(), Is.EqualTo(["000001"]));

        printer.Answer = HttpStatusCode.ServiceUnavailable;
        await service.Deliver(An_invoice.Command());
        await service.Hears<InvoiceIssued>(2);
        await service.Sees(db => db.Database.SqlQuery<int>($"select attempts as \"Value\" from print_job").SingleAsync(), attempts => attempts >= 3);
        Assert.That(await Waiting(), Is.EqualTo(["000001", "000011"]), "said once, not with every attempt");

        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>(11);
    }

    [Test]
    public async Task Is_said_to_wait_in_a_burst_although_a_page_came_out_a_moment_ago()
    {
        var printer = new Printer();
        await using var service = await Start(printer);
        await service.Deliver(An_invoice.Command());
        await service.Hears<InvoiceGenerated>();
        await service.Hears<InvoiceIssued>();
        printer.Gate = new TaskCompletionSource();
        var burst = Enumerable.Range(0, 20).Select(_ => An_invoice.Command()).ToArray();
        await Task.WhenAll(burst.Select(command => service.Deliver(command)));
        // As many as have come out lately are expected to come out soon: one.
        var issued = await service.Hears<InvoiceIssued>(20);
        Assert.That(issued.Skip(1).Select(message => message.OrderId), Is.SubsetOf(burst.Select(command => command.OrderId)).And.Unique);
        printer.Gate.SetResult();
        await service.Hears<InvoiceGenerated>(21);
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
        Assert.That(failed.Reason, Is.EqualTo("The printer answered 503."));
        Assert.That(await service.Look(State), Is.EqualTo(JobStates.Parked));

        printer.Answer = HttpStatusCode.OK;
        await service.Deliver(command);
        await service.Hears<InvoiceGenerated>();
        Assert.That(await service.Look(db => db.Invoices.CountAsync()), Is.EqualTo(1));
    }

    [Test]
    public async Task Is_there_again_when_the_step_is_repeated_and_somebody_lost_it()
    {
        var printer = new Printer { Answer = HttpStatusCode.ServiceUnavailable };
        await using var service = await Start(printer, attempts: 1);
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Hears<InvoiceFailed>();
        await service.Look(db => db.Database.ExecuteSqlAsync($"delete from print_job"));

        printer.Answer = HttpStatusCode.OK;
        await service.Deliver(command);
        await service.Hears<InvoiceGenerated>();
        // Once more: the paper is out, and nobody prints it again.
        await service.Deliver(command);
        await service.Hears<InvoiceGenerated>(2);
        Assert.That((printer.Asked.Values.Single(), await service.Look(Waiting)), Is.EqualTo((2, 0)));
    }

    [Test]
    public async Task Is_taken_over_from_a_worker_that_died_and_only_its_holder_can_finish_it()
    {
        var printer = new Printer { Answer = HttpStatusCode.ServiceUnavailable };
        await using var service = await Start(printer, attempts: 1000);
        await service.Deliver(An_invoice.Command());
        // What a worker leaves behind that died with the page under way, an hour ago.
        var deadLease = Guid.CreateVersion7();
        await service.Sees(
            db => db.Database.ExecuteSqlAsync(
                $"update print_job set state = 'running', lease_token = {deadLease}, lease_expires_at = now() - interval '1 h' where state in ('waiting', 'scheduled')"),
            taken => taken == 1);

        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>();
        var late = await service.Look(db => db.Database.ExecuteSqlAsync($"update print_job set state = 'parked' where lease_token = {deadLease}"));
        Assert.That((late, (await service.Hears<InvoiceGenerated>()).Count), Is.EqualTo((0, 1)));
    }

    [Test]
    public async Task Is_said_to_be_printed_once_although_its_lease_was_lost_when_its_page_came_out()
    {
        // Two pages are out together, and one job is somebody else's by then.
        var printer = new Printer { Gate = new TaskCompletionSource() };
        await using var service = await Start(printer, parallelism: 2);
        var commands = new[] { An_invoice.Command(), An_invoice.Command() };
        await Task.WhenAll(commands.Select(command => service.Deliver(command)));
        await service.Sees(_ => Task.FromResult(printer.Asked.Count), asked => asked == commands.Length);
        await service.Look(db => db.Database.ExecuteSqlAsync(
            $"update print_job set lease_token = {Guid.CreateVersion7()}, lease_expires_at = now() + interval '2 s' where id = {commands[0].OrderId}"));
        printer.Gate.SetResult();

        await service.Sees(db => db.Deliveries.CountAsync(), count => count == commands.Length);
        var generated = await service.Hears<InvoiceGenerated>(commands.Length);
        Assert.That(generated.Select(message => message.OrderId), Is.EquivalentTo(commands.Select(command => command.OrderId)));
        Assert.That(printer.Asked.Values.Max(), Is.EqualTo(2), "the lost one is asked for again");
    }

    /// <remarks>The printer is asked by one job at a time, and by each of them about once; without that, all of them would ask on and on.</remarks>
    [Test]
    public async Task Is_not_spent_on_a_printer_that_is_away()
    {
        const int jobs = 20;
        var printer = new Printer { Answer = HttpStatusCode.ServiceUnavailable, Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var service = await Start(printer, parallelism: 1, attempts: 5, longestPause: TimeSpan.FromSeconds(1));
        await Task.WhenAll(Enumerable.Range(0, jobs).Select(_ => service.Deliver(An_invoice.Command())));
        await service.Sees(db => db.Invoices.CountAsync(), invoices => invoices == jobs);
        printer.Gate.SetResult();
        await service.Sees(_ => Task.FromResult(printer.Asked.Values.Sum()), asked => asked >= 8);
        var attempts = await service.Look(db => db.Database.SqlQuery<int>($"select attempts as \"Value\" from print_job").ToListAsync());
        Assert.That((attempts.Count, attempts.Max()), Is.EqualTo((jobs, 1)).Or.EqualTo((jobs, 2)).Or.EqualTo((jobs, 3)), "they take turns");

        printer.Answer = HttpStatusCode.OK;
        await service.Hears<InvoiceGenerated>(jobs);
        Assert.That(await service.Hears<InvoiceFailed>(0), Is.Empty);
    }

    [Test]
    public async Task Is_not_parked_before_somebody_can_be_told()
    {
        await using var service = await Start(new Printer { Answer = HttpStatusCode.ServiceUnavailable }, attempts: 2);
        await service.Look(db => db.Database.ExecuteSqlRawAsync(
            """
            create sequence refusals;
            create function refuse() returns trigger language plpgsql as $$ begin perform nextval('refusals'); raise exception 'Not now.'; end $$;
            create trigger refuse before insert on outbox_message for each row when (new.message_type like '%InvoiceFailed%') execute function refuse();
            """));
        await service.Deliver(An_invoice.Command());
        await service.Sees(db => db.Database.SqlQuery<long>($"select last_value as \"Value\" from refusals").SingleAsync(), refusals => refusals >= 3);
        Assert.That(await service.Look(State), Is.Not.EqualTo(JobStates.Parked));
        await service.Look(db => db.Database.ExecuteSqlRawAsync("drop trigger refuse on outbox_message"));
        Assert.That((await service.Hears<InvoiceFailed>()).Single().Reason, Is.EqualTo("It was tried 2 times."));
        Assert.That(await service.Look(State), Is.EqualTo(JobStates.Parked));
    }

    [Test]
    public async Task Of_one_printer_does_not_wait_for_another_that_hangs()
    {
        var printer = new Printer { Gate = new TaskCompletionSource(), GatedHost = "hangs.invalid" };
        await using var service = await Start(printer, printers: new() { ["hangs"] = "http://hangs.invalid", ["main"] = "http://printer.invalid" }, defaultPrinter: "hangs");
        var commands = Enumerable.Range(0, 40).Select(_ => An_invoice.Command()).ToArray();
        await Task.WhenAll(commands.Select(command => service.Deliver(command)));
        await service.Sees(db => db.Invoices.CountAsync(), count => count == commands.Length);
        await service.Sees(_ => Task.FromResult(printer.Asked.Count), asked => asked == 2);
        await service.Sees(db => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from print_job where state = 'running'").SingleAsync(), running => running == 8);
        var queue = service.Services.GetRequiredService<JobQueue<PrintInvoice>>();
        // Those that the worker has are being printed, so it seems: they stay.
        var moved = await queue.MoveGroupAsync("hangs", "main");
        await service.Hears<InvoiceGenerated>(moved);
        Assert.That(await service.Look(db => db.Deliveries.CountAsync(delivery => delivery.Printer == "main")), Is.EqualTo(moved));
        Assert.That((moved, printer.Asked.Count), Is.EqualTo((commands.Length - 8, moved + 2)));
        printer.Gate.SetResult();
        await service.Hears<InvoiceGenerated>(commands.Length);
        Assert.That(printer.Asked.Values, Is.All.EqualTo(1));
    }

    [TestCase("""{"not": "a number"}"""), TestCase("""{"invoiceNumber": 5}"""), TestCase("null"), TestCase("[1]"), TestCase("\"2026-000009\"")]
    public async Task Is_printed_although_what_it_says_cannot_be_read(string payload)
    {
        var command = An_invoice.Command();
        await using var issuing = await An_invoice.Start();
        await issuing.Deliver(command);
        await issuing.Hears<InvoiceIssued>();
        await issuing.Look(db => db.Database.ExecuteSqlAsync($"update print_job set payload = {payload}::jsonb"));

        var printer = new Printer();
        await using var printing = await Start(printer, database: issuing.Database);
        // Either's relay may have sent it.
        var heard = await printing.Sees(
            async _ => (InvoiceGenerated[])[.. await printing.Hears<InvoiceGenerated>(0), .. await issuing.Hears<InvoiceGenerated>(0)], heard => heard.Length > 0);
        var generated = heard[0];
        Assert.That((generated.OrderId, printer.Asked.Keys.Single()), Is.EqualTo((command.OrderId, generated.InvoiceNumber)));
        Assert.That(await printing.Look(Waiting), Is.Zero);
    }

    [Test]
    public async Task That_cannot_be_read_is_parked_and_its_order_is_told_if_that_has_no_invoice()
    {
        await using var service = await Start(new Printer());
        var orderId = Guid.CreateVersion7();
        await service.Look(db => db.Database.ExecuteSqlAsync($$$"""insert into print_job (id, payload, metadata) values ({{{orderId}}}, '[1]', '{"printer": "main"}')"""));
        var failed = (await service.Hears<InvoiceFailed>()).Single();
        Assert.That((failed.OrderId, failed.InvoiceNumber, await service.Look(State)), Is.EqualTo((orderId, (string?)null, JobStates.Parked)));
    }

    private static Task<string?> LastError(InvoicingDb db) => db.Database.SqlQuery<string?>($"select last_error as \"Value\" from print_job").SingleOrDefaultAsync();

    private static Task<string> State(InvoicingDb db) => db.Database.SqlQuery<string>($"select state as \"Value\" from print_job").SingleAsync();

    private static Task<int> Waiting(InvoicingDb db) => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from print_job").SingleAsync();

    internal static Task<ConsumerHarness<InvoicingDb>> Start(
        HttpMessageHandler printer, int parallelism = 2, int attempts = 25, TimeSpan? lease = null, TimeSpan? promptly = null, TimeSpan? longestPause = null,
        Dictionary<string, string>? printers = null, string? defaultPrinter = null, string? database = null) =>
        An_invoice.Start(database: database, printing: services =>
        {
            services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
            services.AddPrinting();
            services.Configure<PrintingOptions>(options =>
            {
                options.Printers.Clear();
                foreach (var (name, url) in printers ?? new() { ["main"] = "http://printer.invalid" })
                    options.Printers[name] = new() { Url = new Uri(url), Parallelism = parallelism };
                options.DefaultPrinter = defaultPrinter;
                options.Attempts = attempts;
                options.Lease = lease ?? options.Lease;
                options.Promptly = promptly ?? TimeSpan.FromMinutes(1);
                options.FirstPause = TimeSpan.FromMilliseconds(50);
                options.LongestPause = longestPause ?? options.FirstPause;
                options.PollingInterval = options.FirstPause;
            });
            services.AddHttpClient(PrintingExtensions.HttpClient).ConfigurePrimaryHttpMessageHandler(() => printer);
        });

    /// <summary>The other end of the wire.</summary>
    internal sealed class Printer : HttpMessageHandler
    {
        public HttpStatusCode Answer { get; set; } = HttpStatusCode.OK;
        public RetryConditionHeaderValue? RetryAfter { get; set; }
        public string? Problem { get; set; }
        public string CharSet { get; init; } = "utf-8";
        public TaskCompletionSource? Gate { get; set; }

        /// <summary>Behind the gate; all of them unless said.</summary>
        public string? GatedHost { get; init; }

        /// <summary>The only one that answers <see cref="Answer"/>, if given; the others print.</summary>
        public string? FailingHost { get; init; }

        public ConcurrentDictionary<string, int> Asked { get; } = new();

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var body = JsonDocument.Parse(await request.Content!.ReadAsStringAsync(cancellationToken)).RootElement;
            Asked.AddOrUpdate(body.GetProperty("invoiceNumber").GetString()!, 1, (_, times) => times + 1);
            if (Gate is not null && (GatedHost is null || request.RequestUri!.Host == GatedHost))
                await Gate.Task.WaitAsync(cancellationToken);
            return new HttpResponseMessage(FailingHost is null || request.RequestUri!.Host == FailingHost ? Answer : HttpStatusCode.OK)
            {
                Headers = { RetryAfter = RetryAfter },
                Content = Problem is null ? null : new StringContent(Problem, Encoding.UTF8, new MediaTypeHeaderValue("application/problem+json", CharSet)),
            };
        }
    }
}
