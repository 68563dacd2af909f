using System.Globalization;
using System.Text.Json;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Orafo.Cli.Auditing;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Commands;
using Orafo.Cli.Mesh;
using Orafo.Contracts;
using Orafo.Invoicing;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.Cli.Tests;

/// <summary>Six invoices, three of them credited, as the service issued them; then somebody who owns the server was there.</summary>
public sealed class A_proof_of_invoices
{
    private const int Issued = 6;
    private const int Credited = 3;
    private const string ThirdInvoice = "2026-000003";

    private const string Zeros = "0000000000000000000000000000000000000000000000000000000000000000";

    /// <summary>Triggers and foreign keys do not hold for such a session.</summary>
    private const string AsSuperuser = "set session_replication_role = replica;";

    /// <summary>The smallest change of each column.</summary>
    private static readonly Dictionary<string, string> Tampering = new(StringComparer.Ordinal)
    {
        ["number"] = "number || ' '",
        ["series"] = "'2025'",
        ["sequence"] = "sequence + 100",
        ["order_id"] = "gen_random_uuid()",
        ["issue_date"] = "issue_date + 1",
        ["issued_at"] = "issued_at + interval '1 microsecond'",
        ["customer_number"] = "customer_number || ' '",
        ["buyer"] = "(buyer::text || ' ')::json",
        ["seller"] = "(seller::text || ' ')::json",
        ["lines"] = "replace(lines::text, '\"quantity\":1', '\"quantity\":2')::json",
        ["totals"] = "replace(totals::text, '10', '11')::json",
        ["currency"] = "'USD'",
        ["gross"] = "gross * 1.0",
        ["vat_rounding"] = "vat_rounding || '.'",
        ["chain"] = "sha256(chain)",
        ["invoice_number"] = "'2026-000006'",
        ["reason"] = "reason || '.'",
    };

    private static readonly string[] Shared = ["number", "series", "sequence", "order_id", "issue_date", "issued_at", "currency", "gross", "chain"];
    private static readonly string[] OfInvoices = [.. Shared, "customer_number", "buyer", "seller", "lines", "totals", "vat_rounding"];
    private static readonly string[] OfCreditNotes = [.. Shared, "invoice_number", "reason"];

    private string _issued = "";
    private string _database = "";

    private static IEnumerable<TestCaseData> Columns =>
        OfInvoices.Select(column => new TestCaseData("invoices", column)).Concat(OfCreditNotes.Select(column => new TestCaseData("credit_notes", column)));

    [OneTimeSetUp]
    public async Task Issue()
    {
        await using var service = await Start(new FakeTimeProvider(new DateTimeOffset(2026, 11, 26, 8, 0, 0, TimeSpan.Zero)));
        _issued = service.Database;
        var commands = Enumerable.Range(0, Issued).Select(_ => InvoiceCommands.Command()).ToArray();
        foreach (var command in commands)
            await service.Deliver(command);
        await service.Hears<InvoiceIssued>(Issued);
        foreach (var command in commands[..Credited])
            await service.Deliver(new CreditInvoice { OrderId = command.OrderId, Reason = "Cancelled." });
        await service.Hears<InvoiceCredited>(Credited);
    }

    [SetUp]
    public async Task Copy()
    {
        var settings = new NpgsqlConnectionStringBuilder(_issued);
        var (name, copy) = (settings.Database!, $"proof_{Guid.CreateVersion7():n}");
        settings.Database = "postgres";
        await Execute(settings.ConnectionString, $"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'; ");
        await Execute(settings.ConnectionString, $"create database {copy} template {name}");
        settings.Database = copy;
        _database = settings.ConnectionString;
    }

