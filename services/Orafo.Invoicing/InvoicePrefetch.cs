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
/// <param name="Credited">The orders that were credited, before they were invoiced or after.</param>
public sealed record InvoicesToIssue(
    IReadOnlyDictionary<Guid, Invoice> Issued, IReadOnlyDictionary<Guid, string> PrintJobs, IReadOnlyDictionary<Guid, InvoiceDelivery> Deliveries, InvoiceSeries? Series,
    DateOnly IssueDate, DateTimeOffset IssuedAt, IReadOnlySet<Guid> Credited);

/// <summary>Loads it.</summary>
public sealed class InvoicePrefetch(TimeProvider time, IOptions<SellerOptions> seller) : IPrefetch<InvoicingDb, GenerateInvoice, InvoicesToIssue>
{
    private static readonly Func<InvoicingDb, Guid[], IAsyncEnumerable<Invoice>> Issued = EF.CompileAsyncQuery(
        (InvoicingDb db, Guid[] orders) => db.Invoices.AsNoTracking().Where(invoice => orders.Contains(invoice.OrderId)));

    public async Task<InvoicesToIssue> Load(InvoicingDb db, IReadOnlyList<GenerateInvoice> messages, bool areNew, CancellationToken cancellationToken)
    {
        var orders = messages.Select(command => command.OrderId).Distinct().ToArray();
        var issued = areNew ? [] : await Issued(db, orders).ToDictionaryAsync(invoice => invoice.OrderId, cancellationToken: cancellationToken);
        var (printJobs, deliveries, credited) = issued.Count == 0 ? ([], [], []) : await Outcomes(db, orders, cancellationToken);
        if (issued.Keys.Any(order => !printJobs.ContainsKey(order) && !deliveries.ContainsKey(order) && !credited.Contains(order)))
        {
            // Nobody prints it: it is lost, or being credited at this moment. Whoever credits holds a series: after all of them, it is certain.
            await db.Database.ExecuteSqlRawAsync(InvoiceStatements.HoldAllSeries, cancellationToken);
            (printJobs, deliveries, credited) = await Outcomes(db, orders, cancellationToken);
        }

        var now = time.GetStorableNow();
        var issueDate = seller.Value.DateAt(now);
        if (issued.Count == orders.Length)
            return new(issued, printJobs, deliveries, null, issueDate, now, credited);
        // Taken as late as can be.
        var held = await HeldSeries.Take(db, issueDate.Year.ToString(CultureInfo.InvariantCulture), orders, cancellationToken);
        var issuedAt = held.Series.NotBeforeLast(now);
        credited.UnionWith(held.Withheld);
        return new(issued, printJobs, deliveries, held.Series, seller.Value.DateAt(issuedAt), issuedAt, credited);
    }

    /// <summary>What became of those that have an invoice.</summary>
    private static async Task<(Dictionary<Guid, string> PrintJobs, Dictionary<Guid, InvoiceDelivery> Deliveries, HashSet<Guid> Credited)> Outcomes(
        InvoicingDb db, Guid[] orders, CancellationToken cancellationToken)
    {
        // In this order: a job that ends between the two leaves its delivery, or its credit note, behind.
        var printJobs = await db.Database.SqlQueryRaw<PrintJobState>(PrintStatements.StatesOf, [orders]).ToDictionaryAsync(job => job.Id, job => job.State, cancellationToken);
        var deliveries = await db.Deliveries.AsNoTracking().Where(delivery => orders.Contains(delivery.OrderId)).ToDictionaryAsync(delivery => delivery.OrderId, cancellationToken);
        var credited = await db.CreditNotes.Where(note => orders.Contains(note.OrderId)).Select(note => note.OrderId).ToHashSetAsync(cancellationToken);
        return (printJobs, deliveries, credited);
    }

    /// <summary>A row of <see cref="PrintStatements.StatesOf"/>.</summary>
    private sealed record PrintJobState(Guid Id, string State);
}
