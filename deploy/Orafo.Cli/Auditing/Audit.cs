using System.Diagnostics;
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
/// <remarks>
/// Work may go on meanwhile: the orders are read first, so whatever an order says of the other ledgers is there when they are read. Only its end
/// comes to the order details after it: what they hold of an order that has ended is looked at again.
/// </remarks>
/// <param name="database">A service's.</param>
/// <param name="patience">How long the end of an order may take to get about. More than five seconds, which is how old the broker's count of messages may be.</param>
internal sealed class Audit(Func<MeshService, string> database, TimeSpan patience)
{
    private const int MostFaults = 1000;
    private const string Cancelled = "Cancelled";
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(250);
    private readonly AuditReport _report = new();

    // Ledger rows of orders that were not there when the orders were read.
    private readonly HashSet<Guid> _unknown = [];

    // Orders whose end has not come to the order details yet.
    private readonly HashSet<Guid> _notFinal = [];
    private readonly HashSet<Guid> _notReleased = [];

    // Orders with a credit note that were not being cancelled when the orders were read.
    private readonly HashSet<Guid> _credited = [];

    /// <param name="brokerManagement">The broker's management API; null: its queues are not looked at.</param>
    /// <param name="carrier">Null: its books are not looked at.</param>
    /// <param name="stop">Ends it.</param>
    public async Task<AuditReport> RunAsync(HttpClient? brokerManagement, HttpClient? carrier, CancellationToken stop)
    {
        await CompareLedgers(carrier, stop);
        await FindStrangers(stop);
        await FindCredited(stop);
        await CheckSeries(stop);
        await CheckCounts(LedgerStatements.BrokenStock, (name, counted, held) => $"Of article {name} {counted} pieces are taken, orders hold {held}.", stop);
        await CheckCounts(LedgerStatements.BrokenCoupons, (name, counted, held) => $"Coupon {name} counts {counted} uses, orders hold {held}.", stop);
        await FollowEnds(brokerManagement, stop);
        await CountUnsent(stop);
        if (brokerManagement is not null)
            await CountErrors(brokerManagement, stop);
        return _report;
    }

    private async Task CompareLedgers(HttpClient? carrier, CancellationToken stop)
    {
        await using var orders = await Ledger<OrderRow>.OpenAsync(Of(MeshService.Ordering), LedgerStatements.Orders, OrderRow.Read, stop);
        await using var details = await Ledger<DetailRow>.OpenAsync(Of(MeshService.OrderDetails), LedgerStatements.Details, DetailRow.Read, stop);
        await using var invoices = await Ledger<InvoiceRow>.OpenAsync(Of(MeshService.Invoicing), LedgerStatements.Invoices, InvoiceRow.Read, stop);
        await using var handOvers = await Ledger<HandOverRow>.OpenAsync(Of(MeshService.HandOver), LedgerStatements.HandOvers, HandOverRow.Read, stop);
        await using var parcels = await ParcelBooks.OpenAsync(carrier, stop);

        // Guids compare as PostgreSQL's uuids do: by their bytes as written.
        while (new[] { orders.Next, details.Next, invoices.Next, handOvers.Next, parcels.Next }.Min() is { } orderId)
        {
            var order = (await orders.TakeAsync(orderId, stop)).SingleOrDefault();
            var ofOrder = await handOvers.TakeAsync(orderId, stop);
            var hasRows = Compare(orderId, order, await details.TakeAsync(orderId, stop), await invoices.TakeAsync(orderId, stop), ofOrder);
            var handOver = ofOrder is [var first, ..] ? first : null;
            if (await parcels.TakeAsync(orderId) is { } parcel)
            {
                CompareParcel(orderId, order, handOver, parcel);
                hasRows = true;
            }
            else if (carrier is not null && handOver?.TrackingNumber is { } number)
                Fault(orderId, $"was handed over as {number}, but the carrier has no parcel");

            if (order is null && hasRows)
                _unknown.Add(orderId);
        }

        _report.Faults.AddRange(parcels.Strange.Take(MostFaults).Select(key => $"The carrier has a parcel '{key}', which is no order."));
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
        foreach (var detail in details)
            CheckHold(orderId, detail);
        AtMostOne(invoices.Count(invoice => invoice.Number is not null), "invoices");
        AtMostOne(handOvers.Count, "hand-overs");
        foreach (var invoice in invoices.Where(invoice => invoice.Number is null || (invoice.DeliveryOf is null && invoice.CreditNotes == 0)))
            Fault(orderId, invoice.Number is null ? $"has a delivery or a print job without invoice {invoice.DeliveryOf}" : $"has invoice {invoice.Number} without a delivery or a print job");

        if (order is null)
            return details.Count + invoices.Count + handOvers.Count > 0;

        if (!order.Accepted)
            Fault(orderId, "has a saga, but the intake never accepted it");
        if (order.State is null)
            Fault(orderId, "was accepted without a saga that carries it");
        else
            _report.Orders[order.State] = _report.Orders.GetValueOrDefault(order.State) + 1;

        if (order.State == Cancelled)
            CheckCancelled(orderId, invoices);
        else if (invoices.Any(invoice => invoice.CreditNotes > 0))
            _credited.Add(orderId);
        if (order.State == "Completed")
            CheckCompleted(orderId, order, details, invoices, handOvers);
        else if (order.State == "Rejected")
            CheckRejected(orderId, details, invoices, handOvers);
        else if (order.State == "Cancelled" && handOvers is [{ State: not HandOverRow.Recalled } handOver, ..])
            Fault(orderId, $"is cancelled, but its hand-over is {handOver.State}");
        CheckEnd(orderId, order.State, details is [var first, ..] ? first : null);
        return false;
    }