    [Test]
    public async Task Finds_nothing_where_nothing_is_wrong_and_prints_what_it_can_be_checked_against()
    {
        var (code, text) = await Verify();
        Assert.That(code, Is.Zero, text);
        var heads = text.Split('\n').Select(line => NotedHead.TryParse(line.Trim())).OfType<NotedHead>().ToArray();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(text, Does.Contain("2026: 6 invoices, 1 to 6, no gap").And.Contain("C2026: 3 credit notes, 1 to 3, no gap"));
            Assert.That(heads.Select(head => (head.Series, head.Sequence)), Is.EqualTo([("2026", 6), ("C2026", 3)]));
            Assert.That((await Verify(noted: [.. heads, await HeadAt(2)])).Code, Is.Zero, "the heads of today and an earlier one");
            Assert.That((await Verify(noted: [heads[0] with { Sequence = 5 }])).Code, Is.EqualTo(1), "another number");
            Assert.That((await Verify(noted: [heads[0] with { Series = "2024" }])).Code, Is.EqualTo(1), "no such series");
        }
    }

    /// <remarks>Then each instance dated by its own clock, and nothing issued can be mended.</remarks>
    [Test]
    public async Task Knows_that_dates_went_back_before_there_were_chains()
    {
        _database = await TestServers.CreateDatabaseAsync("proof");
        await using var db = new InvoicingDb(new DbContextOptionsBuilder<InvoicingDb>().UseNpgsql(_database).UseSnakeCaseNamingConvention().Options);
        await db.GetService<IMigrator>().MigrateAsync("JsonAsText");
        await db.Database.ExecuteSqlRawAsync(
            """
            insert into invoices
            select '2026-' || lpad(n::text, 6, '0'), '2026', n, gen_random_uuid(), '2026-11-26', '2026-11-26 12:00Z'::timestamptz - n * interval '1 s', 'C-1001',
                   '{{}}', '[]', '{{}}', 'EUR', 1
            from generate_series(1, 3) n;
            insert into invoice_series values ('2026', 3);
            """);
        await db.Database.MigrateAsync();
        var (code, text) = await Verify();
        Assert.That((code, text), Is.EqualTo((0, text)));
        Assert.That(text, Does.Contain("2026: 3 invoices, 1 to 3"));
    }

    [Test]
    public async Task Says_that_there_is_nothing_to_prove_before_anything_was_issued()
    {
        _database = await TestServers.CreateDatabaseAsync("proof");
        await using var db = new InvoicingDb(new DbContextOptionsBuilder<InvoicingDb>().UseNpgsql(_database).UseSnakeCaseNamingConvention().Options);
        await db.Database.MigrateAsync();
        Assert.That(await Verify(), Is.EqualTo((0, $"There is nothing to prove: nothing was issued yet.{Environment.NewLine}")));
        var (code, text) = await Verify(json: true);
        Assert.That((code, JsonDocument.Parse(text).RootElement.GetProperty("documents").GetInt64()), Is.EqualTo((0, 0L)));
        Assert.That((await Verify(noted: [new("2026", Convert.FromHexString(Zeros), 1)])).Code, Is.EqualTo(1), "something was, and it is gone");
    }

    [Test]
    public async Task Says_by_another_exit_code_that_it_could_not_look()
    {
        var nothing = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.CreateVersion7().ToString());
        Assert.That(await InvoicesCommand.Verify(new(nothing), [], json: false, CancellationToken.None), Is.EqualTo(InvoicesCommand.CouldNotLook));
    }

    [Test]
    public async Task Is_one_JSON_object_for_programs()
    {
        await Execute(_database, AsSuperuser + $"update invoices set gross = 1 where number = '{ThirdInvoice}'");
        var (code, text) = await Verify(json: true);
        var series = JsonDocument.Parse(text).RootElement.GetProperty("series")[0];
        Assert.That((code, series.GetProperty("name").GetString(), series.GetProperty("last").GetInt32(), series.GetProperty("faultCount").GetInt64()),
            Is.EqualTo((1, "2026", 6, 1L)), text);
    }

    [TestCaseSource(nameof(Columns))]
    public async Task Finds_a_changed(string table, string column)
    {
        var third = table == "invoices" ? ThirdInvoice : "C2026-000003";
        await Execute(_database, AsSuperuser + $"update {table} set {column} = {Tampering[column]} where number = '{third}'");
        var (code, text) = await Verify();
        Assert.That(code, Is.EqualTo(1), text);
        // Whatever leaves the row in its place is found in it and, but for its chain value, nowhere else in its series.
        if (column is not ("series" or "sequence"))
            Assert.That(text, Does.Contain($"FAULT {third}"));
    }

    [Test]
    public async Task Knows_every_column()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ColumnsOf("invoices"), Is.EquivalentTo(OfInvoices));
            Assert.That(await ColumnsOf("credit_notes"), Is.EquivalentTo(OfCreditNotes));
        }
    }

    [TestCase("delete from invoices where sequence = 6", "given out numbers up to 6, its invoices end with 5")]
    [TestCase("delete from invoices where sequence = 3", "before 2026-000004, 1 numbers are missing")]
    [TestCase("delete from invoices where sequence = 1", "before 2026-000002, 1 numbers are missing")]
    [TestCase("delete from invoices", "given out numbers up to 6, its invoices end with 0")]
    [TestCase("delete from credit_notes where sequence = 3", "given out numbers up to 3, its credit notes end with 2")]
    [TestCase("delete from invoice_series where name = '2026'", "series 2026 has invoices, but no counter")]
    [TestCase("update invoice_series set last = 7 where name = '2026'", "given out numbers up to 7")]
    [TestCase("update invoice_series set head = sha256('') where name = '2026'", "the head of series 2026 is not that of its last document")]
    [TestCase("update invoices set issue_date = '2026-11-25' where sequence = 4", "2026-000004 is dated 2026-11-25, before")]
    [TestCase("drop index ix_invoices_series_sequence; insert into invoices select number || 'b', series, sequence, gen_random_uuid(), issue_date, issued_at, customer_number, buyer, lines, totals, currency, gross, seller, chain from invoices where sequence = 3", "has a number that was given out before")]
    [TestCase("update credit_notes set gross = 1 where sequence = 2", "C2026-000002 does not fit the invoice that it credits")]
    [TestCase("insert into invoices select '2026-000007', series, 7, gen_random_uuid(), issue_date, issued_at, customer_number, buyer, lines, totals, currency, gross, seller, chain from invoices where sequence = 6", "given out numbers up to 6, its invoices end with 7")]
    public async Task Finds_a_ledger_that_was_damaged(string damage, string fault)
    {
        await Execute(_database, AsSuperuser + damage);
        var (code, text) = await Verify();
        Assert.That(code, Is.EqualTo(1));
        Assert.That(text, Does.Contain(fault));
    }

    [Test]
    public async Task Finds_two_invoices_that_changed_places()
    {
        await Execute(_database, AsSuperuser + """
            update invoices set number = 'x', sequence = 100 where sequence = 3;
            update invoices set number = '2026-000003', sequence = 3 where sequence = 4;
            update invoices set number = '2026-000004', sequence = 4 where sequence = 100;
            """);
        var (code, text) = await Verify();
        Assert.That(code, Is.EqualTo(1));
        Assert.That(text, Does.Contain("FAULT 2026-000003 is not what was issued").And.Contain("FAULT 2026-000004 is not what was issued"));
    }

    /// <remarks>There is no secret in the chain: who can write everything can work it out anew. So its heads are kept elsewhere.</remarks>
    [TestCase("update invoices set gross = 1, totals = replace(totals::text, '12.20', '1')::json where sequence = 4")]
    [TestCase("delete from invoices where sequence = 6; update invoice_series set last = 5 where name = '2026'")]
    public async Task Finds_a_series_that_was_chained_anew_by_the_head_that_was_noted_before(string damage)
    {
        var (today, yesterday) = (await HeadAt(6), await HeadAt(3));
        await Execute(_database, AsSuperuser + damage);
        await ChainAnew();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((await Verify()).Code, Is.Zero, "in itself it is sound");
            Assert.That((await Verify(noted: [yesterday])).Code, Is.Zero, "up to there it was not touched");
            var (code, text) = await Verify(noted: [yesterday, today]);
            Assert.That(code, Is.EqualTo(1));
            Assert.That(text, Does.Contain($"FAULT {today} was noted, but is not in the chain"));
        }
    }

    [Test]
    public async Task Is_of_one_moment_while_invoices_are_issued()
    {
        const int orders = 200, portion = 40;
        await using var service = await Start(TimeProvider.System);
        _database = service.Database;
        var (counts, ordered, isNew) = (new HashSet<long>(), 0, true);
        while (counts.DefaultIfEmpty().Max() < orders)
        {
            // More are ordered as soon as some of those before are seen: however quickly they are issued, it is looked at in between.
            for (var i = 0; isNew && i < portion && ordered < orders; i++, ordered++)
                await service.Deliver(InvoiceCommands.Command());
            var proofs = await new InvoiceProof(_database).RunAsync([], CancellationToken.None);
            Assert.That(proofs.SelectMany(proof => proof.Faults), Is.Empty);
            isNew = counts.Add(proofs.Sum(proof => proof.Count));
        }

        Assert.That(counts, Has.Count.GreaterThan(2), "it was looked at in between");
    }

    [TestCase(""), TestCase("2026"), TestCase("2026=00@1"), TestCase("=" + Zeros + "@1"), TestCase("2026=" + Zeros), TestCase("2026=" + Zeros + "@-1"), TestCase("2026=" + Zeros + "@x")]
    [TestCase("2026=g000000000000000000000000000000000000000000000000000000000000000@1")]
    public void Takes_no_other_text_for_a_head(string text) => Assert.That(NotedHead.TryParse(text), Is.Null);

    private async Task<(int Code, string Text)> Verify(bool json = false, NotedHead[]? noted = null)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        var code = InvoicesCommand.Show(await new InvoiceProof(_database).RunAsync(noted ?? [], CancellationToken.None), json, text);
        return (code, text.ToString());
    }

    private async Task<NotedHead> HeadAt(int sequence)
    {
        await using var connection = await Open(_database);
        await using var command = new NpgsqlCommand($"select chain from invoices where sequence = {sequence}", connection);
        return new("2026", (byte[])(await command.ExecuteScalarAsync())!, sequence);
    }

    private async Task<List<string>> ColumnsOf(string table)
    {
        await using var connection = await Open(_database);
        await using var command = new NpgsqlCommand($"select column_name from information_schema.columns where table_name = '{table}'", connection);
        await using var rows = await command.ExecuteReaderAsync();
        List<string> columns = [];
        while (await rows.ReadAsync())
            columns.Add(rows.GetString(0));
        return columns;
    }

    /// <summary>What a forger does who has read the README.</summary>
    private async Task ChainAnew()
    {
        await using var connection = await Open(_database);
        List<(string Number, string[] Fields)> invoices = [];
        await using (var command = new NpgsqlCommand(ProofStatements.Invoices, connection) { Parameters = { new() { Value = "2026" } } })
        {
            await using var rows = await command.ExecuteReaderAsync();
            while (await rows.ReadAsync())
                invoices.Add((rows.GetString(1), rows.GetFieldValue<string[]>(5)));
        }

        var head = HashChain.Begin("2026");
        foreach (var (number, fields) in invoices)
        {
            head = HashChain.Extend(head, fields);
            await Execute(_database, AsSuperuser + $"update invoices set chain = '\\x{Convert.ToHexString(head)}' where number = '{number}'; update invoice_series set head = '\\x{Convert.ToHexString(head)}' where name = '2026'");
        }
    }

    private static async Task Execute(string database, string sql)
    {
        await using var connection = await Open(database);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<NpgsqlConnection> Open(string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private static Task<ConsumerHarness<InvoicingDb>> Start(TimeProvider time) => ConsumerHarness<InvoicingDb>.StartAsync(
        bus =>
        {
            bus.AddConsumer<GenerateInvoiceConsumer, GenerateInvoiceDefinition>();
            bus.AddPrefetch<InvoicePrefetch>();
            bus.AddConsumer<CreditInvoiceConsumer, CreditInvoiceDefinition>();
            bus.AddPrefetch<CreditPrefetch>();
        },
        services =>
        {
            services.AddSingleton(time);
            services.AddOptions<SellerOptions>();
            services.Configure<PrintingOptions>(options => options.Printers["main"] = new() { Url = new Uri("http://printer.invalid") });
            services.AddSingleton<PrintPace>();
            services.AddJobQueue<PrintInvoice>(PrintInvoice.Queue);
        },
        options => options.UseJobQueues(),
        typeof(InvoiceIssued), typeof(InvoiceCredited));
}
