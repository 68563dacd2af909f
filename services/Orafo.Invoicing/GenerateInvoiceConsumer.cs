using System.Globalization;
using MassTransit;
using Orafo.Contracts;
using Orafo.Invoicing.Printing;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing;

/// <summary>Writes the invoice down and asks for it on paper: one transaction, so never one without the other.</summary>
/// <remarks>
/// Asked again (a repeated or resumed step), it takes no second number, and puts a parked print back in line. Two commands for one
/// order that share a transaction collide on the order's unique index, and are then run one after the other. That the invoice waits for
/// the printer is said if it is likely to: otherwise that it is on paper follows at once.
/// </remarks>
public sealed class GenerateInvoiceConsumer(InvoicingDb db, PrintLine line, TimeProvider time, ILogger<GenerateInvoiceConsumer> logger)
    : IConsumer<GenerateInvoice>
{
    public async Task Consume(ConsumeContext<GenerateInvoice> context)
    {
        var command = context.Message;
        RequireSoundTotals(command);
        var prefetched = context.Prefetched<InvoicesToIssue>();
        if (prefetched.Issued.TryGetValue(command.OrderId, out var invoice))
        {
            var job = prefetched.PrintJobs[command.OrderId];
            if (job.State == PrintJob.Parked)
            {
                job.TryAgain(time.GetStorableNow());
                context.AfterCommit(line.Look);
            }

            if (job is { State: PrintJob.Printed, FinishedAt: { } printedAt })
            {
                await context.Publish(
                    new InvoiceGenerated { OrderId = invoice.OrderId, InvoiceNumber = invoice.Number, GeneratedAt = printedAt }, context.CancellationToken);
            }
        }
        else
        {
            invoice = Issue(command, prefetched);
            Print(invoice, prefetched, context);
            logger.LogDebug("Order {OrderId} has invoice {InvoiceNumber}", invoice.OrderId, invoice.Number);
            if (line.IsPrompt)
                return;
        }

        await context.Publish(
            new InvoiceIssued { OrderId = invoice.OrderId, InvoiceNumber = invoice.Number, IssueDate = invoice.IssueDate }, context.CancellationToken);
    }

    private Invoice Issue(GenerateInvoice command, InvoicesToIssue prefetched)
    {
        var series = prefetched.Series!;
        var sequence = series.TakeNumber();
        var invoice = new Invoice
        {
            Number = string.Create(CultureInfo.InvariantCulture, $"{series.Name}-{sequence:d6}"),
            Series = series.Name,
            Sequence = sequence,
            OrderId = command.OrderId,
            IssueDate = prefetched.IssueDate,
            IssuedAt = prefetched.IssuedAt,
            CustomerNumber = command.CustomerNumber,
            Buyer = command.Customer,
            Lines = command.Lines,
            Totals = command.Totals,
            Currency = command.Totals.Currency,
            Gross = command.Totals.Gross,
        };
        db.Invoices.Add(invoice);
        return invoice;
    }

    /// <summary>Right after the commit, or in its turn.</summary>
    private void Print(Invoice invoice, InvoicesToIssue prefetched, ConsumeContext context)
    {
        var job = new PrintJob
        {
            InvoiceNumber = invoice.Number,
            OrderId = invoice.OrderId,
            CreatedAt = invoice.IssuedAt,
            NextAttemptAt = prefetched.Now,
        };
        context.AfterCommit(line.TryLease(job, prefetched.Now) ? () => line.Hand(job) : line.Look);
        db.PrintJobs.Add(job);
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
