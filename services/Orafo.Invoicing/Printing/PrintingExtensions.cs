using Microsoft.Extensions.Options;
using Orafo.Pgq;

namespace Orafo.Invoicing.Printing;

/// <summary>Registers printers, the queue of print jobs and those who do them.</summary>
public static class PrintingExtensions
{
    /// <summary>Of the client for printers.</summary>
    public const string HttpClient = "printer";

    /// <summary>In bytes: more than a printer has to say.</summary>
    private const int MostAnswered = 64 * 1024;

    /// <summary>Jobs for each page under way: while one is printed, others are claimed, and the end of others is written.</summary>
    private const int JobsPerPage = 4;

    /// <summary>That a worker has at a time.</summary>
    private const int MostJobs = 1000;

    public static void AddPrinting(this IServiceCollection services)
    {
        services.AddOptions<PrintingOptions>().BindConfiguration("Printing").ValidateDataAnnotations().ValidateOnStart();
        services.AddHttpClient(HttpClient, (provider, http) =>
        {
            http.MaxResponseContentBufferSize = MostAnswered;
            http.Timeout = provider.GetRequiredService<IOptions<PrintingOptions>>().Value.Timeout;
        }).RemoveAllLoggers();
        services.AddSingleton<Printers>();
        services.AddSingleton<PrintPace>();
        services.AddJobQueue<PrintInvoice>(PrintInvoice.Queue);
        services.AddJobHandler<PrintInvoice, PrintHandler>((provider, worker) =>
        {
            var printing = provider.GetRequiredService<IOptions<PrintingOptions>>().Value;
            // One printer that is slow leaves hands for the others.
            worker.MaxPerGroup = JobsPerPage * printing.Printers.Values.Max(printer => printer.Parallelism);
            worker.Parallelism = Math.Min(MostJobs, worker.MaxPerGroup.Value * printing.Printers.Count);
            // Only the handler parks: whoever waits has to be told.
            worker.MaxAttempts = int.MaxValue;
            worker.Lease = printing.Lease;
            worker.PollingInterval = printing.PollingInterval;
            (worker.FirstPause, worker.LongestPause) = (printing.FirstPause, printing.LongestPause);
        });
    }
}
