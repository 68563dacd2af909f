using System.Data;
using MassTransit;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Orafo.Contracts;
using Orafo.Pgq;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Printing;

/// <summary>An invoice that waits for its paper.</summary>
/// <param name="InvoiceNumber">Null if what the job says cannot be read: that, too, is for an operator to see.</param>
/// <param name="State">One of <see cref="JobStates"/>.</param>
/// <param name="Due">When it was, or will be, its turn.</param>
/// <param name="Error">Why the last attempt failed.</param>
public sealed record PrintJob(Guid OrderId, string? InvoiceNumber, string Printer, string State, int Attempts, DateTimeOffset CreatedAt, DateTimeOffset Due, string? Error);

/// <summary>A page of them.</summary>
/// <param name="Next">What to ask for as <c>after</c> to get the next page; null if this is the last.</param>
public sealed record PrintJobs(IReadOnlyList<PrintJob> Jobs, Guid? Next);

/// <param name="Printer">Where to.</param>
public sealed record RedirectJob(string? Printer);

/// <param name="From">The printer, or the name of one that was.</param>
/// <param name="To">A printer.</param>
public sealed record RedirectAll(string? From, string? To);

/// <param name="Jobs">How many wait for the other printer now.</param>
/// <param name="Printing">How many are being printed, or were claimed to be, and stay: if that fails, they wait for the printer that they were to leave.</param>
public sealed record Moved(int Jobs, int Printing);

/// <summary>What an operator does about invoices that wait for their paper. A job is named by its order.</summary>
public static class PrintJobEndpoints
{
    private const int LongestPage = 1000;
    private const int LongestName = 200;

    public static void MapPrintJobs(this IEndpointRouteBuilder app)
    {
        var jobs = app.MapGroup("/print-jobs").WithTags("Print jobs");
        jobs.MapGet("", List);
        jobs.MapPost("{orderId:guid}/retry", Retry);
        jobs.MapPost("{orderId:guid}/redirect", Redirect);
        jobs.MapPost("redirect", RedirectAll);
        jobs.MapDelete("{orderId:guid}", Cancel);
    }

    private static async Task<Results<Ok<PrintJobs>, ValidationProblem>> List(
        JobQueue<PrintInvoice> queue, CancellationToken cancellationToken, string? state = null, Guid? after = null, int limit = 100)
    {
        if (limit is < 1 or > LongestPage)
            return Invalid("limit", $"From 1 to {LongestPage}.");
        if (state is not null && !JobStates.NotOver.Contains(state))
            return Invalid("state", $"One of {string.Join(", ", JobStates.NotOver)}.");
        var jobs = await queue.ListAsync(state, after ?? default, limit, cancellationToken);
        return TypedResults.Ok(new PrintJobs([.. jobs.Select(job => Describe(job, queue))], jobs.Count == limit ? jobs[^1].Id : null));
    }

    /// <summary>A job that is parked, or waits for its next attempt, is tried now, with all attempts before it.</summary>
    private static async Task<Results<NoContent, ProblemHttpResult>> Retry(Guid orderId, JobQueue<PrintInvoice> queue, CancellationToken cancellationToken) =>
        await queue.RetryAsync(orderId, cancellationToken)
            ? TypedResults.NoContent()
            : await Impossible(orderId, queue, "is in line or being printed: there is nothing to try again", cancellationToken);

    /// <summary>It is printed elsewhere, and tried there at once. A page of which nobody knows whether it is out may then be out twice.</summary>
    private static async Task<Results<NoContent, ProblemHttpResult, ValidationProblem>> Redirect(
        Guid orderId, RedirectJob to, JobQueue<PrintInvoice> queue, InvoicingDb db, Printers printers, CancellationToken cancellationToken)
    {
        if (to.Printer is not { } printer || printers.Find(printer) is null)
            return Invalid("printer", NoPrinter(printers));
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        var its = (NpgsqlTransaction)transaction.GetDbTransaction();
        if (!await queue.MoveAsync(its, orderId, printer, cancellationToken))
            return await Impossible(orderId, queue, "is being printed: try again when that has failed", cancellationToken);
        await queue.RetryAsync(its, orderId, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        queue.Wake();
        return TypedResults.NoContent();
    }

    /// <summary>All jobs that wait for a printer. Parked ones stay parked; invoices to come go where the configuration says.</summary>
    private static async Task<Results<Ok<Moved>, ValidationProblem>> RedirectAll(
        RedirectAll redirect, JobQueue<PrintInvoice> queue, InvoicingDb db, Printers printers, CancellationToken cancellationToken)
    {
        if (redirect.To is not { } to || printers.Find(to) is null)
            return Invalid("to", NoPrinter(printers));
        if (redirect.From is not { Length: > 0 and <= LongestName } from || from.Contains('\0', StringComparison.Ordinal))
            return Invalid("from", "The name of a printer that there is, or was.");
        if (from == to)
            return Invalid("from", "They are there already.");
        var moved = await queue.MoveGroupAsync(from, to, cancellationToken);
        return TypedResults.Ok(new Moved(moved, await db.Database.SqlQueryRaw<int>(PrintStatements.PrintingOn, from).SingleAsync(cancellationToken)));
    }

    /// <summary>No paper: the invoice is delivered electronically, and the order goes on.</summary>
    private static async Task<Results<NoContent, ProblemHttpResult>> Cancel(
        Guid orderId, JobQueue<PrintInvoice> queue, InvoicingDb db, IPublishEndpoint publish, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        if (!await queue.CancelAsync((NpgsqlTransaction)transaction.GetDbTransaction(), orderId, cancellationToken))
            return await Impossible(orderId, queue, "is being printed: try again when that has failed", cancellationToken);
        if (await db.Invoices.Where(invoice => invoice.OrderId == orderId).Select(invoice => invoice.Number).SingleOrDefaultAsync(cancellationToken) is not { } number)
            return TypedResults.Problem(statusCode: StatusCodes.Status409Conflict, title: "The order of the print job has no invoice: there is nothing to deliver.");
        var now = time.GetStorableNow();
        db.Deliveries.Add(new() { InvoiceNumber = number, OrderId = orderId, Medium = InvoiceMedium.Electronic, DeliveredAt = now });
        await publish.Publish(new InvoiceGenerated { OrderId = orderId, InvoiceNumber = number, GeneratedAt = now }, cancellationToken);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return TypedResults.NoContent();
    }

    private static PrintJob Describe(JobStatus job, JobQueue<PrintInvoice> queue) => new(
        job.Id, queue.Read(job).InvoiceNumber, job.Group, job.State, job.Attempts, job.CreatedAt, job.Due, job.Error);

    private static async Task<ProblemHttpResult> Impossible(Guid orderId, JobQueue<PrintInvoice> queue, string why, CancellationToken cancellationToken) =>
        await queue.FindAsync(orderId, cancellationToken) switch
        {
            null => TypedResults.Problem(statusCode: StatusCodes.Status404NotFound, title: "There is no such print job."),
            { FinishedAt: not null } => TypedResults.Problem(statusCode: StatusCodes.Status409Conflict, title: "The print job is over."),
            _ => TypedResults.Problem(statusCode: StatusCodes.Status409Conflict, title: $"The print job {why}."),
        };

    private static ValidationProblem Invalid(string member, string mistake) =>
        TypedResults.ValidationProblem(new Dictionary<string, string[]>(StringComparer.Ordinal) { [member] = [mistake] });

    private static string NoPrinter(Printers printers) => $"There is no such printer; there is {string.Join(", ", printers.Names.Order(StringComparer.Ordinal))}.";
}
