using System.Data;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.Contracts;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Printing;

/// <summary>Takes an invoice to its printer, outside of any transaction and of any delivery.</summary>
/// <remarks>
/// If it dies with the page under way, the job's lease runs out and another worker asks for the same page, which the printer does not print twice. The end of
/// the job and <see cref="InvoiceGenerated"/> commit together; pages that come out while a commit is under way share the next. An exception is one more attempt,
/// and after the last of them the next one parks the job.
/// </remarks>
public sealed class PrintHandler(
    Printers printers, PrintPace pace, InvoicingDb db, IPublishEndpoint publish, SharedTransaction<InvoicingDb> shared, IOptions<PrintingOptions> options, TimeProvider time)
    : IJobHandler<PrintInvoice>
{
    public async Task<JobOutcome> Handle(Job<PrintInvoice> job, CancellationToken cancellationToken)
    {
        job.BelongsTo(job.Id);
        // What the job says cannot be read; the invoice is its order's all the same.
        if ((job.Payload.InvoiceNumber ?? await NumberOf(job.Id, cancellationToken)) is not { } number)
            return await Park(job, null, "The job cannot be read, and its order has no invoice.");
        // Its worker died each time, or could not write down how it ended.
        if (job.Attempt > options.Value.Attempts)
            return await NotPrinted(job, number, $"It was tried {options.Value.Attempts} times.", null);
        if (printers.Find(job.Group) is not { } printer)
            return await NotPrinted(job, number, $"There is no printer '{job.Group}'.", null);
        try
        {
            if (await printer.TryPrint(number, cancellationToken) is { } left)
            {
                job.PauseGroup(left);
                return JobOutcome.GiveBack();
            }
        }
        catch (Exception e) when (e.IsRemoteFailure(cancellationToken))
        {
            var (error, retryAfter) = (e.DescribeRemoteFailure("The printer"), (e as RemoteRefusalException)?.RetryAfter);
            if (printer.Failed(error, retryAfter) is { } pause)
            {
                job.PauseGroup(pause);
                pace.Stop();
            }

            return await NotPrinted(job, number, error, retryAfter);
        }

        await Printed(job, number, printer);
        return JobOutcome.Done();
    }

    private async Task Printed(Job<PrintInvoice> job, string number, Printer printer)
    {
        var now = time.GetStorableNow();
        await shared.Run((inCommon, outbox) =>
        {
            job.Finish(inCommon);
            inCommon.Deliveries.Add(new()
            {
                InvoiceNumber = number,
                OrderId = job.Id,
                Medium = InvoiceMedium.Paper,
                Printer = printer.Name,
                DeliveredAt = now,
            });
            return outbox.Publish(new InvoiceGenerated { OrderId = job.Id, InvoiceNumber = number, GeneratedAt = now });
        });
        pace.CameOut(job.Id, job.CreatedAt);
    }

    /// <summary>It is tried again; whoever waits for the paper is told the first time, and when nobody tries any longer, in one transaction with that.</summary>
    private async Task<JobOutcome> NotPrinted(Job<PrintInvoice> job, string number, string error, TimeSpan? retryAfter)
    {
        if (job.Attempt >= options.Value.Attempts)
            return await Park(job, number, error);
        var later = JobOutcome.RetryLater(error, atLeast: retryAfter > options.Value.LongestRetryAfter ? options.Value.LongestRetryAfter : retryAfter);
        if (job.Attempt == 1)
            await End(job, later, await Issued(job, number));
        return later;
    }

    private async Task<JobOutcome> Park(Job<PrintInvoice> job, string? number, string error)
    {
        var end = JobOutcome.Park(error);
        await End(job, end, new InvoiceFailed { OrderId = job.Id, InvoiceNumber = number, Reason = error });
        return end;
    }

    private async Task End<T>(Job<PrintInvoice> job, JobOutcome outcome, T says) where T : class
    {
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted);
        await job.EndAsync((NpgsqlTransaction)transaction.GetDbTransaction(), outcome);
        await publish.Publish(says);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    private Task<string?> NumberOf(Guid orderId, CancellationToken cancellationToken) =>
        db.Invoices.Where(invoice => invoice.OrderId == orderId).Select(invoice => invoice.Number).SingleOrDefaultAsync(cancellationToken);

    private async Task<InvoiceIssued> Issued(Job<PrintInvoice> job, string number)
    {
        var issueDate = await db.Invoices.Where(invoice => invoice.Number == number).Select(invoice => invoice.IssueDate).SingleAsync();
        return new() { OrderId = job.Id, InvoiceNumber = number, IssueDate = issueDate };
    }
}
