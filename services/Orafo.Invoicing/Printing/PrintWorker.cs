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
public sealed class PrintWorker : BackgroundService
{
    private const int LongestLine = 64;
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan QuietTime = TimeSpan.FromMinutes(1);
    private readonly IServiceScopeFactory _scopes;
    private readonly PrinterClient _printer;
    private readonly PrintLine _line;
    private readonly IDisposable _subscription;
    private readonly TimeProvider _time;
    private readonly ILogger<PrintWorker> _logger;
    private readonly PrintingOptions _options;
    private readonly SemaphoreSlim _free;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly SemaphoreSlim _room = new(0, 1);
    private int _claimed;
    private long _pageTicks = TimeSpan.TicksPerMinute;
    private long? _lastWarning;

    public PrintWorker(
        IServiceScopeFactory scopes, PrinterClient printer, PrintLine line, IOptions<PrintingOptions> options, OutboxSignal<InvoicingDb> committed,
        TimeProvider time, ILogger<PrintWorker> logger)
    {
        (_scopes, _printer, _line, _time, _logger, _options) = (scopes, printer, line, time, logger, options.Value);
        _free = new SemaphoreSlim(_options.Parallelism);
        _subscription = committed.Subscribe(() => Raise(_wake));
    }

    public override void Dispose()
    {
        _subscription.Dispose();
        base.Dispose();
        _free.Dispose();
        _wake.Dispose();
        _room.Dispose();
    }

    /// <summary>Claims jobs for the hands that are free, and looks again when a job was committed here, or after a while.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var isQuiet = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            var most = _options.Parallelism + MostAhead;
            var room = most - Volatile.Read(ref _claimed);
            // One statement for some of the jobs ahead; for a hand that would be idle, at once.
            if (room < Math.Max(1, (most - _options.Parallelism) / 2))
            {
                await Wait(_room, Timeout.InfiniteTimeSpan, stoppingToken);
                continue;
            }

            List<PrintJob> jobs = [];
            var rest = Moment;
            try
            {
                jobs = await Claim(room, stoppingToken);
                if (jobs.Count == 0 && isQuiet)
                    rest = await UntilNextDue(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // The database is away, or worse: the worker goes on when it can.
            catch (Exception e)
            {
                Warn(e, "Print jobs cannot be claimed now");
            }

            Interlocked.Add(ref _claimed, jobs.Count);
            foreach (var job in jobs)
                _ = Print(job, stoppingToken);
            if (jobs.Count < room)
                isQuiet = !await Wait(_wake, rest, stoppingToken);
        }
    }

    /// <summary>Until the next job is due, but not for longer than a lease may need to be found that ran out.</summary>
    private async Task<TimeSpan> UntilNextDue(CancellationToken cancellationToken)
    {
        await using var scope = _scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        var due = await db.Database.SqlQueryRaw<TimeSpan?>(PrintStatements.NextDue).ToListAsync(cancellationToken);
        var longest = Jittered(_options.PollingInterval);
        return due is [{ } rest] && rest < longest ? TimeSpan.FromTicks(Math.Max(0, rest.Ticks)) : longest;
    }

    /// <summary>What the hands print within a moment, beside what they are at: not more, for another worker may be idle.</summary>
    private int MostAhead => (int)Math.Min(_options.Parallelism * (Ahead / TimeSpan.FromTicks(Math.Max(1, Volatile.Read(ref _pageTicks)))), LongestLine);

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
                    var started = _time.GetTimestamp();
                    await _printer.Print(job.InvoiceNumber, stoppingToken);
                    Volatile.Write(ref _pageTicks, (Volatile.Read(ref _pageTicks) * 7 + _time.GetElapsedTime(started).Ticks) / 8);
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
            await TryGiveBack(job, Describe(e));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
        finally
        {
            Interlocked.Decrement(ref _claimed);
            Raise(_room);
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
        await using var scope = _scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        return await db.PrintJobs.FromSqlRaw(PrintStatements.Claim, Guid.CreateVersion7(), _options.Lease, jobs).AsNoTracking().ToListAsync(cancellationToken);
    }