    /// <summary>The carrier is asked last: what HandOver says of it is there.</summary>
    private void CompareParcel(Guid orderId, OrderRow? order, HandOverRow? handOver, ParcelRow parcel)
    {
        var isBooked = parcel is { Bookings: > 0, RecalledAt: null };
        if (parcel.Bookings > 1)
            Fault(orderId, $"has a parcel that was booked {parcel.Bookings} times");
        if (order?.State == "Completed" && !isBooked)
            Fault(orderId, "is completed, but the carrier has no parcel of it" + (parcel.RecalledAt is null ? "" : " any more"));
        if (order?.State is "Cancelled" or "Rejected" && isBooked)
            Fault(orderId, $"is {order.State}, but the carrier has its parcel {parcel.TrackingNumber}");
        if (handOver?.State == HandOverRow.Recalled && isBooked)
            Fault(orderId, $"was recalled, but the carrier has its parcel {parcel.TrackingNumber}");
        if (handOver?.TrackingNumber is { } number && number != parcel.TrackingNumber)
            Fault(orderId, $"was handed over as {number}, but the carrier has {parcel.TrackingNumber ?? "no parcel"}");
    }

    /// <summary>What the record and the hold say of each other.</summary>
    private void CheckHold(Guid orderId, DetailRow detail)
    {
        if (detail.Hold is null)
            Fault(orderId, "has a detail record, and nothing says what it holds");
        else if (detail.Accepted != true && detail.Hold != "released")
            Fault(orderId, $"was not accepted, but what it holds is {detail.Hold}");
    }

    private void CheckEnd(Guid orderId, string? state, DetailRow? detail)
    {
        if (state == "Completed" && detail?.Hold == "released")
            Fault(orderId, "is completed, but what it held was released");
        else if (state == "Completed" && detail is { Hold: "held", IsStockKnown: true })
            _notFinal.Add(orderId);
        else if (state is "Cancelled" or "Rejected" && detail?.Hold == "final")
            Fault(orderId, $"is {state.ToLowerInvariant()}, but what it holds is final");
        else if (state is "Cancelled" or "Rejected" && detail?.Hold != "released")
            _notReleased.Add(orderId);
    }

