using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Orafo.Invoicing.Documents;
using Orafo.ServiceDefaults;
using Orafo.Testing;

namespace Orafo.Invoicing.Tests.Documents;

/// <summary>Invoices over HTTP, and the archive behind it.</summary>
public sealed class A_stored_document
{
    [TestCase("", "application/json", null)]
    [TestCase("*/*", "application/json", null)]
    [TestCase("application/pdf", "application/pdf", "2026-000002.pdf")]
    [TestCase("application/xml", "application/xml", "2026-000002.xml")]
    [TestCase("application/json;q=0.5, application/xml", "application/xml", "2026-000002.xml")]
    public async Task Comes_as_its_reader_wants_it(string accept, string type, string? file)
    {
        await using var service = await Service.Start();
        await service.Add(Coupon());
        using var answer = await service.Get("2026-000002", accept);
        Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.OK, type)));
        Assert.That(answer.Headers.Vary, Is.EqualTo(["Accept"]));
        Assert.That(answer.Content.Headers.ContentDisposition?.FileName, Is.EqualTo(file));
    }

    [Test]
    public async Task Is_found_by_its_order_as_well()
    {
        await using var service = await Service.Start();
        var invoice = Coupon();
        await service.AddCredited(invoice);
        Assert.That(await service.Read($"/orders/{invoice.OrderId}/invoice", Representations.Pdf), Is.EqualTo(await service.Read("2026-000002", Representations.Pdf)));
        Assert.That(await service.Read($"/orders/{invoice.OrderId}/credit-note", Representations.Xml), Is.EqualTo(await service.Read("C2026-000002", Representations.Xml)));
        foreach (var kind in new[] { "invoice", "credit-note" })
        {
            using var other = await service.Get($"/orders/{Guid.CreateVersion7()}/{kind}", Representations.Pdf);
            Assert.That((other.StatusCode, other.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.NotFound, "application/problem+json")));
        }
    }

    [Test]
    public async Task Is_what_the_renderers_make_of_the_invoice()
    {
        await using var service = await Service.Start();
        await service.Add(Coupon());
        Assert.That(await service.Read("2026-000002", "application/pdf"), Is.EqualTo(PdfDocument.Render(Examples.All["coupon"])));
        Assert.That(await service.Read("2026-000002", "application/xml"), Is.EqualTo(UblDocument.Render(Examples.All["coupon"])));
    }

    [TestCase("application/pdf", "application/xml"), TestCase("application/xml", "application/pdf")]
    public async Task Is_the_same_for_ever_whatever_the_seller_is_called_since(string first, string second)
    {
        await using var service = await Service.Start();
        // Issued before sellers were kept with their invoices.
        await service.Add(Coupon(isKeptWithSeller: false));
        var read = await service.Read("2026-000002", first);
        await using var later = await service.StartAnother(seller => seller.Name = "Another name");
        Assert.That(await later.Read("2026-000002", first), Is.EqualTo(read));
        Assert.That(
            Encoding.UTF8.GetString(await later.Read("2026-000002", "application/xml")),
            Does.Contain("Bottega Orafo").And.Not.Contain("Another name"), $"{second} was rendered with {first}");
    }

    [Test]
    public async Task Names_the_seller_of_the_day_of_issue()
    {
        await using var service = await Service.Start(seller => seller.Name = "Another name");
        await service.Add(Coupon());
        Assert.That(
            Encoding.UTF8.GetString(await service.Read("2026-000002", "application/xml")),
            Does.Contain("Bottega Orafo").And.Not.Contain("Another name"));
    }

    [Test]
    public async Task Is_rendered_once_though_many_wait_for_it()
    {
        await using var service = await Service.Start();
        await service.Add(Coupon());
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => service.Read("2026-000002", Representations.Pdf)));
        Assert.That(service.Press.Rendered, Is.EqualTo(1));
    }

    /// <remarks>Whoever has the press keeps it until all others had their answer.</remarks>
    [Test]
    public async Task Is_to_be_asked_for_again_when_too_many_wait()
    {
        await using var service = await Service.Start();
        await service.Add(Coupon());
        HttpResponseMessage[] answers;
        List<Task<HttpResponseMessage>> asked;
        using (await service.Press.Turn(CancellationToken.None))
        {
            asked = Enumerable.Range(0, 80).Select(_ => service.Get("2026-000002", Representations.Pdf)).ToList();
            List<Task<HttpResponseMessage>> refused = [];
            while (refused.Count < 80 - 64)
            {
                refused.Add(await Task.WhenAny(asked));
                asked.Remove(refused[^1]);
            }

            answers = await Task.WhenAll(refused);
        }

        Assert.That(answers.Select(answer => (answer.StatusCode, answer.Headers.RetryAfter?.Delta)), Is.All.EqualTo((HttpStatusCode.ServiceUnavailable, (TimeSpan?)TimeSpan.FromSeconds(5))));
        Assert.That((await Task.WhenAll(asked)).Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Is_one_and_the_same_for_readers_who_come_at_the_same_time_to_several_instances()
    {
        await using var one = await Service.Start();
        await one.Add(Coupon(isKeptWithSeller: false));
        // Each would render something else.
        await using var other = await one.StartAnother(seller => seller.Name = "Another name");
        var reads = await Task.WhenAll(Enumerable.Range(0, 20)
            .Select(i => (i % 2 == 0 ? one : other).Read("2026-000002", i % 3 == 0 ? "application/pdf" : "application/xml")));
        var pdfs = reads.Where((_, i) => i % 3 == 0).Select(Convert.ToHexString).Distinct().ToArray();
        var xmls = reads.Where((_, i) => i % 3 != 0).Select(Convert.ToHexString).Distinct().ToArray();
        Assert.That((pdfs.Length, xmls.Length, await one.Look(db => db.InvoiceDocuments.CountAsync())), Is.EqualTo((1, 1, 2)));
    }

    [TestCase("update invoice_documents set content = 'x'")]
    [TestCase("delete from invoice_documents")]
    [TestCase("truncate invoice_documents")]
    public async Task Is_never_changed_or_deleted_by_anybody(string attempt)
    {
        await using var service = await Service.Start();
        await service.Add(Coupon());
        await service.Read("2026-000002", "application/pdf");
        Assert.That(() => service.Look(db => db.Database.ExecuteSqlRawAsync(attempt)),
            Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo("23001"));
    }

    [TestCase("application/pdf"), TestCase("application/xml"), TestCase("application/pdf, application/xml")]
    public async Task Is_refused_to_an_invoice_in_dinars_whose_JSON_can_be_read(string accept)
    {
        await using var service = await Service.Start();
        await service.Add(Dinars());
        using (var refused = await service.Get("2026-000009", accept))
        {
            Assert.That((refused.StatusCode, refused.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.NotAcceptable, "application/problem+json")));
            var problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement;
            Assert.That(problem.GetProperty("rule").GetString(), Is.EqualTo("BR-DEC"));
            Assert.That(problem.GetProperty("available").EnumerateArray().Select(type => type.GetString()), Is.EqualTo(["application/json"]));
        }

        using var json = await service.Get("2026-000009", accept + ", application/json;q=0.1");
        Assert.That((json.StatusCode, json.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.OK, "application/json")));
        Assert.That(await service.Look(db => db.InvoiceDocuments.CountAsync()), Is.Zero);
    }

    [TestCase("2026-000002", "text/html", HttpStatusCode.NotAcceptable)]
    [TestCase("2026-999999", "application/pdf", HttpStatusCode.NotFound)]
    [TestCase("2026-999999", "application/json", HttpStatusCode.NotFound)]
    [TestCase("2026%20000002", "application/pdf", HttpStatusCode.NotFound)]
    [TestCase("2026-0000020000000000000000000000000000000", "application/pdf", HttpStatusCode.NotFound)]
    public async Task That_is_not_there_is_a_problem(string number, string accept, HttpStatusCode status)
    {
        await using var service = await Service.Start();
        await service.Add(Coupon());
        using var answer = await service.Get(number, accept);
        Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((status, "application/problem+json")));
    }

    [Test]
    public async Task Need_not_be_sent_twice()
    {
        await using var service = await Service.Start();
        await service.Add(Coupon());
        using var first = await service.Get("2026-000002", "application/pdf");
        using var again = await service.Get("2026-000002", "application/pdf", first.Headers.ETag);
        Assert.That((again.StatusCode, (await again.Content.ReadAsByteArrayAsync()).Length), Is.EqualTo((HttpStatusCode.NotModified, 0)));
        using var other = await service.Get("2026-000002", "application/xml", first.Headers.ETag);
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Can_be_asked_about()
    {
        await using var service = await Service.Start();
        await service.Add(Coupon());
        using var answer = await service.Get("2026-000002", "application/pdf", method: HttpMethod.Head);
        var length = PdfDocument.Render(Examples.All["coupon"]).Length;
        Assert.That((answer.StatusCode, answer.Content.Headers.ContentLength), Is.EqualTo((HttpStatusCode.OK, (long?)length)));
    }

    [TestCase("", "application/json", null)]
    [TestCase("application/pdf", "application/pdf", "C2026-000002.pdf")]
    [TestCase("application/xml", "application/xml", "C2026-000002.xml")]
    public async Task Of_a_credit_note_comes_as_its_reader_wants_it(string accept, string type, string? file)
    {
        await using var service = await Service.Start();
        await service.AddCredited(Coupon());
        using var answer = await service.Get("C2026-000002", accept);
        Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.OK, type)));
        Assert.That((answer.Headers.Vary.Single(), answer.Content.Headers.ContentDisposition?.FileName), Is.EqualTo(("Accept", file)));
    }

    [Test]
    public async Task Of_a_credit_note_is_what_the_renderers_make_of_it_and_rendered_once()
    {
        await using var service = await Service.Start();
        await service.AddCredited(Coupon());
        var pdfs = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => service.Read("C2026-000002", "application/pdf")));
        Assert.That(pdfs, Is.All.EqualTo(PdfDocument.Render(Examples.All["credit-note"])));
        Assert.That(await service.Read("C2026-000002", "application/xml"), Is.EqualTo(UblDocument.Render(Examples.All["credit-note"])));
        Assert.That((service.Press.Rendered, await service.Look(db => db.InvoiceDocuments.CountAsync())), Is.EqualTo((1, 0)), "its invoice was not asked for");
        // Each has its own.
        Assert.That(await service.Read("2026-000002", "application/xml"), Is.EqualTo(UblDocument.Render(Examples.All["coupon"])));
    }

    [Test]
    public async Task Of_a_credit_note_is_the_same_for_ever_whatever_the_seller_is_called_since()
    {
        await using var service = await Service.Start();
        await service.AddCredited(Coupon(isKeptWithSeller: false));
        var read = await service.Read("C2026-000002", "application/pdf");
        await using var later = await service.StartAnother(seller => seller.Name = "Another name");
        Assert.That(await later.Read("C2026-000002", "application/pdf"), Is.EqualTo(read));
        using var first = await later.Get("C2026-000002", "application/xml");
        Assert.That(await first.Content.ReadAsStringAsync(), Does.Contain("Bottega Orafo").And.Not.Contain("Another name"));
        using var again = await later.Get("C2026-000002", "application/xml", first.Headers.ETag);
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
    }

    [TestCase("update credit_note_documents set content = 'x'")]
    [TestCase("delete from credit_note_documents")]
    [TestCase("truncate credit_note_documents")]
    public async Task Of_a_credit_note_is_never_changed_or_deleted_by_anybody(string attempt)
    {
        await using var service = await Service.Start();
        await service.AddCredited(Coupon());
        await service.Read("C2026-000002", "application/pdf");
        Assert.That(() => service.Look(db => db.Database.ExecuteSqlRawAsync(attempt)),
            Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo("23001"));
    }

    [TestCase("C2026-000009", "application/pdf", HttpStatusCode.NotAcceptable, "This credit note cannot be a document of EN 16931.")]
    [TestCase("C2026-000009", "text/html", HttpStatusCode.NotAcceptable, "Credit notes are not to be had like that.")]
    [TestCase("C2026-000008", "application/pdf", HttpStatusCode.NotFound, "There is no such credit note.")]
    [TestCase("C2026%20000009", "application/pdf", HttpStatusCode.NotFound, "There is no such credit note.")]
    public async Task Of_a_credit_note_that_is_not_to_be_had_is_a_problem(string number, string accept, HttpStatusCode status, string title)
    {
        await using var service = await Service.Start();
        await service.AddCredited(Dinars());
        using var answer = await service.Get(number, accept);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.That((answer.StatusCode, problem.GetProperty("title").GetString()), Is.EqualTo((status, title)));
    }

    private static Invoice Coupon(bool isKeptWithSeller = true)
    {
        var coupon = Examples.All["coupon"];
        return Stored(Examples.Invoice(coupon.Number, coupon.Buyer, coupon.Lines, coupon.Totals), isKeptWithSeller);
    }

    private static Invoice Dinars() => Examples.Invoice(
        "2026-000009", Examples.All["coupon"].Buyer, [Examples.Line("A", "A", 1, 1.2345m, 5m, currency: "KWD")],
        Examples.Totals("KWD", 1.235m, 0m, [Examples.Vat(5m, 1.235m, 0.062m)]), "KWD");

    private static Invoice Stored(Invoice invoice, bool isKeptWithSeller) => new()
    {
        Number = invoice.Number,
        Series = invoice.Series,
        Sequence = invoice.Sequence,
        OrderId = invoice.OrderId,
        IssueDate = invoice.IssueDate,
        IssuedAt = invoice.IssuedAt,
        CustomerNumber = invoice.CustomerNumber,
        Seller = isKeptWithSeller ? invoice.Seller : null,
        Buyer = invoice.Buyer,
        Lines = invoice.Lines,
        Totals = invoice.Totals,
        Currency = invoice.Currency,
        Gross = invoice.Gross,
    };

    /// <summary>What of the service answers readers, on a real database.</summary>
    private sealed class Service : IAsyncDisposable
    {
        private readonly string _database;
        private readonly WebApplication _app;
        private readonly HttpClient _http;

        private Service(string database, WebApplication app)
        {
            (_database, _app) = (database, app);
            _http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        }

        public static async Task<Service> Start(Action<SellerOptions>? seller = null)
        {
            var service = await Start(await TestServers.CreateDatabaseAsync("documents"), seller);
            await service.Look(async db =>
            {
                await db.Database.MigrateAsync();
                return true;
            });
            return service;
        }

        /// <summary>Another instance on the same database.</summary>
        public Task<Service> StartAnother(Action<SellerOptions> seller) => Start(_database, seller);

        public DocumentPress Press => _app.Services.GetRequiredService<DocumentPress>();

        public Task<int> Add(Invoice invoice) => Look(db =>
        {
            invoice.ChainTo(new() { Name = invoice.Series, Last = invoice.Sequence, Head = HashChain.Begin(invoice.Series) });
            db.Invoices.Add(invoice);
            return db.SaveChangesAsync();
        });

        /// <summary>An invoice and its credit note.</summary>
        public async Task AddCredited(Invoice invoice)
        {
            await Add(invoice);
            await Look(db =>
            {
                var note = Examples.CreditNote(DocumentMapping.Of(invoice, Examples.Seller));
                note.ChainTo(new() { Name = note.Series, Last = note.Sequence, Head = HashChain.Begin(note.Series) });
                db.CreditNotes.Add(note);
                return db.SaveChangesAsync();
            });
        }

        /// <param name="number">Or where it is.</param>
        public async Task<HttpResponseMessage> Get(string number, string accept, EntityTagHeaderValue? ifNoneMatch = null, HttpMethod? method = null)
        {
            using var request = new HttpRequestMessage(method ?? HttpMethod.Get, number[0] == '/' ? number : $"/{(number[0] == 'C' ? "credit-notes" : "invoices")}/{number}");
            if (accept.Length > 0)
                request.Headers.TryAddWithoutValidation("Accept", accept);
            if (ifNoneMatch is not null)
                request.Headers.IfNoneMatch.Add(ifNoneMatch);
            return await _http.SendAsync(request);
        }

        public async Task<byte[]> Read(string number, string accept)
        {
            using var answer = await Get(number, accept);
            answer.EnsureSuccessStatusCode();
            return await answer.Content.ReadAsByteArrayAsync();
        }

        public async Task<T> Look<T>(Func<InvoicingDb, Task<T>> look)
        {
            await using var scope = _app.Services.CreateAsyncScope();
            return await look(scope.ServiceProvider.GetRequiredService<InvoicingDb>());
        }

        public async ValueTask DisposeAsync()
        {
            _http.Dispose();
            await _app.DisposeAsync();
        }

        private static async Task<Service> Start(string database, Action<SellerOptions>? seller)
        {
            var builder = WebApplication.CreateBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddProblemDetails();
            builder.Services.AddSingleton<TimeProvider>(new FakeTimeProvider(new DateTimeOffset(2026, 11, 26, 9, 30, 0, TimeSpan.Zero)));
            builder.Services.AddDbContextPool<InvoicingDb>(options => options.UseNpgsql(database).UseSnakeCaseNamingConvention());
            builder.Services.AddDocuments();
            builder.Services.Configure<SellerOptions>(options =>
            {
                var example = Examples.Seller;
                (options.Name, options.Street, options.PostalCode) = (example.Name, example.Street, example.PostalCode);
                (options.City, options.Country) = (example.City, example.Country);
                (options.VatId, options.Phone, options.Email, options.Iban, options.Bic) = (example.VatId, example.Phone, example.Email, example.Iban, example.Bic);
                seller?.Invoke(options);
            });
            var app = builder.Build();
            app.UseServiceDefaults();
            app.MapInvoices();
            await app.StartAsync();
            return new Service(database, app);
        }
    }
}