    /// <summary>Renews the lease for as long as the page takes. A lease that is lost all the same is found out at the end.</summary>
    private async Task KeepLease(PrintJob job, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Most pages are out before that: no exception for each of them.
            await Task.Delay(_options.Lease / 3, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
                return;
            try
            {
                await using var scope = _scopes.CreateAsyncScope();
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
        await using var scope = _scopes.CreateAsyncScope();
        var lease = job.LeaseToken;
        var now = _time.GetStorableNow();
        await scope.ServiceProvider.GetRequiredService<SharedTransaction<InvoicingDb>>().Run((db, publish) =>
        {
            job.Finish(now);
            db.Update(job).Property(x => x.LeaseToken).OriginalValue = lease;
            return publish.Publish(new InvoiceGenerated { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, GeneratedAt = now });
        });
        _line.CameOut(job.CreatedAt);
    }

    private async Task TryGiveBack(PrintJob job, string error)
    {
        try
        {
            await GiveBack(job, error);
        }
        catch (Exception e) when (ReliableDelivery.IsInfrastructure(e))
        {
            Warn(e, "A print job cannot be given back now; its lease runs out");
        }
    }

    private async Task GiveBack(PrintJob job, string error)
    {
        if (job.Attempts < _options.Attempts)
        {
            object[] later = [job.InvoiceNumber, job.LeaseToken!, PauseAfter(job.Attempts), error];
            // The first time, whoever waits for the paper may not know that it has to.
            if (job.LastError is null)
                await End(PrintStatements.TryLater, later, await Issued(job));
            else
                await Execute(PrintStatements.TryLater, later);
            Raise(_wake);
            return;
        }

        _logger.LogError("Invoice {InvoiceNumber} was not printed in {Attempts} attempts and is parked: {Error}", job.InvoiceNumber, job.Attempts, error);
        await End(PrintStatements.Park, [job.InvoiceNumber, job.LeaseToken!, error],
            new InvoiceFailed { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, Reason = error });
    }

    private async Task<InvoiceIssued> Issued(PrintJob job)
    {
        await using var scope = _scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        var issueDate = await db.Invoices.Where(invoice => invoice.Number == job.InvoiceNumber).Select(invoice => invoice.IssueDate).SingleAsync();
        return new() { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, IssueDate = issueDate };
    }

    private async Task Execute(string statement, object[] parameters)
    {
        await using var scope = _scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<InvoicingDb>().Database.ExecuteSqlRawAsync(statement, parameters);
    }

    /// <summary>Ends the job, or puts it off, and says so, in one transaction, if the lease is still ours.</summary>
    private async Task End<T>(string statement, object[] parameters, T says) where T : class
    {
        await using var scope = _scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted);
        if (await db.Database.ExecuteSqlRawAsync(statement, parameters) == 0)
            return;
        await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(says);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    private TimeSpan PauseAfter(int attempts)
    {
        var pause = _options.FirstPause * Math.Pow(2, Math.Min(attempts - 1, 20));
        return Jittered(pause < _options.LongestPause ? pause : _options.LongestPause);
    }

#pragma warning disable CA5394 // Jitter needs no secrecy.
    private static TimeSpan Jittered(TimeSpan span) => span * (0.75 + Random.Shared.NextDouble() / 2);
#pragma warning restore CA5394

    private static string Describe(Exception e) => e switch
    {
        HttpRequestException { StatusCode: { } status } => $"The printer answered {(int)status}.",
        TaskCanceledException => "The printer did not answer in time.",
        _ => "The printer cannot be reached.",
    };

    private void Warn(Exception e, string what)
    {
        if (_lastWarning is { } last && _time.GetElapsedTime(last) < QuietTime)
            return;
        _lastWarning = _time.GetTimestamp();
        _logger.LogWarning(e, "{What}; trying again with pauses (said once a minute)", what);
    }

    /// <returns>Whether it was raised.</returns>
    private static async Task<bool> Wait(SemaphoreSlim signal, TimeSpan limit, CancellationToken stoppingToken)
    {
        var raised = signal.WaitAsync(limit, stoppingToken);
        await ((Task)raised).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return raised is { IsCompletedSuccessfully: true, Result: true };
    }

    private static void Raise(SemaphoreSlim signal)
    {
        try
        {
            if (signal.CurrentCount == 0)
                signal.Release();
        }
        // Two raised it at once; one is enough.
        catch (SemaphoreFullException)
        {
        }
    }
}

/// <summary>Registers the workers.</summary>
public static class PrintingExtensions
{
    public static void AddPrinting(this IServiceCollection services)
    {
        services.AddOptions<PrintingOptions>().BindConfiguration("Printing").ValidateDataAnnotations().ValidateOnStart();
        services.AddHttpClient<PrinterClient>((provider, http) =>
        {
            http.BaseAddress = new Uri(provider.GetRequiredService<IConfiguration>()["Printer:Url"] ?? throw new InvalidOperationException("No Printer:Url."));
            http.Timeout = provider.GetRequiredService<IOptions<PrintingOptions>>().Value.Timeout;
        }).RemoveAllLoggers();
        services.AddSingleton<PrintLine>();
        services.AddHostedService<PrintWorker>();
    }
}
