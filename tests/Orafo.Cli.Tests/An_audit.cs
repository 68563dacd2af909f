using Npgsql;
using Orafo.Cli.Auditing;
using Orafo.Cli.Mesh;
using Orafo.Testing;

namespace Orafo.Cli.Tests;

/// <summary>Ledgers that are made to be wrong in each way that the audit looks for.</summary>
public sealed class An_audit
{
    private const string Order = "11111111-1111-7111-8111-111111111111";
    private readonly Dictionary<string, string> _databases = new(StringComparer.Ordinal);

    private static IEnumerable<TestCaseData> Faults =>
    [
        Fault("is completed without an accepted detail record", ("order-details", "delete from order_details")),
        Fault("its detail record says", ("order-details", "update order_details set gross = 1")),
        Fault("nothing says what it holds", ("order-details", "delete from order_holds")),
        Fault("was not accepted, but what it holds is final", ("order-details", "update order_details set accepted = false")),
        Fault("is completed, but what it held was released", ("order-details", "update order_holds set state = 'released'")),
        Fault("is completed, but what it holds is not final", ("order-details", "update order_holds set state = 'held'")),
        Fault("is cancelled, but what it holds is final", ("ordering", "update order_saga set current_state = 'Cancelled'")),
        Fault("came to nothing, but what it holds was not released", ("ordering", Another("Cancelled"))),
        Fault("Of article MUG-01 3 pieces are taken, orders hold 2", ("order-details", "update articles set taken = 3 where sku = 'MUG-01'")),
        Fault("Of article MUG-01 2 pieces are taken, orders hold 0", ("order-details", "update order_holds set state = 'released'")),
        Fault("Of article MUG-01 0 pieces are taken, orders hold 2", ("order-details", "delete from articles")),
        Fault("Of article MUG-01 2 pieces are taken, orders hold 2", ("order-details", "update articles set stock = 1")),
        Fault("Coupon SPRING counts 1 uses, orders hold 0", ("order-details", "update order_holds set coupon_code = null")),
        Fault("Coupon AUTUMN counts 7 uses, orders hold 0", ("order-details", "update coupons set uses = 7 where code = 'AUTUMN'")),
        Fault("Coupon SPRING counts 1 uses, orders hold 1", ("order-details", "update coupons set most_uses = 0")),
        Fault("is completed without an invoice", ("invoicing", "delete from invoice_deliveries; delete from invoices")),
        Fault("its invoice says", ("invoicing", "update invoices set gross = 1")),
        Fault("but was issued", ("invoicing", "update invoices set number = '2026-000009'; update invoice_deliveries set invoice_number = '2026-000009'")),
        Fault("but its invoice is parked", ("invoicing", "delete from invoice_deliveries; " + Job("parked"))),
        Fault("has 2 invoices", ("invoicing", Job("waiting"))),
        Fault("without a delivery or a print job", ("invoicing", "delete from invoice_deliveries")),
        Fault("has a delivery or a print job without invoice", ("invoicing", "delete from invoices")),
        Fault("has 2 invoices", ("invoicing", $"insert into invoices values ('2026-000002', '{Order}', '2026', 2, 'EUR', 12.2); insert into invoice_deliveries values ('2026-000002', '{Order}')")),
        Fault("is completed without a hand-over", ("hand-over", "delete from hand_overs")),
        Fault("handed over with", ("hand-over", "update hand_overs set total = 1")),
        Fault("is completed, but its hand-over is booking", ("hand-over", "update hand_overs set state = 'booking'")),
        Fault("is cancelled, but its hand-over is handed-over", ("ordering", "update order_saga set current_state = 'Cancelled'")),
        Fault("is Cancelled, but the carrier has its parcel OR1", ("ordering", "update order_saga set current_state = 'Cancelled'")),
        Fault("was recalled, but the carrier has its parcel OR1", ("hand-over", "update hand_overs set state = 'recalled'")),
        Fault("was handed over as OR2, but the carrier has OR1", ("hand-over", "update hand_overs set tracking_number = 'OR2'")),
        Fault("is rejected and has an invoice", ("ordering", "update order_saga set current_state = 'Rejected'")),
        Fault("is rejected, but its detail record does not say so", ("ordering", "update order_saga set current_state = 'Rejected'")),
        Fault("is rejected and was handed over", ("ordering", "update order_saga set current_state = 'Rejected'")),
        Fault("has a saga, but the intake never accepted it", ("ordering", "delete from orders")),
        Fault("is in the ledgers of other services, but the intake never accepted it", ("ordering", "delete from orders; delete from order_saga")),
        Fault("was accepted without a saga", ("ordering", "delete from order_saga")),
        Fault("a gap or a double", ("invoicing", "update invoices set sequence = 2")),
        Fault("series C2026 has 1 numbers between 2 and 2", ("invoicing", "insert into credit_notes values ('C2026', 2)")),
        Fault("has a credit note, but is not cancelled", ("invoicing", CreditNote(1))),
        Fault("is cancelled, and its invoice 2026-000001 has 0 credit notes", ("ordering", Cancel)),
    ];

