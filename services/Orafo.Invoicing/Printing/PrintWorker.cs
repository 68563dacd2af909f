using System.Data;
using MassTransit;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Printing;

/// <summary>Takes print jobs to the printer, outside of any transaction and of any delivery.</summary>
/// <remarks>
/// If it dies with a page under way, its lease runs out and another worker asks for the same page, which the printer does not print
/// twice. The job's end and <see cref="InvoiceGenerated"/> commit together; pages that come out while a commit is under way share the next.
/// </remarks>
public sealed class PrintWorker(
    IServiceScopeFactory scopes, PrinterClient printer, PrintLine line, IOptions<PrintingOptions> options, TimeProvider time, ILogger<PrintWorker> logger)
    : BackgroundService
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan QuietTime = TimeSpan.FromMinutes(1);
    private readonly PrintingOptions _options = options.Value;
    private readonly SemaphoreSlim _free = new(options.Value.Parallelism);
    private long? _lastWarning;

    public override Task StopAsync(CancellationToken cancellationToken)
    {
        line.Close();
        return base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        base.Dispose();
        _free.Dispose();
    }

    /// <summary>Prints what is handed over, and claims jobs for the hands that are free when it is told to look, or after a while.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var lookedAt = time.GetTimestamp();
        var rest = TimeSpan.Zero;
        while (!stoppingToken.IsCancellationRequested)
        {
            while (line.TakeHanded() is { } job)
                _ = Print(job, stoppingToken);
            var left = rest - time.GetElapsedTime(lookedAt);
            var isTold = line.MustLook;
            if (!isTold && left > TimeSpan.Zero)
                await line.Wait(left, stoppingToken);
            else if (line.TakeRoom() is > 0 and var room)
                (rest, lookedAt) = (await Look(room, isTold, stoppingToken), time.GetTimestamp());
            else
                await line.Wait(Moment, stoppingToken);
        }
    }

    /// <summary>Claims that many jobs and prints them.</summary>
    /// <returns>How long nobody need look, unless told.</returns>
    private async Task<TimeSpan> Look(int room, bool isTold, CancellationToken stoppingToken)
    {
        List<PrintJob> jobs = [];
        try
        {
            jobs = await Claim(room, stoppingToken);
            if (jobs.Count == 0 && !isTold)
                return await UntilNextDue(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
        // The database is away, or worse: the worker goes on when it can.
        catch (Exception e)
        {
            Warn(e, "Print jobs cannot be claimed now");
        }
        finally
        {
            line.GiveBack(room - jobs.Count);
            foreach (var job in jobs)
                _ = Print(job, stoppingToken);
        }

        // There may be more.
        if (jobs.Count == room)
            line.Look();
        return Moment;
    }

    /// <summary>Until the next job is due, but not for longer than a lease may need to be found that ran out.</summary>
    private async Task<TimeSpan> UntilNextDue(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        var due = await db.Database.SqlQueryRaw<TimeSpan?>(PrintStatements.NextDue).ToListAsync(cancellationToken);
        var longest = Jittered(_options.PollingInterval);
        return due is [{ } rest] && rest < longest ? TimeSpan.FromTicks(Math.Max(0, rest.Ticks)) : longest;
    }

    private async Task Print(PrintJob job, CancellationToken stoppingToken)
    {
        if (await IsPrinted(job, stoppingToken))
            await TryFinish(job);
    }

    private async Task<bool> IsPrinted(PrintJob job, CancellationToken stoppingToken)
    {
        try
        {
            using var printing = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            var renewing = KeepLease(job, printing.Token);
            try
            {
                await _free.WaitAsync(stoppingToken);
                try
                {
                    var started = time.GetTimestamp();
                    await printer.Print(job.InvoiceNumber, stoppingToken);
                    line.Took(time.GetElapsedTime(started));
                    return true;
                }
                finally
                {
                    _free.Release();
                }
            }
            finally
            {
                await printing.CancelAsync();
                await renewing;
            }
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !stoppingToken.IsCancellationRequested)
        {
            Warn(e, "The printer does not print");
            await TryGiveBack(job, Describe(e), (e as PrinterRefusedException)?.RetryAfter);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
        finally
        {
            line.Leave();
        }

        return false;
    }

    /// <summary>Ends a job whose page is out. If it cannot be ended now, it runs out of its lease and is asked for again.</summary>
    private async Task TryFinish(PrintJob job)
    {
        try
        {
            await Finish(job);
        }
        // The database is away, or worse: the lease keeps the job, and the printer remembers the page.
        catch (Exception e)
        {
            Warn(e, "Print jobs cannot be ended now");
        }
    }

    private async Task<List<PrintJob>> Claim(int jobs, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        return await db.PrintJobs.FromSqlRaw(PrintStatements.Claim, Guid.CreateVersion7(), _options.Lease, jobs).AsNoTracking().ToListAsync(cancellationToken);
    }

    /// <summary>Renews the lease for as long as the page takes. A lease that is lost all the same is found out at the end.</summary>
    private async Task KeepLease(PrintJob job, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Most pages are out before that: no exception for each of them.
            await Task.Delay(_options.Lease / 3, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
                return;
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
                await db.Database.ExecuteSqlRawAsync(PrintStatements.Renew, [job.InvoiceNumber, job.LeaseToken!, _options.Lease], cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (ReliableDelivery.IsInfrastructure(e))
            {
                Warn(e, "A print job's lease cannot be renewed now");
            }
        }
    }

    /// <summary>Ends the job and says so, in one transaction, shared with other pages that are out.</summary>
    /// <exception cref="DbUpdateConcurrencyException">The lease was lost. Whoever claims the job next finds the page printed.</exception>
    private async Task Finish(PrintJob job)
    {
        await using var scope = scopes.CreateAsyncScope();
        var lease = job.LeaseToken;
        var now = time.GetStorableNow();
        await scope.ServiceProvider.GetRequiredService<SharedTransaction<InvoicingDb>>().Run((db, publish) =>
        {
            job.Finish(now);
            var ended = db.Update(job);
            ended.Property(x => x.LeaseToken).OriginalValue = lease;
            // What is unique is written row by row, and this does not change.
            ended.Property(x => x.OrderId).IsModified = false;
            return publish.Publish(new InvoiceGenerated { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, GeneratedAt = now });
        });
        line.CameOut(job.CreatedAt);
    }

    private async Task TryGiveBack(PrintJob job, string error, TimeSpan? retryAfter)
    {
        try
        {
            await GiveBack(job, error, retryAfter);
        }
        catch (Exception e) when (ReliableDelivery.IsInfrastructure(e))
        {
            Warn(e, "A print job cannot be given back now; its lease runs out");
        }
    }

    private async Task GiveBack(PrintJob job, string error, TimeSpan? retryAfter)
    {
        if (job.Attempts < _options.Attempts)
        {
            object[] later = [job.InvoiceNumber, job.LeaseToken!, PauseAfter(job.Attempts, retryAfter), error];
            // The first time, whoever waits for the paper may not know that it has to.
            if (job.LastError is null)
                await End(PrintStatements.TryLater, later, await Issued(job));
            else
                await Execute(PrintStatements.TryLater, later);
            line.Look();
            return;
        }

        logger.LogError("Invoice {InvoiceNumber} was not printed in {Attempts} attempts and is parked: {Error}", job.InvoiceNumber, job.Attempts, error);
        await End(PrintStatements.Park, [job.InvoiceNumber, job.LeaseToken!, error],
            new InvoiceFailed { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, Reason = error });
    }

    private async Task<InvoiceIssued> Issued(PrintJob job)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        var issueDate = await db.Invoices.Where(invoice => invoice.Number == job.InvoiceNumber).Select(invoice => invoice.IssueDate).SingleAsync();
        return new() { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, IssueDate = issueDate };
    }

    private async Task Execute(string statement, object[] parameters)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<InvoicingDb>().Database.ExecuteSqlRawAsync(statement, parameters);
    }

    /// <summary>Ends the job, or puts it off, and says so, in one transaction, if the lease is still ours.</summary>
    private async Task End<T>(string statement, object[] parameters, T says) where T : class
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted);
        if (await db.Database.ExecuteSqlRawAsync(statement, parameters) == 0)
            return;
        await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(says);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    /// <summary>Not before the printer wants to be asked again; but that, too, has its bound.</summary>
    private TimeSpan PauseAfter(int attempts, TimeSpan? retryAfter)
    {
        var pause = _options.FirstPause * Math.Pow(2, Math.Min(attempts - 1, 20));
        pause = Jittered(pause < _options.LongestPause ? pause : _options.LongestPause);
        var asked = retryAfter < _options.LongestRetryAfter ? retryAfter.Value : _options.LongestRetryAfter;
        return retryAfter is not null && asked > pause ? asked : pause;
    }

#pragma warning disable CA5394 // Jitter needs no secrecy.
    private static TimeSpan Jittered(TimeSpan span) => span * (0.75 + Random.Shared.NextDouble() / 2);
#pragma warning restore CA5394

    private static string Describe(Exception e) => e switch
    {
        PrinterRefusedException => e.Message,
        TaskCanceledException => "The printer did not answer in time.",
        _ => "The printer cannot be reached.",
    };

    private void Warn(Exception e, string what)
    {
        if (_lastWarning is { } last && time.GetElapsedTime(last) < QuietTime)
            return;
        _lastWarning = time.GetTimestamp();
        logger.LogWarning(e, "{What}; trying again with pauses (said once a minute)", what);
    }
}

/// <summary>Registers the workers.</summary>
public static class PrintingExtensions
{
    /// <summary>In bytes: more than a printer has to say.</summary>
    private const int MostAnswered = 64 * 1024;

    public static void AddPrinting(this IServiceCollection services)
    {
        services.AddOptions<PrintingOptions>().BindConfiguration("Printing").ValidateDataAnnotations().ValidateOnStart();
        services.AddHttpClient<PrinterClient>((provider, http) =>
        {
            http.BaseAddress = new Uri(provider.GetRequiredService<IConfiguration>()["Printer:Url"] ?? throw new InvalidOperationException("No Printer:Url."));
            http.MaxResponseContentBufferSize = MostAnswered;
            http.Timeout = provider.GetRequiredService<IOptions<PrintingOptions>>().Value.Timeout;
        }).RemoveAllLoggers();
        services.AddSingleton<PrintLine>();
        services.AddHostedService<PrintWorker>();
    }
}
