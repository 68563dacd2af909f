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
        // Its worker died each time, or could not write down how it ended.
        if (job.Attempt > options.Value.Attempts)
            return await NotPrinted(job, $"It was tried {options.Value.Attempts} times.", null);
        if (printers.Find(job.Group) is not { } printer)
            return await NotPrinted(job, $"There is no printer '{job.Group}'.", null);
        try
        {
            if (await printer.TryPrint(job.Payload.InvoiceNumber, cancellationToken) is { } left)
            {
                job.PauseGroup(left);
                return JobOutcome.GiveBack();
            }
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            var (error, retryAfter) = (Describe(e), (e as PrinterRefusedException)?.RetryAfter);
            if (printer.Failed(error, retryAfter) is { } pause)
            {
                job.PauseGroup(pause);
                pace.Stop();
            }

            return await NotPrinted(job, error, retryAfter);
        }

        await Printed(job, printer);
        return JobOutcome.Done();
    }

    private async Task Printed(Job<PrintInvoice> job, Printer printer)
    {
        var (number, now) = (job.Payload.InvoiceNumber, time.GetStorableNow());
        await shared.Run((inCommon, outbox) =>
        {
            job.Finish(inCommon);
            inCommon.Deliveries.Add(new()
            {
                InvoiceNumber = number,
                OrderId = job.Id,
                Medium = InvoiceDelivery.Paper,
                Printer = printer.Name,
                DeliveredAt = now,
            });
            return outbox.Publish(new InvoiceGenerated { OrderId = job.Id, InvoiceNumber = number, GeneratedAt = now });
        });
        pace.CameOut(job.CreatedAt);
    }

    /// <summary>It is tried again; whoever waits for the paper is told the first time, and when nobody tries any longer, in one transaction with that.</summary>
    private async Task<JobOutcome> NotPrinted(Job<PrintInvoice> job, string error, TimeSpan? retryAfter)
    {
        if (job.Attempt >= options.Value.Attempts)
        {
            var end = JobOutcome.Park(error);
            await End(job, end, new InvoiceFailed { OrderId = job.Id, InvoiceNumber = job.Payload.InvoiceNumber, Reason = error });
            return end;
        }

        var later = JobOutcome.RetryLater(error, atLeast: retryAfter > options.Value.LongestRetryAfter ? options.Value.LongestRetryAfter : retryAfter);
        if (job.Attempt == 1)
            await End(job, later, await Issued(job));
        return later;
    }

    private async Task End<T>(Job<PrintInvoice> job, JobOutcome outcome, T says) where T : class
    {
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted);
        await job.EndAsync((NpgsqlTransaction)transaction.GetDbTransaction(), outcome);
        await publish.Publish(says);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    private async Task<InvoiceIssued> Issued(Job<PrintInvoice> job)
    {
        var number = job.Payload.InvoiceNumber;
        var issueDate = await db.Invoices.Where(invoice => invoice.Number == number).Select(invoice => invoice.IssueDate).SingleAsync();
        return new() { OrderId = job.Id, InvoiceNumber = number, IssueDate = issueDate };
    }

    private static string Describe(Exception e) => e switch
    {
        PrinterRefusedException => e.Message,
        TaskCanceledException => "The printer did not answer in time.",
        _ => "The printer cannot be reached.",
    };
}