    private const string Cancel = "update order_saga set current_state = 'Cancelled'";

    private static string Job(string state, bool isCancelled = false) =>
        $$"""insert into print_job values ('{{Order}}', '{"invoiceNumber": "2026-000001"}', '{{state}}', {{isCancelled}})""";

    private static string CreditNote(int sequence) => $"insert into credit_notes values ('C2026', {sequence}, '2026-000001', '{Order}')";

    private const string Recalled = $$"""[{"key": "{{Order}}", "trackingNumber": "OR1", "bookings": 1, "recalledAt": "2026-11-26T10:00:00Z"}]""";
    private const string Pieces = """{"MUG-01": 2}""";

    private static string Another(string state) =>
        $"insert into orders values ('22222222-2222-7222-8222-222222222222', 'C-1002'); insert into order_saga values ('22222222-2222-7222-8222-222222222222', 'C-1002', '{state}', null, null, null)";

    [SetUp]
    public async Task LayOutOneCompletedOrder()
    {
        foreach (var (service, schema) in new[]
        {
            ("ordering", $"""
                create table orders (id uuid primary key, customer_number text);
                create table order_saga (correlation_id uuid primary key, customer_number text, current_state text, invoice_number text, currency text, gross numeric);
                insert into orders values ('{Order}', 'C-1001');
                insert into order_saga values ('{Order}', 'C-1001', 'Completed', '2026-000001', 'EUR', 12.20);
                """),
            ("order-details", $"""
                create table order_details (order_id uuid primary key, customer_number text, accepted boolean, currency text, gross numeric);
                create table order_holds (order_id uuid primary key, state text, taken json, coupon_code text);
                create table articles (sku text primary key, stock int, taken int);
                create table coupons (code text primary key, most_uses int, uses int);
                insert into order_details values ('{Order}', 'C-1001', true, 'EUR', 12.20);
                insert into order_holds values ('{Order}', 'final', '{Pieces}', 'SPRING');
                insert into articles values ('MUG-01', 5, 2), ('TEA-07', null, 0);
                insert into coupons values ('SPRING', 1, 1), ('AUTUMN', null, 0);
                """),
            ("invoicing", $"""
                create table invoices (number text primary key, order_id uuid, series text, sequence int, currency text, gross numeric);
                create table invoice_deliveries (invoice_number text, order_id uuid);
                create table print_job (id uuid, payload jsonb, state text, cancel_requested boolean);
                create table credit_notes (series text, sequence int, invoice_number text, order_id uuid);
                insert into invoices values ('2026-000001', '{Order}', '2026', 1, 'EUR', 12.20);
                insert into invoice_deliveries values ('2026-000001', '{Order}');
                """),
            ("hand-over", $"""
                create table hand_overs (order_id uuid primary key, invoice_number text, currency text, total numeric, state text, tracking_number text);
                insert into hand_overs values ('{Order}', '2026-000001', 'EUR', 12.2, 'handed-over', 'OR1');
                """),
        })
        {
            _databases[service] = await TestServers.CreateDatabaseAsync("audit");
            await Execute(service, schema + "create table outbox_message (message_type text, body text, last_error text)");
        }
    }

