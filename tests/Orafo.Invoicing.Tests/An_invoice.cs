using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.Invoicing.Tests;

public sealed class An_invoice
{
    private static readonly OrderTotals Sound = new()
    {
        Currency = "EUR",
        LinesNet = 10m,
        Allowance = 0m,
        Net = 10m,
        Vat = 2.20m,
        Gross = 12.20m,
        VatBreakdown = [new() { Category = "S", Rate = 22m, TaxableAmount = 10m, VatAmount = 2.20m }],
    };

    [Test]
    public async Task Has_a_number_without_gap_or_double_although_several_instances_issue_many_at_once_and_some_fail()
    {
        await using var service = await Start();
        await using var other = await Start(database: service.Database);
        var good = Enumerable.Range(0, 100).Select(_ => Command()).ToArray();
        // Fails after it has taken its number: the column does not take a currency like that.
        var bad = Enumerable.Range(0, 20).Select(_ => Command(Sound with { Currency = "eur" })).ToArray();
        await Task.WhenAll(good.Zip([.. bad, .. good]).SelectMany(pair => new[] { service.Deliver(pair.First), other.Deliver(pair.Second) }));

        await service.Sees(db => db.Invoices.CountAsync(), count => count == good.Length);
        var sequences = await service.Look(db => db.Invoices.OrderBy(invoice => invoice.Sequence).Select(invoice => invoice.Sequence).ToListAsync());
        var orders = await service.Look(db => db.Invoices.Select(invoice => invoice.OrderId).ToListAsync());
        Assert.That(sequences, Is.EqualTo(Enumerable.Range(1, good.Length)));
        Assert.That(orders, Is.EquivalentTo(good.Select(command => command.OrderId)));
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
    }

    /// <remarks>What a server does with a connection whose process is killed. A killed process of the mesh is the chaos run's business.</remarks>
    [Test]
    public async Task Has_a_number_without_gap_or_double_although_connections_die_at_any_moment()
    {
        const int deaths = 30;
        await using var service = await Start();
        await using var other = await Start(database: service.Database);
        List<GenerateInvoice> commands = [];
        var died = 0;
        await using (var killer = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(service.Database) { Pooling = false }.ConnectionString))
        {
            await killer.OpenAsync();
            await using var kill = new NpgsqlCommand(
                """
                select count(pg_terminate_backend(pid)) from
                    (select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' limit 1) busy
                """, killer);
            await using var count = new NpgsqlCommand("select count(*)::int from invoices", killer);
            while (died < deaths)
            {
                GenerateInvoice[] more = [.. Enumerable.Range(0, 50).Select(_ => Command())];
                commands.AddRange(more);
                await Task.WhenAll(more.Select((command, i) => (i % 2 == 0 ? service : other).Deliver(command)));
                // As many as can be had while there is something to do.
                while (died < deaths && (int)(await count.ExecuteScalarAsync())! < commands.Count)
                    died += (int)(long)(await kill.ExecuteScalarAsync())!;
            }
        }

