using MassTransit;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Contracts;
using Orafo.Invoicing.Documents;
using Orafo.Invoicing.Printing;
using Orafo.Pgq;

namespace Orafo.Invoicing;

/// <summary>Writes the invoice down and asks for it on paper, or delivers it if no paper is wanted: one transaction, so never one without the other.</summary>
/// <remarks>
/// Asked again (a repeated or resumed step), it takes no second number, and puts a parked print back in line. Two commands for one
/// order that share a transaction collide on the order's unique index, and are then run one after the other. That the invoice waits for
/// the printer is said if it is likely to: otherwise that it is on paper follows at once. An invoice of which there can be no page is not
/// issued for paper. An order that is credited gets no invoice, no paper and no answer: whoever had it credited was answered and waits for nothing.
/// </remarks>
public sealed class GenerateInvoiceConsumer(
    InvoicingDb db, JobQueue<PrintInvoice> jobs, PrintPace pace, IOptions<PrintingOptions> printing, IOptions<SellerOptions> seller,
    ILogger<GenerateInvoiceConsumer> logger)
    : IConsumer<GenerateInvoice>
{
    public async Task Consume(ConsumeContext<GenerateInvoice> context)
    {
        var command = context.Message;
        RequireSoundTotals(command);
        RequireKnownMedium(command);
        var prefetched = context.Prefetched<InvoicesToIssue>();
        if (prefetched.Credited.Contains(command.OrderId))
            InvoicingLog.IsCredited(logger, command.OrderId);
        else if (prefetched.Issued.TryGetValue(command.OrderId, out var invoice))
            await SeeToDelivery(invoice, prefetched, context);
        else if (command.Delivery != InvoiceMedium.Electronic && DocumentMapping.RefusalOf(command.Totals.Currency, command.Lines, command.Customer) is { } refusal)
            await SayItCannotBePrinted(command, refusal, context);
        else
            await Deliver(Issue(command, prefetched), command.Delivery, context);
    }

    private async Task Deliver(Invoice invoice, string? medium, ConsumeContext context)
    {
        context.AfterCommit(() => InvoicingLog.Issued(logger, invoice.OrderId, invoice.Number));
        if (medium == InvoiceMedium.Electronic)
        {
            var delivery = new InvoiceDelivery
            {
                InvoiceNumber = invoice.Number,
                OrderId = invoice.OrderId,
                Medium = InvoiceMedium.Electronic,
                DeliveredAt = invoice.IssuedAt,
            };
            db.Deliveries.Add(delivery);
            await SayItIsDelivered(delivery, context);
            return;
        }

        Print(invoice, context);
        if (!pace.IsPromptFor(invoice.OrderId))
            await SayItWaits(invoice, context);
    }

    /// <summary>The step is repeated: says that it is done, if it is; otherwise sees to it that somebody is at it.</summary>
    private async Task SeeToDelivery(Invoice invoice, InvoicesToIssue prefetched, ConsumeContext context)
    {
        if (prefetched.Deliveries.TryGetValue(invoice.OrderId, out var delivery))
        {
            await SayItIsDelivered(delivery, context);
            return;
        }

        if (!prefetched.PrintJobs.TryGetValue(invoice.OrderId, out var state))
            Print(invoice, context);
        else if (state == JobStates.Parked)
        {
            var transaction = (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();
            await jobs.RetryAsync(transaction, invoice.OrderId, context.CancellationToken);
            context.AfterCommit(jobs.Wake);
        }

        await SayItWaits(invoice, context);
    }

    private static Task SayItWaits(Invoice invoice, ConsumeContext context) => context.Publish(
        new InvoiceIssued { OrderId = invoice.OrderId, InvoiceNumber = invoice.Number, IssueDate = invoice.IssueDate }, context.CancellationToken);

    /// <summary>There is no page of such an invoice, so it takes no number.</summary>
    private Task SayItCannotBePrinted(GenerateInvoice command, Refusal refusal, ConsumeContext context)
    {
        InvoicingLog.NoPage(logger, command.OrderId, refusal.Rule);
        return context.Publish(
            new InvoiceFailed { OrderId = command.OrderId, Reason = $"The invoice cannot be printed ({refusal.Rule}). {refusal.Reason}" }, context.CancellationToken);
    }

    private static Task SayItIsDelivered(InvoiceDelivery delivery, ConsumeContext context) => context.Publish(
        new InvoiceGenerated { OrderId = delivery.OrderId, InvoiceNumber = delivery.InvoiceNumber, GeneratedAt = delivery.DeliveredAt }, context.CancellationToken);

    private Invoice Issue(GenerateInvoice command, InvoicesToIssue prefetched)
    {
        var series = prefetched.Series!;
        var invoice = new Invoice
        {
            Sequence = series.TakeNumber(),
            Number = series.LastNumber(),
            Series = series.Name,
            OrderId = command.OrderId,
            IssueDate = prefetched.IssueDate,
            IssuedAt = prefetched.IssuedAt,
            CustomerNumber = command.CustomerNumber,
            Seller = seller.Value.Details,
            Buyer = command.Customer,
            Lines = command.Lines,
            Totals = command.Totals,
            Currency = command.Totals.Currency,
            Gross = command.Totals.Gross,
            VatRounding = SoundTotals.VatRounding,
        };
        invoice.ChainTo(series);
        db.Invoices.Add(invoice);
        return invoice;
    }

    private void Print(Invoice invoice, ConsumeContext context)
    {
        jobs.Publish(db, new NewJob<PrintInvoice>(new(invoice.Number))
        {
            Id = invoice.OrderId,
            Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { [PrintInvoice.Printer] = printing.Value.Default },
        });
        context.AfterCommit(jobs.Wake);
    }

    /// <summary>What nobody knows how to deliver is not issued, rather than printed for somebody who wants no paper.</summary>
    private static void RequireKnownMedium(GenerateInvoice command)
    {
        if (command.Delivery is not (null or InvoiceMedium.Paper or InvoiceMedium.Electronic))
            throw new InvalidOperationException($"The invoice of order {command.OrderId} is wanted in a way that there is not.");
    }

    /// <summary>An invoice that does not add up is never issued.</summary>
    private static void RequireSoundTotals(GenerateInvoice command)
    {
        if (SoundTotals.BrokenRule(command.Lines, command.Totals) is { } rule)
            throw new InvalidOperationException($"The totals of order {command.OrderId} do not add up (EN 16931, {rule}).");
    }
}

/// <summary>Queue <c>invoice</c>.</summary>
public sealed class GenerateInvoiceDefinition : ConsumerDefinition<GenerateInvoiceConsumer>
{
    public GenerateInvoiceDefinition() => EndpointName = "invoice";
}