    /// <summary>The idle connections of so many databases would use up the server's.</summary>
    [TearDown]
    public void LeaveNoConnections()
    {
        foreach (var database in _databases.Values)
        {
            using var connection = new NpgsqlConnection(database);
            NpgsqlConnection.ClearPool(connection);
        }
    }

    [Test]
    public async Task Finds_nothing_where_nothing_is_wrong()
    {
        var report = await Run();
        Assert.That((report.IsClean, report.Orders["Completed"], report.Completed["EUR"]), Is.EqualTo((true, 1L, 12.20m)), string.Join('\n', report.Faults));
    }

    [TestCaseSource(nameof(Faults))]
    public async Task Finds(string fault, string service, string damage)
    {
        await Execute(service, damage);
        Assert.That((await Run()).Faults, Has.Some.Contains(fault));
    }

    [TestCase("")]
    [TestCase("delete from invoice_deliveries")]
    public async Task Finds_nothing_if_a_cancelled_order_is_credited_whether_its_invoice_got_out_or_not(string damage)
    {
        await UndoAllButTheInvoice();
        await Execute("invoicing", CreditNote(1) + ";" + damage);
        Assert.That((await Run(Recalled)).Faults, Is.Empty);
    }

    [Test]
    public async Task Finds_nothing_if_an_order_that_is_being_cancelled_is_credited_while_its_page_is_under_way()
    {
        await Execute("ordering", "update order_saga set current_state = 'Crediting'");
        await Execute("invoicing", CreditNote(1) + "; delete from invoice_deliveries; " + Job("running", isCancelled: true));
        Assert.That((await Run()).Faults, Is.Empty);
    }

    [Test]
    public async Task Finds_an_invoice_that_was_credited_twice_or_is_printed_all_the_same()
    {
        await Execute("ordering", Cancel);
        await Execute("invoicing", $"{CreditNote(1)}; {CreditNote(2)}; delete from invoice_deliveries; {Job("parked")}");
        Assert.That((await Run()).Faults, Has.Some.Contains("has 2 credit notes").And.Some.Contains("is to be printed (parked)"));
    }

    [Test]
    public async Task Finds_nothing_if_a_cancelled_order_never_got_an_invoice()
    {
        await UndoAllButTheInvoice();
        await Execute("invoicing", "delete from invoice_deliveries; delete from invoices");
        Assert.That((await Run(Recalled)).Faults, Is.Empty);
    }

    [Test]
    public async Task Takes_an_order_whose_message_is_still_to_be_sent_for_one_under_way()
    {
        await Execute("ordering", $$$"""
            insert into orders values ('22222222-2222-7222-8222-222222222222', 'C-1002');
            insert into order_saga values ('22222222-2222-7222-8222-222222222222', 'C-1002', 'GettingDetails', null, null, null);
            insert into outbox_message values ('urn:message:Orafo.Contracts:GetOrderDetails', '{"message":{"orderId":"22222222-2222-7222-8222-222222222222"}}', null);
            """);
        var report = await Run();
        Assert.That((report.IsClean, report.Orders["GettingDetails"]), Is.EqualTo((true, 1L)), string.Join('\n', report.Faults));
        Assert.That(report.Remarks, Has.Some.Contains("1 × GetOrderDetails"));
    }

    [Test]
    public async Task Takes_an_order_whose_end_is_still_to_be_told_for_one_under_way()
    {
        await Execute("order-details", "update order_holds set state = 'held'");
        await Execute("ordering", "insert into outbox_message values ('urn:message:Orafo.Contracts:OrderCompleted', '{}', null)");
        var report = await Run();
        Assert.That(report.IsClean, Is.True, string.Join('\n', report.Faults));
        Assert.That(report.Remarks, Has.Some.Contains("1 orders have ended, and order-details has not heard of it yet"));
    }

    /// <remarks>For some ten seconds RabbitMQ that has just started names its queues and does not say what is in them.</remarks>
    [TestCase("""[{"name": "order-completion"}]""", true)]
    [TestCase("""[{"name": "order-completion", "messages": 1}]""", true)]
    [TestCase("""[{"name": "order-completion", "messages": 0}, {"name": "invoice"}]""", false)]
    public async Task Blames_nobody_for_an_end_that_may_be_in_a_queue(string queues, bool isUnderWay)
    {
        await Execute("order-details", "update order_holds set state = 'held'");
        var report = await Run(queues: queues);
        Assert.That((report.IsClean, report.Remarks.Exists(remark => remark.Contains("has not heard of it yet", StringComparison.Ordinal))), Is.EqualTo((isUnderWay, isUnderWay)),
            string.Join('\n', report.Faults));
    }