        // Some died in their pool, and nobody has found out yet.
        foreach (var instance in new[] { service, other })
            instance.Services.GetRequiredService<NpgsqlDataSource>().Clear();
        await service.Sees(db => db.Invoices.CountAsync(), count => count == commands.Count);
        var issued = await service.Look(db => db.Invoices.OrderBy(invoice => invoice.Sequence).Select(invoice => new { invoice.Sequence, invoice.OrderId }).ToListAsync());
        Assert.That(issued.Select(invoice => invoice.Sequence), Is.EqualTo(Enumerable.Range(1, commands.Count)));
        Assert.That(issued.Select(invoice => invoice.OrderId), Is.EquivalentTo(commands.Select(command => command.OrderId)));
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
    }

    [Test]
    public async Task Is_never_dated_before_the_one_with_the_number_before()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));
        await using var service = await Start(services => services.AddSingleton<TimeProvider>(time));
        await service.Deliver(Command());
        await service.Hears<InvoiceIssued>();
        // Another instance, whose clock is a day behind.
        var late = new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        await using var behind = await Start(services => services.AddSingleton<TimeProvider>(late), database: service.Database);
        await behind.Deliver(Command());

        await service.Sees(db => db.Invoices.CountAsync(), count => count == 2);
        Assert.That(await service.Look(db => db.Invoices.Select(invoice => new { invoice.IssueDate, invoice.IssuedAt }).Distinct().ToListAsync()),
            Is.EqualTo(new[] { new { IssueDate = new DateOnly(2026, 3, 2), IssuedAt = time.GetUtcNow() } }));
    }

    [Test]
    public async Task Is_issued_once_for_an_order_whose_step_is_repeated()
    {
        await using var service = await Start();
        var command = Command();
        for (var i = 1; i <= 3; i++)
        {
            await service.Deliver(command);
            await service.Hears<InvoiceIssued>(i);
        }

        Assert.That((await service.Hears<InvoiceIssued>(3)).Distinct(), Has.Exactly(1).Items);
        Assert.That(await service.Look(db => db.Set<JobRow>(PrintInvoice.Queue).CountAsync()), Is.EqualTo(1));
    }

    [Test]
    public async Task Starts_a_new_series_with_the_year_of_the_sellers_time_zone()
    {
        // 23:30 UTC on New Year's Eve is the next year in Rome.
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 12, 31, 22, 30, 0, TimeSpan.Zero));
        await using var service = await Start(services => services.AddSingleton<TimeProvider>(time));
        await service.Deliver(Command());
        await service.Hears<InvoiceIssued>();
        time.SetUtcNow(new DateTimeOffset(2026, 12, 31, 23, 30, 0, TimeSpan.Zero));
        await service.Deliver(Command());

        Assert.That((await service.Hears<InvoiceIssued>(2)).Select(issued => (issued.InvoiceNumber, issued.IssueDate)),
            Is.EqualTo(new[] { ("2026-000001", new DateOnly(2026, 12, 31)), ("2027-000001", new DateOnly(2027, 1, 1)) }));
    }

    [TestCase("update invoices set gross = 0")]
    [TestCase("delete from invoices")]
    [TestCase("truncate invoices cascade")]
    public async Task Is_never_changed_or_deleted_by_anybody(string attempt)
    {
        await using var service = await Start();
        await service.Deliver(Command());
        await service.Hears<InvoiceIssued>();
        Assert.That(() => service.Look(db => db.Database.ExecuteSqlRawAsync(attempt)),
            Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo("23001"));
    }

    [Test]
    public async Task Is_refused_if_its_totals_do_not_add_up()
    {
        await using var service = await Start();
        var sound = Command();
        await service.Deliver(Command(Sound with { Gross = 12.21m }));
        await service.Deliver(Command(Sound with { LinesNet = 11m }));
        await service.Deliver(sound);
        var issued = (await service.Hears<InvoiceIssued>()).Single();
        Assert.That((issued.OrderId, issued.InvoiceNumber[^6..]), Is.EqualTo((sound.OrderId, "000001")));
    }

    [Test]
    public async Task Keeps_how_its_VAT_was_rounded()
    {
        await using var service = await Start();
        await service.Deliver(Command());
        await service.Hears<InvoiceIssued>();
        Assert.That(await service.Look(db => db.Invoices.Select(invoice => invoice.VatRounding).SingleAsync()), Is.EqualTo("per-category-half-away-from-zero"));
    }

    [Test]
    public async Task Of_which_there_can_be_no_page_is_not_issued_for_paper_and_the_order_is_told_why()
    {
        await using var service = await Start();
        var dinars = Command(new()
        {
            Currency = "KWD",
            LinesNet = 10m,
            Allowance = 0m,
            Net = 10m,
            Vat = 2.2m,
            Gross = 12.2m,
            VatBreakdown = [new() { Category = "S", Rate = 22m, TaxableAmount = 10m, VatAmount = 2.2m }],
        });
        for (var time = 1; time <= 2; time++)
        {
            await service.Deliver(dinars);
            var failed = (await service.Hears<InvoiceFailed>(time))[^1];
            Assert.That((failed.OrderId, failed.InvoiceNumber), Is.EqualTo((dinars.OrderId, (string?)null)));
            Assert.That(failed.Reason, Does.StartWith("The invoice cannot be printed (BR-DEC).").And.Contains("KWD"));
        }

        Assert.That(await service.Look(db => db.Invoices.CountAsync()), Is.Zero);
        // As data it can be had.
        await service.Deliver(dinars with { Delivery = InvoiceMedium.Electronic });
        Assert.That((await service.Hears<InvoiceGenerated>()).Single().InvoiceNumber[^6..], Is.EqualTo("000001"));
    }

    [Test]
    public async Task Keeps_the_seller_of_the_day_of_issue()
    {
        await using var service = await Start();
        await service.Deliver(Command());
        await service.Hears<InvoiceIssued>();
        var seller = await service.Look(db => db.Invoices.Select(invoice => invoice.Seller).SingleAsync());
        Assert.That((seller?.Name, seller?.Iban, seller?.AccountName), Is.EqualTo(("Bottega Orafo S.r.l.", "IT60X0542811101000000123456", "Bottega Orafo S.r.l.")));
    }

    internal static GenerateInvoice Command(OrderTotals? totals = null) => new()
    {
        OrderId = Guid.CreateVersion7(),
        CustomerNumber = "C-1001",
        Customer = new() { Name = "Orafo", Street = "Via Maggio 11", PostalCode = "50125", City = "Firenze", Country = "IT" },
        Lines = [new() { Sku = "MUG-01", Name = "Mug", Quantity = 1, UnitPrice = 10m, VatCategory = "S", VatRate = 22m, NetAmount = 10m }],
        Totals = totals ?? Sound,
    };

    /// <summary>The consumers; nobody prints, unless <paramref name="printing"/> says who.</summary>
    /// <param name="services">What else is registered.</param>
    /// <param name="printing">Whoever prints.</param>
    /// <param name="database">Of the instance beside which this one is to run; a new one if left out.</param>
    internal static async Task<ConsumerHarness<InvoicingDb>> Start(
        Action<IServiceCollection>? services = null, Action<IServiceCollection>? printing = null, string? database = null) =>
        await ConsumerHarness<InvoicingDb>.StartAsync(
            database ?? await TestServers.CreateDatabaseAsync("invoicing"),
            bus =>
            {
                bus.AddConsumer<GenerateInvoiceConsumer, GenerateInvoiceDefinition>();
                bus.AddPrefetch<InvoicePrefetch>();
                bus.AddConsumer<CreditInvoiceConsumer, CreditInvoiceDefinition>();
                bus.AddPrefetch<CreditPrefetch>();
            },
            collection =>
            {
                collection.AddOptions<SellerOptions>()
                    .Configure(seller => (seller.Name, seller.Iban) = ("Bottega Orafo S.r.l.", "IT60 X054 2811 1010 0000 0123 456"));
                services?.Invoke(collection);
                (printing ?? OnlyQueue)(collection);
            },
            options => options.UseJobQueues(),
            typeof(InvoiceIssued), typeof(InvoiceGenerated), typeof(InvoiceFailed), typeof(InvoiceCredited));

    private static void OnlyQueue(IServiceCollection services)
    {
        services.Configure<PrintingOptions>(options => options.Printers["main"] = new() { Url = new Uri("http://printer.invalid") });
        services.AddSingleton<PrintPace>();
        services.AddJobQueue<PrintInvoice>(PrintInvoice.Queue);
    }
}
