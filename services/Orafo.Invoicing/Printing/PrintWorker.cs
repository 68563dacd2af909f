using System.Data;
using System.Threading.Channels;
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
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan QuietTime = TimeSpan.FromMinutes(1);
    private readonly IServiceScopeFactory _scopes;
    private readonly PrinterClient _printer;
    private readonly IDisposable _subscription;
    private readonly TimeProvider _time;
    private readonly ILogger<PrintWorker> _logger;
    private readonly PrintingOptions _options;
    private readonly SemaphoreSlim _free;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly Channel<PrintJob> _printed = Channel.CreateUnbounded<PrintJob>();
    private long? _lastWarning;

    public PrintWorker(
        IServiceScopeFactory scopes, PrinterClient printer, IOptions<PrintingOptions> options, OutboxSignal<InvoicingDb> committed, TimeProvider time,
        ILogger<PrintWorker> logger)
    {
        (_scopes, _printer, _time, _logger, _options) = (scopes, printer, time, logger, options.Value);
        _free = new SemaphoreSlim(_options.Parallelism);
        _subscription = committed.Subscribe(Wake);
    }

    public override void Dispose()
    {
        _subscription.Dispose();
        base.Dispose();
        _free.Dispose();
        _wake.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Print(stoppingToken), Finish(stoppingToken));

    /// <summary>Claims as many jobs as there are hands free, and looks again when a job was committed here, or after a while.</summary>
    private async Task Print(CancellationToken stoppingToken)
    {
        var isMoreWaiting = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            // One statement for the hands that get free about now, instead of one for each.
            if (isMoreWaiting)
                await Task.Delay(Gathering, _time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _free.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested)
                return;
            var hands = 1;
            while (_free.Wait(0, CancellationToken.None))
                hands++;

            List<PrintJob> jobs = [];
            try
            {
                jobs = await Claim(hands, stoppingToken);
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

            if (hands > jobs.Count)
                _free.Release(hands - jobs.Count);
            foreach (var job in jobs)
                _ = Print(job, stoppingToken);
            isMoreWaiting = jobs.Count == hands;
            if (!isMoreWaiting)
                await ((Task)_wake.WaitAsync(Jittered(_options.PollingInterval), stoppingToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Print(PrintJob job, CancellationToken stoppingToken)
    {
        try
        {
            using var printing = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            var renewing = KeepLease(job, printing.Token);
            try
            {
                await _printer.Print(job.InvoiceNumber, stoppingToken);
                _printed.Writer.TryWrite(job);
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
            _free.Release();
        }
    }

    /// <summary>Ends the jobs whose pages are out. A job that cannot be ended now runs out of its lease and is asked for again.</summary>
    private async Task Finish(CancellationToken stoppingToken)
    {
        while (await WaitForPage(stoppingToken))
        {
            List<PrintJob> pages = [];
            while (pages.Count < _options.Parallelism && _printed.Reader.TryRead(out var page))
                pages.Add(page);
            try
            {
                await Finish(pages);
                if (pages.Count > 1)
                    await Task.Delay(Gathering, _time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            // The database is away, or worse: the lease keeps the jobs, and the printer remembers the pages.
            catch (Exception e)
            {
                Warn(e, "Print jobs cannot be ended now");
            }
        }
    }

    private async Task<bool> WaitForPage(CancellationToken stoppingToken)
    {
        try
        {
            return await _printed.Reader.WaitToReadAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return false;
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

    /// <summary>Ends the jobs and says so, in one transaction.</summary>
    /// <exception cref="DbUpdateConcurrencyException">A lease was lost: none is ended. Whoever claims them next finds the pages printed.</exception>
    private async Task Finish(List<PrintJob> jobs)
    {
        await using var scope = _scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        var publish = scope.ServiceProvider.GetRequiredService<IPublishEndpoint>();
        var now = _time.GetStorableNow();
        db.AttachRange(jobs);
        foreach (var job in jobs)
        {
            job.Finish(now);
            await publish.Publish(new InvoiceGenerated { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, GeneratedAt = now });
        }

        await db.SaveChangesAsync();
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
            await using var scope = _scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
            await db.Database.ExecuteSqlRawAsync(PrintStatements.TryLater, job.InvoiceNumber, job.LeaseToken!, PauseAfter(job.Attempts), error);
            return;
        }

        _logger.LogError("Invoice {InvoiceNumber} was not printed in {Attempts} attempts and is parked: {Error}", job.InvoiceNumber, job.Attempts, error);
        await End(PrintStatements.Park, [job.InvoiceNumber, job.LeaseToken!, error],
            new InvoiceFailed { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, Reason = error });
    }

    /// <summary>Ends the job and says so, in one transaction, if the lease is still ours.</summary>
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

    private void Wake()
    {
        try
        {
            if (_wake.CurrentCount == 0)
                _wake.Release();
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
        services.AddHostedService<PrintWorker>();
    }
}