    [TestCase("select 1", Description = "Its cancellation came before it.")]
    [TestCase("insert into order_details values ('22222222-2222-7222-8222-222222222222', 'C-1002', true, 'EUR', 1)")]
    public async Task Finds_nothing_wrong_with_an_order_that_was_cancelled_and_holds_nothing(string detail)
    {
        await Execute("ordering", Another("Cancelled"));
        await Execute("order-details", $"insert into order_holds values ('22222222-2222-7222-8222-222222222222', 'released', '{Pieces}', 'SPRING'); {detail}");
        Assert.That((await Run()).Faults, Is.Empty);
    }

    [Test]
    public async Task Waits_for_an_end_that_is_on_its_way()
    {
        await Execute("order-details", "update order_holds set state = 'held'");
        var audit = new Audit(service => _databases[service.Name], TimeSpan.FromMinutes(1)).RunAsync(brokerManagement: null, carrier: null, CancellationToken.None);
        await Execute("order-details", "update order_holds set state = 'final'");
        Assert.That((await audit).Faults, Is.Empty);
    }

    [Test]
    public async Task Expects_no_end_of_an_order_from_before_stock_was_kept()
    {
        await Execute("order-details", "update order_holds set state = 'held', taken = null; update articles set taken = 0");
        Assert.That((await Run()).Faults, Is.Empty);
    }

    [TestCase("""[]""", "was handed over as OR1, but the carrier has no parcel")]
    [TestCase("""[{"key": "11111111-1111-7111-8111-111111111111", "trackingNumber": "OR1", "bookings": 2}]""", "has a parcel that was booked 2 times")]
    [TestCase("""[{"key": "11111111-1111-7111-8111-111111111111", "trackingNumber": "OR1", "bookings": 1, "recalledAt": "2026-11-26T10:00:00Z"}]""", "is completed, but the carrier has no parcel of it any more")]
    [TestCase("""[{"key": "11111111-1111-7111-8111-111111111111", "trackingNumber": "OR1", "bookings": 1}, {"key": "22222222-2222-7222-8222-222222222222", "bookings": 1}]""", "the intake never accepted it")]
    [TestCase("""[{"key": "11111111-1111-7111-8111-111111111111", "trackingNumber": "OR1", "bookings": 1}, {"key": "somebody's"}]""", "a parcel 'somebody's', which is no order")]
    public async Task Finds_in_the_books_of_the_carrier(string parcels, string fault) => Assert.That((await Run(parcels)).Faults, Has.Some.Contains(fault));

    private async Task UndoAllButTheInvoice()
    {
        await Execute("ordering", Cancel);
        await Execute("order-details", "update order_holds set state = 'released'; update articles set taken = 0; update coupons set uses = 0 where code = 'SPRING'");
        await Execute("hand-over", "update hand_overs set state = 'recalled', tracking_number = null");
    }

    private async Task<AuditReport> Run(string parcels = $$"""[{"key": "{{Order}}", "trackingNumber": "OR1", "bookings": 1}]""", string? queues = null)
    {
        using var carrier = Answering(parcels);
        using var broker = queues is null ? null : Answering(queues);
        return await new Audit(service => _databases[service.Name], TimeSpan.Zero).RunAsync(broker, carrier, CancellationToken.None);
    }

    private static HttpClient Answering(string json) => new(new Always(json)) { BaseAddress = new Uri("http://somebody.invalid") };

    private async Task Execute(string service, string sql)
    {
        await using var connection = new NpgsqlConnection(_databases[service]);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private sealed class Always(string json) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage { Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json") });
    }

    private static TestCaseData Fault(string fault, (string Service, string Damage) what) => new TestCaseData(fault, what.Service, what.Damage).SetArgDisplayNames(fault);
}