    /// <summary>Looks again until the ends have come, or for as long as that may take. Then they are on their way, or lost.</summary>
    private async Task FollowEnds(HttpClient? brokerManagement, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        var isUnderWay = false;
        while (true)
        {
            // In this order: what was neither unsent nor in a queue has been handled when the holds are read.
            var isLast = Stopwatch.GetElapsedTime(started) >= patience;
            isUnderWay |= await Count(MeshService.Ordering, LedgerStatements.UnsentEnds, stop) > 0;
            if (isLast && brokerManagement is not null)
                isUnderWay |= await CountQueued(brokerManagement, stop) > 0;
            _notFinal.ExceptWith(await Read<Guid>(MeshService.OrderDetails, LedgerStatements.Final, [.. _notFinal], stop));
            _notReleased.ExceptWith(await Read<Guid>(MeshService.OrderDetails, LedgerStatements.Released, [.. _notReleased], stop));
            if (isLast || _notFinal.Count + _notReleased.Count == 0)
                break;
            await Task.Delay(BetweenLooks, stop);
        }

        if (isUnderWay && _notFinal.Count + _notReleased.Count > 0)
        {
            _report.Remarks.Add($"{_notFinal.Count + _notReleased.Count} orders have ended, and order-details has not heard of it yet");
            return;
        }

        foreach (var orderId in _notFinal)
            Fault(orderId, "is completed, but what it holds is not final");
        foreach (var orderId in _notReleased)
            Fault(orderId, "came to nothing, but what it holds was not released");
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
        else if (handOver.State != HandOverRow.HandedOver)
            Fault(orderId, $"is completed, but its hand-over is {handOver.State}");
        else if ((handOver.InvoiceNumber, handOver.Currency, handOver.Total) != (order.InvoiceNumber, order.Currency, order.Gross))
            Fault(orderId, $"is completed with {order.InvoiceNumber} over {order.Gross} {order.Currency}, handed over with {handOver.InvoiceNumber} over {handOver.Total} {handOver.Currency}");

        if (order is { Currency: { } currency, Gross: { } gross })
            _report.Completed[currency] = _report.Completed.GetValueOrDefault(currency) + gross;
    }

    private void CheckCancelled(Guid orderId, IReadOnlyList<InvoiceRow> invoices)
    {
        foreach (var invoice in invoices.Where(invoice => invoice.Number is not null))
        {
            if (invoice.CreditNotes != 1)
                Fault(orderId, $"is cancelled, and its invoice {invoice.Number} has {invoice.CreditNotes} credit notes");
            if (invoice.State is not (null or "delivered" or "cancelled"))
                Fault(orderId, $"is cancelled, but its invoice {invoice.Number} is to be printed ({invoice.State})");
        }
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

    /// <summary>They may have been cancelled since.</summary>
    private async Task FindCredited(CancellationToken stop)
    {
        _credited.ExceptWith(await Read<Guid>(MeshService.Ordering, LedgerStatements.Cancelled, [.. _credited], stop));
        foreach (var orderId in _credited)
            Fault(orderId, "has a credit note, but is not cancelled");
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

    private async Task CheckCounts(string statement, Func<string, long, long, string> fault, CancellationToken stop)
    {
        await using var connection = new NpgsqlConnection(Of(MeshService.OrderDetails));
        await connection.OpenAsync(stop);
        await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
        await using var rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop))
            _report.Faults.Add(fault(rows.GetString(0), rows.GetInt64(1), rows.GetInt64(2)));
    }

    private async Task<long> Count(string service, string statement, CancellationToken stop)
    {
        await using var connection = new NpgsqlConnection(Of(service));
        await connection.OpenAsync(stop);
        await using var command = new NpgsqlCommand(statement, connection);
        return (long)(await command.ExecuteScalarAsync(stop))!;
    }

    /// <summary>What waits in the queues of the order details, or is being handled. A broker that has just started has not counted yet: then there may be something.</summary>
    private static async Task<long> CountQueued(HttpClient brokerManagement, CancellationToken stop)
    {
        var own = MeshService.Named(MeshService.OrderDetails).Queues;
        var queues = await brokerManagement.GetFromJsonAsync<JsonElement>(new Uri($"queues/{MeshService.VirtualHost}", UriKind.Relative), stop);
        return queues.EnumerateArray()
            .Where(queue => own.Contains(queue.GetProperty("name").GetString()!))
            .Sum(queue => queue.TryGetProperty("messages", out var count) ? count.GetInt64() : 1);
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
