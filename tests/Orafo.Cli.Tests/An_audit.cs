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
        Fault("is rejected and has an invoice", ("ordering", "update order_saga set current_state = 'Rejected'")),
        Fault("is rejected, but its detail record does not say so", ("ordering", "update order_saga set current_state = 'Rejected'")),
        Fault("is rejected and was handed over", ("ordering", "update order_saga set current_state = 'Rejected'")),
        Fault("has a saga, but the intake never accepted it", ("ordering", "delete from orders")),
        Fault("is in the ledgers of other services, but the intake never accepted it", ("ordering", "delete from orders; delete from order_saga")),
        Fault("was accepted without a saga", ("ordering", "delete from order_saga")),
        Fault("a gap or a double", ("invoicing", "update invoices set sequence = 2")),
        Fault("series C2026 has 1 numbers between 2 and 2", ("invoicing", "insert into credit_notes values ('C2026', 2)")),
    ];

    private static string Job(string state) =>
        $$"""insert into print_job values ('{{Order}}', '{"invoiceNumber": "2026-000001"}', '{{state}}')""";

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
                insert into order_details values ('{Order}', 'C-1001', true, 'EUR', 12.20);
                """),
            ("invoicing", $"""
                create table invoices (number text primary key, order_id uuid, series text, sequence int, currency text, gross numeric);
                create table invoice_deliveries (invoice_number text, order_id uuid);
                create table print_job (id uuid, payload jsonb, state text);
                create table credit_notes (series text, sequence int);
                insert into invoices values ('2026-000001', '{Order}', '2026', 1, 'EUR', 12.20);
                insert into invoice_deliveries values ('2026-000001', '{Order}');
                """),
            ("hand-over", $"""
                create table hand_overs (order_id uuid primary key, invoice_number text, currency text, total numeric);
                insert into hand_overs values ('{Order}', '2026-000001', 'EUR', 12.2);
                """),
        })
        {
            _databases[service] = await TestServers.CreateDatabaseAsync("audit");
            await Execute(service, schema + "create table outbox_message (message_type text, body text, last_error text)");
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

    private Task<AuditReport> Run() => new Audit(service => _databases[service.Name]).RunAsync(brokerManagement: null, CancellationToken.None);

    private async Task Execute(string service, string sql)
    {
        await using var connection = new NpgsqlConnection(_databases[service]);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static TestCaseData Fault(string fault, (string Service, string Damage) what) => new TestCaseData(fault, what.Service, what.Damage).SetArgDisplayNames(fault);
}
