using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Auditing;

/// <summary>What an audit found.</summary>
internal sealed record AuditReport
{
    /// <summary>How many orders are in each state.</summary>
    public SortedDictionary<string, long> Orders { get; } = new(StringComparer.Ordinal);

    /// <summary>Sums of completed orders, by currency.</summary>
    public SortedDictionary<string, decimal> Completed { get; } = new(StringComparer.Ordinal);

    /// <summary>What is wrong. Empty: clean.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>What is as it may be while work goes on.</summary>
    public List<string> Remarks { get; } = [];

    public bool IsClean => Faults.Count == 0;
}

/// <summary>Lays the ledgers of all services side by side, order by order, without holding more than one order of each.</summary>
/// <remarks>Work may go on meanwhile: the orders are read first, so whatever an order says of the other ledgers is there when they are read.</remarks>
internal sealed class Audit(Func<MeshService, string> database)
{
    private const int MostFaults = 1000;
    private readonly AuditReport _report = new();

    // Ledger rows of orders that were not there when the orders were read.
    private readonly HashSet<Guid> _unknown = [];

    public async Task<AuditReport> RunAsync(HttpClient? brokerManagement, CancellationToken stop)
    {
        await CompareLedgers(stop);
        await FindStrangers(stop);
        await CheckSeries(stop);
        await CountUnsent(stop);
        if (brokerManagement is not null)
            await CountErrors(brokerManagement, stop);
        return _report;
    }

    private async Task CompareLedgers(CancellationToken stop)
    {
        await using var orders = await Ledger<OrderRow>.OpenAsync(Of(MeshService.Ordering), LedgerStatements.Orders, OrderRow.Read, stop);
        await using var details = await Ledger<DetailRow>.OpenAsync(Of(MeshService.OrderDetails), LedgerStatements.Details, DetailRow.Read, stop);
        await using var invoices = await Ledger<InvoiceRow>.OpenAsync(Of(MeshService.Invoicing), LedgerStatements.Invoices, InvoiceRow.Read, stop);
        await using var handOvers = await Ledger<HandOverRow>.OpenAsync(Of(MeshService.HandOver), LedgerStatements.HandOvers, HandOverRow.Read, stop);

        // Guids compare as PostgreSQL's uuids do: by their bytes as written.
        while (new[] { orders.Next, details.Next, invoices.Next, handOvers.Next }.Min() is { } orderId)
        {
            var order = (await orders.TakeAsync(orderId, stop)).SingleOrDefault();
            var hasRows = Compare(orderId, order, await details.TakeAsync(orderId, stop), await invoices.TakeAsync(orderId, stop), await handOvers.TakeAsync(orderId, stop));
            if (order is null && hasRows)
                _unknown.Add(orderId);
        }
    }

    private bool Compare(
        Guid orderId, OrderRow? order, IReadOnlyList<DetailRow> details, IReadOnlyList<InvoiceRow> invoices, IReadOnlyList<HandOverRow> handOvers)
    {
        void AtMostOne(int count, string what)
        {
            if (count > 1)
                Fault(orderId, $"has {count} {what}");
        }

        AtMostOne(details.Count, "detail records");
        AtMostOne(invoices.Count(invoice => invoice.Number is not null), "invoices");
        AtMostOne(handOvers.Count, "hand-overs");
        foreach (var invoice in invoices.Where(invoice => invoice.Number is null || invoice.DeliveryOf is null))
            Fault(orderId, invoice.Number is null ? $"has a delivery or a print job without invoice {invoice.DeliveryOf}" : $"has invoice {invoice.Number} without a delivery or a print job");

        if (order is null)
            return details.Count + invoices.Count + handOvers.Count > 0;

        if (!order.Accepted)
            Fault(orderId, "has a saga, but the intake never accepted it");
        if (order.State is null)
            Fault(orderId, "was accepted without a saga that carries it");
        else
            _report.Orders[order.State] = _report.Orders.GetValueOrDefault(order.State) + 1;

        if (order.State == "Completed")
            CheckCompleted(orderId, order, details, invoices, handOvers);
        else if (order.State == "Rejected")
            CheckRejected(orderId, details, invoices, handOvers);
        return false;
    }

