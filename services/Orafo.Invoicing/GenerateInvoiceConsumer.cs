using System.Globalization;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing;

/// <summary>Writes the invoice down and asks for it on paper: one transaction, so never one without the other.</summary>
/// <remarks>Asked again (a repeated or resumed step), it takes no second number, and puts a parked print back in line.</remarks>
public sealed class GenerateInvoiceConsumer(InvoicingDb db, TimeProvider time, IOptions<SellerOptions> seller, ILogger<GenerateInvoiceConsumer> logger)
    : IConsumer<GenerateInvoice>
{
    public async Task Consume(ConsumeContext<GenerateInvoice> context)
    {
        var command = context.Message;
        RequireSoundTotals(command);
        // Two commands for one order that share a transaction collide on the order's unique index.
        if (await db.Invoices.AsIndependent().SingleOrDefaultAsync(issued => issued.OrderId == command.OrderId, context.CancellationToken) is { } invoice)
        {
            if (await PrintAgainIfParked(invoice, context.CancellationToken) is { State: PrintJob.Printed, FinishedAt: { } printedAt })
            {
                await context.Publish(
                    new InvoiceGenerated { OrderId = invoice.OrderId, InvoiceNumber = invoice.Number, GeneratedAt = printedAt }, context.CancellationToken);
            }
        }
        else
        {
            invoice = await Issue(command, context.CancellationToken);
            logger.LogDebug("Order {OrderId} has invoice {InvoiceNumber}", invoice.OrderId, invoice.Number);
        }

        await context.Publish(
            new InvoiceIssued { OrderId = invoice.OrderId, InvoiceNumber = invoice.Number, IssueDate = invoice.IssueDate }, context.CancellationToken);
    }

    private async Task<Invoice> Issue(GenerateInvoice command, CancellationToken cancellationToken)
    {
        var now = time.GetStorableNow();
        var issueDate = seller.Value.DateAt(now);
        var series = issueDate.Year.ToString(CultureInfo.InvariantCulture);
        // Taken as late as can be: from here to the commit nobody else gets a number of the series.
        var sequence = (await db.Database.SqlQueryRaw<int>(InvoiceStatements.TakeNumber, series).ToListAsync(cancellationToken)).Single();
        var invoice = new Invoice
        {
            Number = string.Create(CultureInfo.InvariantCulture, $"{series}-{sequence:d6}"),
            Series = series,
            Sequence = sequence,
            OrderId = command.OrderId,
            IssueDate = issueDate,
            IssuedAt = now,
            CustomerNumber = command.CustomerNumber,
            Buyer = command.Customer,
            Lines = command.Lines,
            Totals = command.Totals,
            Currency = command.Totals.Currency,
            Gross = command.Totals.Gross,
        };
        db.Invoices.Add(invoice);
        db.PrintJobs.Add(new PrintJob { InvoiceNumber = invoice.Number, OrderId = invoice.OrderId, CreatedAt = now, NextAttemptAt = now });
        return invoice;
    }

    private async Task<PrintJob> PrintAgainIfParked(Invoice invoice, CancellationToken cancellationToken)
    {
        var job = await db.PrintJobs.SingleAsync(job => job.InvoiceNumber == invoice.Number, cancellationToken);
        if (job.State == PrintJob.Parked)
            job.TryAgain(time.GetStorableNow());
        return job;
    }

    /// <summary>EN 16931 BR-CO-10, -13, -14, -15: an invoice that does not add up is never issued.</summary>
    private static void RequireSoundTotals(GenerateInvoice command)
    {
        var totals = command.Totals;
        if (totals.LinesNet != command.Lines.Sum(line => line.NetAmount)
            || totals.Net != totals.LinesNet - totals.Allowance
            || totals.Net != totals.VatBreakdown.Sum(vat => vat.TaxableAmount)
            || totals.Vat != totals.VatBreakdown.Sum(vat => vat.VatAmount)
            || totals.Gross != totals.Net + totals.Vat)
            throw new InvalidOperationException($"The totals of order {command.OrderId} do not add up.");
    }
}

/// <summary>Queue <c>invoice</c>.</summary>
public sealed class GenerateInvoiceDefinition : ConsumerDefinition<GenerateInvoiceConsumer>
{
    public GenerateInvoiceDefinition() => EndpointName = "invoice";
}
