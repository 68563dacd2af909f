using System.Data;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orafo.Contracts;
using Orafo.ServiceDefaults;

namespace Orafo.Invoicing.Printing;

/// <summary>Takes print jobs to the printer, outside of any transaction and of any delivery.</summary>
/// <remarks>
/// If it dies with a page under way, its lease runs out and another worker asks for the same page, which the printer does not print
/// twice. The job's end and <see cref="InvoiceGenerated"/> commit together.
/// </remarks>
public sealed class PrintWorker(
    IServiceScopeFactory scopes, PrinterClient printer, IOptions<PrintingOptions> options, TimeProvider time, ILogger<PrintWorker> logger)
    : BackgroundService
{
    private static readonly TimeSpan QuietTime = TimeSpan.FromMinutes(1);
    private readonly PrintingOptions _options = options.Value;
    private long? _lastWarning;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, _options.Parallelism).Select(_ => Work(stoppingToken)));

    private async Task Work(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var hasWorked = false;
            try
            {
                hasWorked = await PrintNext(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // The database is away, or worse: the lease keeps the job, and the worker goes on when it can.
            catch (Exception e)
            {
                Warn(e, "Print jobs cannot be worked on now");
            }

            if (!hasWorked)
                await Task.Delay(Jittered(_options.PollingInterval), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>Whether there was a job.</returns>
    private async Task<bool> PrintNext(CancellationToken stoppingToken)
    {
        var lease = Guid.CreateVersion7();
        if (await Claim(lease, stoppingToken) is not { } job)
            return false;

        try
        {
            using var printing = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            var renewing = KeepLease(job, lease, printing.Token);
            try
            {
                await printer.Print(job.InvoiceNumber, stoppingToken);
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
            await GiveBack(job, lease, Describe(e));
            return true;
        }

        await Finish(job, lease);
        return true;
    }

    private async Task<ClaimedJob?> Claim(Guid lease, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
        return (await db.Database.SqlQueryRaw<ClaimedJob>(PrintStatements.Claim, lease, _options.Lease).ToListAsync(cancellationToken)).SingleOrDefault();
    }

    /// <summary>Renews the lease for as long as the page takes. A lease that is lost all the same is found out at the end.</summary>
    private async Task KeepLease(ClaimedJob job, Guid lease, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(_options.Lease / 3, time);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(cancellationToken);
                await using var scope = scopes.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
                await db.Database.ExecuteSqlRawAsync(PrintStatements.Renew, [job.InvoiceNumber, lease, _options.Lease], cancellationToken);
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

    private Task Finish(ClaimedJob job, Guid lease) =>
        End(PrintStatements.Finish, [job.InvoiceNumber, lease],
            new InvoiceGenerated { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, GeneratedAt = time.GetUtcNow() });

    private async Task GiveBack(ClaimedJob job, Guid lease, string error)
    {
        if (job.Attempts < _options.Attempts)
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<InvoicingDb>();
            await db.Database.ExecuteSqlRawAsync(PrintStatements.TryLater, job.InvoiceNumber, lease, PauseAfter(job.Attempts), error);
            return;
        }

        logger.LogError("Invoice {InvoiceNumber} was not printed in {Attempts} attempts and is parked: {Error}", job.InvoiceNumber, job.Attempts, error);
        await End(PrintStatements.Park, [job.InvoiceNumber, lease, error],
            new InvoiceFailed { OrderId = job.OrderId, InvoiceNumber = job.InvoiceNumber, Reason = error });
    }

    /// <summary>Ends the job and says so, in one transaction, if the lease is still ours.</summary>
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
        if (_lastWarning is { } last && time.GetElapsedTime(last) < QuietTime)
            return;
        _lastWarning = time.GetTimestamp();
        logger.LogWarning(e, "{What}; trying again with pauses (said once a minute)", what);
    }

    private sealed record ClaimedJob(string InvoiceNumber, Guid OrderId, int Attempts);
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
        });
        services.AddHostedService<PrintWorker>();
    }
}
