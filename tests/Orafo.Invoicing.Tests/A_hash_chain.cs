using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;
using Orafo.Contracts;
using Orafo.Testing;

namespace Orafo.Invoicing.Tests;

public sealed class A_hash_chain
{
    private static readonly string[] Example =
    [
        "orafo-invoice/1", "2026-000001", "2026", "1", "01932b1e-0000-7000-8000-000000000001", "2026-11-26", "2026-11-26T08:15:30.123456Z", "C-1001",
        """{"name":"Orafo"}""", """{"name":"Bottega"}""", "[]", "{}", "EUR", "12.20",
    ];

    /// <summary>Text as it may stand in a column.</summary>
    private static readonly Gen<string> Texts = Gen.OneOf(Gen.String[Gen.Char["0123456789:,ä€\"\\"], 0, 5], Gen.String.Where(IsStorable));

    [Test]
    public void Begins_and_goes_on_as_the_readme_says()
    {
        var begin = HashChain.Begin("2026");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Auditor.Readme, Does.Contain($"`{Convert.ToHexStringLower(begin)}`"));
            Assert.That(Auditor.Readme, Does.Contain($"`{Convert.ToHexStringLower(HashChain.Extend(begin, Example))}`"));
            Assert.That(begin, Is.EqualTo(SHA256.HashData("14:orafo-series/1,4:2026,"u8)));
        }
    }

    /// <remarks>Whoever reads the bytes finds the fields again, so no two sequences of fields have the same ones.</remarks>
    [Test]
    public void Covers_bytes_that_no_other_fields_have() =>
        Gen.Select(Texts.Array[0, 8], Gen.Byte.Array[32]).Sample((fields, previous) =>
        {
            byte[] canonical = [.. fields.SelectMany(field => (byte[])[.. Encoding.ASCII.GetBytes($"{Encoding.UTF8.GetByteCount(field)}:"), .. Encoding.UTF8.GetBytes(field), (byte)','])];
            return HashChain.Extend(previous, fields).SequenceEqual(SHA256.HashData([.. previous, .. canonical])) && FieldsOf(canonical).SequenceEqual(fields);
        });

    /// <summary>Values whose text could differ between here and PostgreSQL.</summary>
    [Test]
    public async Task Is_the_same_from_what_the_database_returns()
    {
        await using var service = await An_invoice.Start();
        GenerateInvoice With(decimal gross, string name) => An_invoice.Command() with
        {
            CustomerNumber = name,
            Customer = An_invoice.Command().Customer with { Name = name, VatId = "IT01234567890" },
            Delivery = InvoiceMedium.Electronic,
            Lines = [new() { Sku = "ANY", Name = name, Quantity = 1, UnitPrice = gross, VatCategory = "Z", VatRate = 0, NetAmount = gross }],
            Totals = new() { Currency = "EUR", LinesNet = gross, Allowance = 0, Net = gross, Vat = 0, Gross = gross, VatBreakdown = [new() { Category = "Z", Rate = 0, TaxableAmount = gross, VatAmount = 0 }] },
        };
        decimal[] amounts = [0m, 0.00m, 1.0m, 12.20m, 1.0000000m, 79228162514264337593543950335m, new(0, 0, 0, isNegative: true, scale: 2)];
        string[] names = ["", "Łukasz \"O'Neil\" \\ €𝄞", "a:b,c", "line\nbreak\ttab", "1:1,", "\u2028"];
        var commands = amounts.SelectMany(amount => names.Select(name => With(amount, name))).ToArray();
        await Task.WhenAll(commands.Select(command => service.Deliver(command)));
        await service.Sees(db => db.Invoices.CountAsync(), count => count == commands.Length);
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);

        RequireSameChain(await service.Look(db => db.Invoices.AsNoTracking().OrderBy(invoice => invoice.Sequence).ToListAsync()));
    }

    /// <remarks>What was issued before the rounding was kept has the first form, and still verifies; what says how it was rounded cannot be made to say something else.</remarks>
    [TestCase("update invoices set vat_rounding = 'half-even' where vat_rounding is not null"), TestCase("update invoices set vat_rounding = null")]
    public async Task Covers_how_an_invoice_was_rounded_if_it_says_so(string change)
    {
        await using var service = await An_invoice.Start();
        await service.Look(async db =>
        {
            var series = new InvoiceSeries { Name = "2026", Last = 0, Head = HashChain.Begin("2026") };
            db.Add(series);
            foreach (var rounding in new[] { null, SoundTotals.VatRounding, null })
                db.Add(Issue(series, rounding));
            return await db.SaveChangesAsync();
        });
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
        await service.Look(db => db.Database.ExecuteSqlRawAsync("alter table invoices disable trigger invoices_are_immutable"));
        await service.Look(db => db.Database.ExecuteSqlRawAsync(change));
        Assert.That(await Auditor.BrokenLinks(service.Database), Is.EqualTo(["2026-000002"]));
    }

    private static Invoice Issue(InvoiceSeries series, string? rounding)
    {
        var command = An_invoice.Command();
        var invoice = new Invoice
        {
            Sequence = series.TakeNumber(),
            Number = series.LastNumber(),
            Series = series.Name,
            OrderId = command.OrderId,
            IssueDate = new DateOnly(2026, 11, 26),
            IssuedAt = new DateTimeOffset(2026, 11, 26, 9, 30, 0, TimeSpan.Zero),
            CustomerNumber = command.CustomerNumber,
            Buyer = command.Customer,
            Lines = command.Lines,
            Totals = command.Totals,
            Currency = command.Totals.Currency,
            Gross = command.Totals.Gross,
            VatRounding = rounding,
        };
        invoice.ChainTo(series);
        return invoice;
    }

    /// <remarks>The text is that of the version before there were charges: what it issued still verifies.</remarks>
    [TestCase("0"), TestCase("0.00")]
    public void Has_no_trace_of_a_charge_that_there_is_not(string none)
    {
        var charge = decimal.Parse(none, CultureInfo.InvariantCulture);
        var totals = new OrderTotals
        {
            Currency = "EUR",
            LinesNet = 10m,
            Allowance = 0m,
            Charge = charge,
            Net = 10m,
            Vat = 2.20m,
            Gross = 12.20m,
            VatBreakdown = [new() { Category = "S", Rate = 22m, Charge = charge, TaxableAmount = 10m, VatAmount = 2.20m }],
        };
        string[] before =
        [
            "orafo-invoice/1", "2026-000001", "2026", "1", "01932b1e-0000-7000-8000-000000000001", "2026-11-26", "2026-11-26T08:15:30.123456Z", "C-1001",
            """{"name":"Orafo","street":"Via Maggio 11","postalCode":"50125","city":"Firenze","country":"IT","vatId":null}""", "",
            """[{"sku":"MUG-01","name":"Mug","quantity":1,"unitPrice":10,"vatCategory":"S","vatRate":22,"netAmount":10}]""",
            """{"currency":"EUR","linesNet":10,"allowance":0,"net":10,"vat":2.20,"gross":12.20,"vatBreakdown":[{"category":"S","rate":22,"taxableAmount":10,"vatAmount":2.20}]}""",
            "EUR", "12.20",
        ];
        var invoice = new Invoice
        {
            Number = before[1],
            Series = before[2],
            Sequence = 1,
            OrderId = Guid.Parse(before[4]),
            IssueDate = new(2026, 11, 26),
            IssuedAt = DateTimeOffset.Parse(before[6], CultureInfo.InvariantCulture),
            CustomerNumber = before[7],
            Buyer = An_invoice.Command().Customer,
            Lines = An_invoice.Command().Lines,
            Totals = totals,
            Currency = "EUR",
            Gross = 12.20m,
        };
        invoice.ChainTo(new() { Name = "2026", Last = 1, Head = HashChain.Begin("2026") });
        Assert.That(invoice.Chain, Is.EqualTo(HashChain.Extend(HashChain.Begin("2026"), before)));
    }

    [Test]
    public async Task Covers_a_charge_that_there_is()
    {
        await using var service = await An_invoice.Start();
        var shipped = An_invoice.Command(new()
        {
            Currency = "EUR",
            LinesNet = 10m,
            Allowance = 0m,
            Charge = 4.90m,
            Net = 14.90m,
            Vat = 3.28m,
            Gross = 18.18m,
            VatBreakdown = [new() { Category = "S", Rate = 22m, Charge = 4.90m, TaxableAmount = 14.90m, VatAmount = 3.28m }],
        });
        foreach (var command in new[] { An_invoice.Command(), shipped })
        {
            await service.Deliver(command);
            await service.Sees(db => db.Invoices.CountAsync(invoice => invoice.OrderId == command.OrderId), count => count == 1);
        }

        Assert.That(await Auditor.BrokenLinks(service.Database), Is.Empty);
        Assert.That(await service.Look(db => db.Database.SqlQueryRaw<string>("""select totals::text as "Value" from invoices order by sequence""").ToListAsync()), Is.EqualTo(new[]
        {
            """{"currency":"EUR","linesNet":10,"allowance":0,"net":10,"vat":2.20,"gross":12.20,"vatBreakdown":[{"category":"S","rate":22,"taxableAmount":10,"vatAmount":2.20}]}""",
            """{"currency":"EUR","linesNet":10,"allowance":0,"charge":4.90,"net":14.90,"vat":3.28,"gross":18.18,"vatBreakdown":[{"category":"S","rate":22,"charge":4.90,"taxableAmount":14.90,"vatAmount":3.28}]}""",
        }));
        RequireSameChain(await service.Look(db => db.Invoices.AsNoTracking().OrderBy(invoice => invoice.Sequence).ToListAsync()));
    }

    [Test]
    public async Task Is_given_to_what_was_issued_before_there_was_one()
    {
        await using var db = new InvoicingDb(new DbContextOptionsBuilder<InvoicingDb>()
            .UseNpgsql(await TestServers.CreateDatabaseAsync("invoicing")).UseSnakeCaseNamingConvention().Options);
        var migrator = db.GetService<IMigrator>();
        await migrator.MigrateAsync("JsonAsText");
        await db.Database.ExecuteSqlRawAsync(
            """
            insert into invoices
            select series || '-' || lpad(sequence::text, 6, '0'), series, sequence, gen_random_uuid(), '2026-11-26', now(), 'C-1001 €',
                   '{{ "name" : "Łukasz" }}', '[]', '{{}}', 'EUR', sequence * 1.10
            from (values ('2025'), ('2026')) s (series), generate_series(1, 3) sequence;
            insert into invoice_series values ('2025', 3), ('2026', 3), ('2027', 0);
            """);
        await migrator.MigrateAsync();

        var database = db.Database.GetConnectionString()!;
        Assert.That(await Auditor.BrokenLinks(database), Is.Empty);
        var series = await db.Series.AsNoTracking().OrderBy(x => x.Name).ToListAsync();
        var last = await db.Invoices.Where(invoice => invoice.Number == "2026-000003").Select(invoice => new { invoice.Chain, invoice.IssuedAt }).SingleAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((series[1].Head, series[1].LastIssuedAt), Is.EqualTo((last.Chain, (DateTimeOffset?)last.IssuedAt)));
            Assert.That((series[2].Head, series[2].LastIssuedAt), Is.EqualTo((HashChain.Begin("2027"), (DateTimeOffset?)null)));
            Assert.That(() => db.Database.ExecuteSqlRawAsync("update invoices set gross = 0"), Throws.TypeOf<PostgresException>(), "guarded again");
        }

        await migrator.MigrateAsync("JsonAsText");
        Assert.That(await db.Database.SqlQueryRaw<int>("""select count(*)::int as "Value" from invoices""").SingleAsync(), Is.EqualTo(6));
    }

    /// <summary>Read back by the service, they give the same values again.</summary>
    /// <param name="invoices">All of a series.</param>
    private static void RequireSameChain(List<Invoice> invoices)
    {
        var head = HashChain.Begin(invoices[0].Series);
        foreach (var invoice in invoices)
        {
            var chained = invoice.Chain;
            invoice.ChainTo(new() { Name = invoice.Series, Last = invoice.Sequence, Head = head });
            Assert.That(invoice.Chain, Is.EqualTo(chained), invoice.Number);
            head = chained;
        }
    }

    private static IEnumerable<string> FieldsOf(byte[] canonical)
    {
        for (var at = 0; at < canonical.Length;)
        {
            var colon = Array.IndexOf(canonical, (byte)':', at);
            var length = int.Parse(Encoding.ASCII.GetString(canonical[at..colon]), CultureInfo.InvariantCulture);
            yield return Encoding.UTF8.GetString(canonical, colon + 1, length);
            at = colon + 1 + length + 1;
        }
    }

    /// <summary>PostgreSQL takes neither NUL nor half of a surrogate pair.</summary>
    private static bool IsStorable(string text) => !text.Contains('\0') && Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) == text;
}
