using System.Globalization;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing;

/// <summary>What the invoices of one transaction have in common.</summary>
/// <param name="Issued">The invoices that orders have already, by order.</param>
/// <param name="PrintJobs">The states of their print jobs that are not over.</param>
/// <param name="Deliveries">Theirs.</param>
/// <param name="Series">Held until the transaction ends: nobody else gets a number of it meanwhile. Null if every order has its invoice.</param>
/// <param name="IssueDate">Of those that are to be issued.</param>
/// <param name="IssuedAt">The same as a moment.</param>
/// <param name="Withheld">The orders that were credited before they were invoiced.</param>
public sealed record InvoicesToIssue(
    IReadOnlyDictionary<Guid, Invoice> Issued, IReadOnlyDictionary<Guid, string> PrintJobs, IReadOnlyDictionary<Guid, InvoiceDelivery> Deliveries, InvoiceSeries? Series,
    DateOnly IssueDate, DateTimeOffset IssuedAt, IReadOnlySet<Guid> Withheld);

/// <summary>Loads it.</summary>
public sealed class InvoicePrefetch(TimeProvider time, IOptions<SellerOptions> seller) : IPrefetch<InvoicingDb, GenerateInvoice, InvoicesToIssue>
{
    private static readonly Func<InvoicingDb, Guid[], IAsyncEnumerable<Invoice>> Issued = EF.CompileAsyncQuery(
        (InvoicingDb db, Guid[] orders) => db.Invoices.AsNoTracking().Where(invoice => orders.Contains(invoice.OrderId)));

    public async Task<InvoicesToIssue> Load(InvoicingDb db, IReadOnlyList<GenerateInvoice> messages, bool areNew, CancellationToken cancellationToken)
    {
        var orders = messages.Select(command => command.OrderId).Distinct().ToArray();
        var issued = areNew ? [] : await Issued(db, orders).ToDictionaryAsync(invoice => invoice.OrderId, cancellationToken: cancellationToken);
        // In this order: a job that ends between the two leaves its delivery behind.
        var printJobs = issued.Count == 0
            ? []
            : await db.Database.SqlQueryRaw<PrintJobState>(PrintStatements.StatesOf, [orders]).ToDictionaryAsync(job => job.Id, job => job.State, cancellationToken);
        var deliveries = issued.Count == 0
            ? []
            : await db.Deliveries.AsNoTracking().Where(delivery => orders.Contains(delivery.OrderId)).ToDictionaryAsync(delivery => delivery.OrderId, cancellationToken);

        var now = time.GetStorableNow();
        var issueDate = seller.Value.DateAt(now);
        if (issued.Count == orders.Length)
            return new(issued, printJobs, deliveries, null, issueDate, now, new HashSet<Guid>());
        // Taken as late as can be.
        var held = await HeldSeries.Take(db, issueDate.Year.ToString(CultureInfo.InvariantCulture), orders, cancellationToken);
        var issuedAt = held.Series.NotBeforeLast(now);
        return new(issued, printJobs, deliveries, held.Series, seller.Value.DateAt(issuedAt), issuedAt, held.Withheld);
    }

    /// <summary>A row of <see cref="PrintStatements.StatesOf"/>.</summary>
    private sealed record PrintJobState(Guid Id, string State);
}
