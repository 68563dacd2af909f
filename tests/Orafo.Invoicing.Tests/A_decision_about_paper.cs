using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.Invoicing.Tests;

/// <summary>What an operator decides over HTTP.</summary>
public sealed class A_decision_about_paper
{
    private static readonly Dictionary<string, string> TwoPrinters = new() { ["main"] = "http://main.invalid", ["spare"] = "http://spare.invalid" };

    [Test]
    public async Task For_none_is_refused_if_there_is_no_invoice_to_deliver()
    {
        await using var service = await A_print_job.Start(new A_print_job.Printer());
        await using var desk = await Desk.Open(service);
        var orderId = Guid.CreateVersion7();
        await service.Look(db => db.Database.ExecuteSqlAsync($$$"""insert into print_job (id, payload, metadata) values ({{{orderId}}}, '[1]', '{"printer": "main"}')"""));
        await service.Hears<InvoiceFailed>();
        using var refused = await desk.Http.DeleteAsync(Address($"{orderId}"));
        Assert.That((refused.StatusCode, await Title(refused)), Is.EqualTo((HttpStatusCode.Conflict, "The order of the print job has no invoice: there is nothing to deliver.")));
        using var unknown = await desk.Http.DeleteAsync(Address($"{Guid.CreateVersion7()}"));
        Assert.That((unknown.StatusCode, await Title(unknown)), Is.EqualTo((HttpStatusCode.NotFound, "There is no such print job.")));
        Assert.That(await service.Look(db => db.Database.SqlQuery<string>($"select state as \"Value\" from print_job").SingleAsync()), Is.EqualTo(JobStates.Parked), "it is still there");
    }

    [Test]
    public async Task For_another_printer_moves_a_job_and_tries_it_there_or_neither()
    {
        await using var service = await A_print_job.Start(
            new A_print_job.Printer { Answer = HttpStatusCode.ServiceUnavailable, FailingHost = "main.invalid" }, attempts: 1, printers: TwoPrinters, defaultPrinter: "main");
        await using var desk = await Desk.Open(service);
        var command = An_invoice.Command();
        await service.Deliver(command);
        await service.Hears<InvoiceFailed>();
        await service.Look(db => db.Database.ExecuteSqlRawAsync(
            """
            create function refuse() returns trigger language plpgsql as $$ begin raise exception 'Not now.'; end $$;
            create trigger refuse before update on print_job for each row when (new.state = 'waiting' and old.state = 'parked') execute function refuse();
            """));
        using var failed = await desk.Http.PostAsJsonAsync(Address($"{command.OrderId}/redirect"), new { printer = "spare" });
        Assert.That(failed.StatusCode, Is.EqualTo(HttpStatusCode.InternalServerError));
        Assert.That(await service.Look(db => db.Database.SqlQuery<string>($"select group_key as \"Value\" from print_job").SingleAsync()), Is.EqualTo("main"));

        await service.Look(db => db.Database.ExecuteSqlRawAsync("drop trigger refuse on print_job"));
        using var moved = await desk.Http.PostAsJsonAsync(Address($"{command.OrderId}/redirect"), new { printer = "spare" });
        Assert.That(moved.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        await service.Hears<InvoiceGenerated>();
        Assert.That(await service.Look(db => db.Deliveries.Select(delivery => delivery.Printer).SingleAsync()), Is.EqualTo("spare"));
    }

    [Test]
    public async Task For_another_printer_is_for_all_that_wait_and_neither_for_those_under_way_nor_for_those_to_come()
    {
        var printer = new A_print_job.Printer { Gate = new TaskCompletionSource(), GatedHost = "main.invalid" };
        await using var service = await A_print_job.Start(printer, parallelism: 1, printers: TwoPrinters, defaultPrinter: "main");
        await using var desk = await Desk.Open(service);
        const int Orders = 10, Claimed = 4;
        await Task.WhenAll(Enumerable.Range(0, Orders).Select(_ => service.Deliver(An_invoice.Command())));
        await service.Sees(db => db.Invoices.CountAsync(), count => count == Orders);
        await service.Sees(db => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from print_job where state = 'running'").SingleAsync(), running => running == Claimed);

        using var moved = await desk.Http.PostAsJsonAsync(Address("redirect"), new { from = "main", to = "spare" });
        Assert.That(await moved.Content.ReadFromJsonAsync<Moved>(), Is.EqualTo(new Moved(Orders - Claimed, Claimed)));
        await service.Hears<InvoiceGenerated>(Orders - Claimed);
        await service.Deliver(An_invoice.Command());
        await service.Sees(db => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from print_job where group_key = 'main'").SingleAsync(), jobs => jobs == Claimed + 1);

        printer.Gate.SetResult();
        await service.Hears<InvoiceGenerated>(Orders + 1);
        var printers = await service.Look(db => db.Deliveries.GroupBy(delivery => delivery.Printer).Select(of => new { of.Key, Count = of.Count() }).OrderBy(of => of.Key).ToListAsync());
        Assert.That(printers.Select(of => (of.Key, of.Count)), Is.EqualTo(new[] { ("main", Claimed + 1), ("spare", Orders - Claimed) }));
    }

    [TestCase("main", "nowhere", "to"), TestCase("main", "main", "from"), TestCase("", "spare", "from"), TestCase(null, "spare", "from"), TestCase("main", null, "to")]
    public async Task For_another_printer_is_refused_if_it_makes_no_sense(string? from, string? to, string member)
    {
        await using var service = await A_print_job.Start(new A_print_job.Printer(), printers: TwoPrinters, defaultPrinter: "main");
        await using var desk = await Desk.Open(service);
        using var refused = await desk.Http.PostAsJsonAsync(Address("redirect"), new { from, to });
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.That((refused.StatusCode, problem.GetProperty("errors").EnumerateObject().Single().Name), Is.EqualTo((HttpStatusCode.BadRequest, member)));
    }

    private static Uri Address(string path) => new($"print-jobs/{path}", UriKind.Relative);

    private static async Task<string?> Title(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("title").GetString();

    /// <summary>The endpoints of the service.</summary>
    private sealed class Desk(WebApplication app) : IAsyncDisposable
    {
        public HttpClient Http { get; } = new() { BaseAddress = new Uri(app.Urls.First()) };

        public static async Task<Desk> Open(ConsumerHarness<InvoicingDb> service)
        {
            var builder = WebApplication.CreateBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            // Says what is a service and what a body; each request gets the services of the harness.
            builder.Services.AddSingleton(TimeProvider.System).AddScoped<InvoicingDb>().AddScoped<MassTransit.IPublishEndpoint>(_ => throw new NotSupportedException());
            builder.Services.AddSingleton(service.Services.GetRequiredService<JobQueue<PrintInvoice>>()).AddSingleton(service.Services.GetRequiredService<Printers>());
            var app = builder.Build();
            app.Use(async (http, next) =>
            {
                await using var scope = service.Services.CreateAsyncScope();
                http.RequestServices = scope.ServiceProvider;
                await next(http);
            });
            app.MapPrintJobs();
            await app.StartAsync();
            return new Desk(app);
        }

        public async ValueTask DisposeAsync()
        {
            Http.Dispose();
            await app.DisposeAsync();
        }
    }
}
