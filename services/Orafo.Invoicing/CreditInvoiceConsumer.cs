using System.Globalization;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing;

/// <summary>Issues the credit note of an order's invoice, or sees to it that the order never gets an invoice.</summary>
/// <remarks>
/// Asked again, it takes no second number and answers the same. Two commands for one order that share a transaction collide on a unique
/// index, and are then run one after the other. If the invoice still waits for its paper, nobody prints it any more. A page that is under way is asked to
/// stop and is not tried again, but a printer that has begun it ends it.
/// </remarks>
public sealed class CreditInvoiceConsumer(InvoicingDb db, JobQueue<PrintInvoice> jobs, TimeProvider time, ILogger<CreditInvoiceConsumer> logger)
    : IConsumer<CreditInvoice>
{
    public async Task Consume(ConsumeContext<CreditInvoice> context)
    {
        var command = context.Message;
        var prefetched = context.Prefetched<InvoicesToCredit>();
        var creditNote = prefetched.Credited.GetValueOrDefault(command.OrderId);
        if (creditNote is null && prefetched.Invoices.TryGetValue(command.OrderId, out var invoice))
        {
            creditNote = Issue(command, invoice, prefetched);
            if (!invoice.IsDelivered)
                await jobs.AskToCancelAsync((NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction(), command.OrderId, context.CancellationToken);
            InvoicingLog.Credited(logger, command.OrderId, creditNote.Number);
        }
        else if (creditNote is null && !prefetched.Withheld.Contains(command.OrderId))
        {
            db.WithheldInvoices.Add(new() { OrderId = command.OrderId, Reason = command.Reason, WithheldAt = time.GetStorableNow() });
        }

        await context.Publish(
            new InvoiceCredited { OrderId = command.OrderId, InvoiceNumber = creditNote?.InvoiceNumber, CreditNoteNumber = creditNote?.Number },
            context.CancellationToken);
    }

    private CreditNote Issue(CreditInvoice command, InvoiceToCredit invoice, InvoicesToCredit prefetched)
    {
        var series = prefetched.Series!;
        var creditNote = new CreditNote
        {
            Sequence = series.TakeNumber(),
            Number = series.LastNumber(),
            Series = series.Name,
            OrderId = invoice.OrderId,
            InvoiceNumber = invoice.Number,
            Reason = command.Reason,
            IssueDate = prefetched.IssueDate,
            IssuedAt = prefetched.IssuedAt,
            Currency = invoice.Currency,
            Gross = invoice.Gross,
        };
        creditNote.ChainTo(series);
        db.CreditNotes.Add(creditNote);
        return creditNote;
    }
}

/// <summary>Queue <c>credit-note</c>.</summary>
public sealed class CreditInvoiceDefinition : ConsumerDefinition<CreditInvoiceConsumer>
{
    public CreditInvoiceDefinition() => EndpointName = "credit-note";
}

/// <summary>What a credit note takes from its invoice, and whether that got out.</summary>
public sealed record InvoiceToCredit(Guid OrderId, string Number, string Currency, decimal Gross, DateTimeOffset IssuedAt, bool IsDelivered);

/// <summary>What the credit notes of one transaction have in common.</summary>
/// <param name="Credited">The credit notes that orders have already, by order.</param>
/// <param name="Invoices">By order.</param>
/// <param name="Withheld">Orders that never get an invoice.</param>
/// <param name="Series">Null if there is nothing to issue.</param>
/// <param name="IssueDate">Of the credit notes that are to be issued.</param>
/// <param name="IssuedAt">The same as a moment.</param>
public sealed record InvoicesToCredit(
    IReadOnlyDictionary<Guid, CreditNote> Credited, IReadOnlyDictionary<Guid, InvoiceToCredit> Invoices, IReadOnlySet<Guid> Withheld, InvoiceSeries? Series,
    DateOnly IssueDate, DateTimeOffset IssuedAt);

/// <summary>Loads it.</summary>
public sealed class CreditPrefetch(TimeProvider time, IOptions<SellerOptions> seller) : IPrefetch<InvoicingDb, CreditInvoice, InvoicesToCredit>
{
    public async Task<InvoicesToCredit> Load(InvoicingDb db, IReadOnlyList<CreditInvoice> messages, bool areNew, CancellationToken cancellationToken)
    {
        var orders = messages.Select(command => command.OrderId).Distinct().ToArray();
        var credited = areNew ? [] : await Credited(db, orders, cancellationToken);
        var invoices = await Invoices(db, orders, cancellationToken);
        var withheld = await Withheld(db, orders, invoices, cancellationToken);
        if (invoices.Count + withheld.Count < orders.Length)
        {
            // Their invoices may be under way. Whoever issues holds a series: after all of them, and before any other, it is certain.
            await db.Database.ExecuteSqlRawAsync(InvoiceStatements.HoldAllSeries, cancellationToken);
            invoices = await Invoices(db, orders, cancellationToken);
            withheld = await Withheld(db, orders, invoices, cancellationToken);
        }

        // Whatever the clocks of the instances say, an invoice is not credited before it was issued.
        var now = invoices.Values.Select(invoice => invoice.IssuedAt).Append(time.GetStorableNow()).Max();
        var issueDate = seller.Value.DateAt(now);
        if (invoices.Keys.All(credited.ContainsKey))
            return new(credited, invoices, withheld, null, issueDate, now);
        var held = await HeldSeries.Take(db, string.Create(CultureInfo.InvariantCulture, $"C{issueDate.Year}"), [], cancellationToken);
        // Whoever held it may have credited them meanwhile.
        if (!areNew)
            credited = await Credited(db, orders, cancellationToken);
        var issuedAt = held.Series.NotBeforeLast(now);
        return new(credited, invoices, withheld, held.Series, seller.Value.DateAt(issuedAt), issuedAt);
    }

    private static Task<Dictionary<Guid, CreditNote>> Credited(InvoicingDb db, Guid[] orders, CancellationToken cancellationToken) =>
        db.CreditNotes.AsNoTracking().Where(note => orders.Contains(note.OrderId)).ToDictionaryAsync(note => note.OrderId, cancellationToken);

    private static Task<Dictionary<Guid, InvoiceToCredit>> Invoices(InvoicingDb db, Guid[] orders, CancellationToken cancellationToken) =>
        db.Invoices.Where(invoice => orders.Contains(invoice.OrderId))
            .Select(invoice => new InvoiceToCredit(
                invoice.OrderId, invoice.Number, invoice.Currency, invoice.Gross, invoice.IssuedAt, db.Deliveries.Any(delivery => delivery.InvoiceNumber == invoice.Number)))
            .ToDictionaryAsync(invoice => invoice.OrderId, cancellationToken);

    private static async Task<IReadOnlySet<Guid>> Withheld(
        InvoicingDb db, Guid[] orders, Dictionary<Guid, InvoiceToCredit> invoices, CancellationToken cancellationToken) =>
        invoices.Count == orders.Length
            ? new HashSet<Guid>()
            : await db.WithheldInvoices.Where(withheld => orders.Contains(withheld.OrderId)).Select(withheld => withheld.OrderId).ToHashSetAsync(cancellationToken);
}