    private void CheckCompleted(
        Guid orderId, OrderRow order, IReadOnlyList<DetailRow> details, IReadOnlyList<InvoiceRow> invoices, IReadOnlyList<HandOverRow> handOvers)
    {
        if (details is not [{ Accepted: true } detail, ..])
            Fault(orderId, "is completed without an accepted detail record");
        else if ((detail.Currency, detail.Gross) != (order.Currency, order.Gross))
            Fault(orderId, $"is completed over {order.Gross} {order.Currency}, its detail record says {detail.Gross} {detail.Currency}");

        if (invoices.FirstOrDefault(invoice => invoice.Number is not null) is not { } invoice)
            Fault(orderId, "is completed without an invoice");
        else
        {
            if (invoice.Number != order.InvoiceNumber)
                Fault(orderId, $"is completed with invoice {order.InvoiceNumber}, but was issued {invoice.Number}");
            if ((invoice.Currency, invoice.Gross) != (order.Currency, order.Gross))
                Fault(orderId, $"is completed over {order.Gross} {order.Currency}, its invoice says {invoice.Gross} {invoice.Currency}");
            if (invoice.State != "delivered")
                Fault(orderId, $"is completed, but its invoice is {invoice.State ?? "without a delivery"}");
        }

        if (handOvers is not [var handOver, ..])
            Fault(orderId, "is completed without a hand-over");
        else if ((handOver.InvoiceNumber, handOver.Currency, handOver.Total) != (order.InvoiceNumber, order.Currency, order.Gross))
            Fault(orderId, $"is completed with {order.InvoiceNumber} over {order.Gross} {order.Currency}, handed over with {handOver.InvoiceNumber} over {handOver.Total} {handOver.Currency}");

        if (order is { Currency: { } currency, Gross: { } gross })
            _report.Completed[currency] = _report.Completed.GetValueOrDefault(currency) + gross;
    }

    private void CheckRejected(Guid orderId, IReadOnlyList<DetailRow> details, IReadOnlyList<InvoiceRow> invoices, IReadOnlyList<HandOverRow> handOvers)
    {
        if (details is not [{ Accepted: false }, ..])
            Fault(orderId, "is rejected, but its detail record does not say so");
        if (invoices.Count > 0)
            Fault(orderId, "is rejected and has an invoice");
        if (handOvers.Count > 0)
            Fault(orderId, "is rejected and was handed over");
    }

    /// <summary>What the other ledgers have may have been accepted after the orders were read.</summary>
    private async Task FindStrangers(CancellationToken stop)
    {
        _unknown.ExceptWith(await Read<Guid>(MeshService.Ordering, LedgerStatements.Accepted, [.. _unknown], stop));
        foreach (var orderId in _unknown)
            Fault(orderId, "is in the ledgers of other services, but the intake never accepted it");
    }

    private async Task CheckSeries(CancellationToken stop)
    {
        await using var connection = new NpgsqlConnection(Of(MeshService.Invoicing));
        await connection.OpenAsync(stop);
        await using var command = new NpgsqlCommand(LedgerStatements.BrokenSeries, connection);
        await using var rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop))
            _report.Faults.Add($"Invoice series {rows.GetString(0)} has {rows.GetInt64(1)} numbers between {rows.GetInt32(2)} and {rows.GetInt32(3)}: a gap or a double.");
    }

    private async Task CountUnsent(CancellationToken stop)
    {
        foreach (var service in MeshService.All)
        {
            await using var connection = new NpgsqlConnection(database(service));
            await connection.OpenAsync(stop);
            await using var command = new NpgsqlCommand(LedgerStatements.Unsent, connection);
            await using var rows = await command.ExecuteReaderAsync(stop);
            while (await rows.ReadAsync(stop))
                _report.Remarks.Add($"{service.Name} has {rows.GetInt64(1)} × {rows.GetString(0)} to send yet{(rows.Text(2) is { } error ? $" (last error: {error})" : "")}");
        }
    }

    private async Task CountErrors(HttpClient brokerManagement, CancellationToken stop)
    {
        var queues = await brokerManagement.GetFromJsonAsync<JsonElement>(new Uri($"queues/{MeshService.VirtualHost}", UriKind.Relative), stop);
        foreach (var queue in queues.EnumerateArray())
        {
            var name = queue.GetProperty("name").GetString()!;
            var messages = queue.TryGetProperty("messages", out var count) ? count.GetInt64() : 0;
            if (messages == 0)
                continue;
            if (name.EndsWith("_error", StringComparison.Ordinal) || name.EndsWith("_skipped", StringComparison.Ordinal))
                _report.Faults.Add($"{messages} messages in queue {name} were given up on.");
            else
                _report.Remarks.Add($"{messages} messages wait in queue {name}");
        }
    }

    private async Task<List<T>> Read<T>(string service, string statement, Guid[] orders, CancellationToken stop)
    {
        List<T> values = [];
        if (orders.Length == 0)
            return values;
        await using var connection = new NpgsqlConnection(Of(service));
        await connection.OpenAsync(stop);
        await using var command = new NpgsqlCommand(statement, connection) { Parameters = { new() { Value = orders } } };
        await using var rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop))
            values.Add(rows.GetFieldValue<T>(0));
        return values;
    }

    private string Of(string service) => database(MeshService.Named(service));

    private void Fault(Guid orderId, string what)
    {
        if (_report.Faults.Count < MostFaults)
            _report.Faults.Add($"Order {orderId} {what}.");
    }
}
