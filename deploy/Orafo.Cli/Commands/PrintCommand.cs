using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>print</c>: the invoices that wait for their paper, and what an operator does about them. A print job is named by its order.</summary>
internal static class PrintCommand
{
    /// <param name="data">The mesh.</param>
    /// <param name="state">Only those; all if null.</param>
    public static Task<int> ListAsync(DataDirectory data, string? state, CancellationToken stop) => With(data, async api =>
    {
        var shown = 0;
        await foreach (var job in Jobs(api, state, stop))
        {
            if (shown++ == 0)
                Console.WriteLine($"{"order",-36}  {"invoice",-14}  {"printer",-10}  {"state",-9}  tried  {"due",-20}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{job.OrderId}  {job.InvoiceNumber,-14}  {job.Printer,-10}  {job.State,-9}  {job.Attempts,5}  {job.Due:yyyy-MM-dd HH:mm:ss}Z"));
            if (job.Error is not null)
                Console.WriteLine($"  {job.Error}");
        }

        if (shown == 0)
            Console.WriteLine(state is null ? "No invoice waits for its paper." : $"No print job is {state}.");
        return 0;
    });

    /// <param name="data">The mesh.</param>
    /// <param name="order">Whose paper is tried again; of all that are parked, if null.</param>
    public static Task<int> RetryAsync(DataDirectory data, Guid? order, CancellationToken stop) => With(data, async api =>
    {
        if (order is { } one)
        {
            await Ask(api, HttpMethod.Post, $"print-jobs/{one}/retry", null, stop);
            Console.WriteLine("It is tried again now.");
            return 0;
        }

        var retried = 0;
        // One page and then the next: those that are tried again are not parked any longer.
        await foreach (var job in Jobs(api, "parked", stop))
        {
            retried += await IsRetried(api, job.OrderId, stop) ? 1 : 0;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{retried} are tried again now."));
        return 0;
    });

    /// <param name="data">The mesh.</param>
    /// <param name="order">Whose paper; if null, of all that wait for the printer <paramref name="from"/>.</param>
    /// <param name="from">The printer that they wait for.</param>
    /// <param name="to">The printer that prints them.</param>
    public static Task<int> RedirectAsync(DataDirectory data, Guid? order, string? from, string to, CancellationToken stop) => With(data, async api =>
    {
        if (order is { } one)
        {
            await Ask(api, HttpMethod.Post, $"print-jobs/{one}/redirect", new { printer = to }, stop);
            Console.WriteLine($"It is printed on {to} now.");
            return 0;
        }

        var moved = await Ask(api, HttpMethod.Post, "print-jobs/redirect", new { from = from ?? throw new OrafoException("Which? ORDER, or --from PRINTER for all of a printer."), to }, stop);
        Console.WriteLine($"{moved.GetProperty("jobs")} wait for {to} now; those that were parked are parked there (./orafo print retry).");
        if (moved.GetProperty("printing").GetInt32() is > 0 and var printing)
            Console.WriteLine($"{printing} are being printed on {from}: if that fails, they wait for {from}, and can be redirected then.");
        Console.WriteLine("Invoices to come are printed where Printing:DefaultPrinter says.");
        return 0;
    });

    /// <param name="data">The mesh.</param>
    /// <param name="order">Whose invoice is not printed but read.</param>
    public static Task<int> CancelAsync(DataDirectory data, Guid order, CancellationToken stop) => With(data, async api =>
    {
        await Ask(api, HttpMethod.Delete, $"print-jobs/{order}", null, stop);
        Console.WriteLine("It is not printed: the invoice is delivered electronically, and the order goes on.");
        return 0;
    });

    private static async Task<int> With(DataDirectory data, Func<HttpClient, Task<int>> run)
    {
        // Many are moved in one request; Ctrl+C ends the wait.
        using var api = Operators.Connect(data, MeshService.Invoicing);
        api.Timeout = Timeout.InfiniteTimeSpan;
        try
        {
            return await run(api);
        }
        catch (HttpRequestException e)
        {
            throw new OrafoException($"The invoice service does not answer: {e.Message}", e);
        }
    }

    private static async IAsyncEnumerable<Job> Jobs(HttpClient api, string? state, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        Guid? after = Guid.Empty;
        while (after is not null)
        {
            var page = await Ask(api, HttpMethod.Get, $"print-jobs?after={after}{(state is null ? "" : $"&state={state}")}", null, stop);
            var jobs = page.Deserialize<JobPage>(JsonSerializerOptions.Web)!;
            foreach (var job in jobs.Jobs)
                yield return job;
            after = jobs.Next;
        }
    }

    /// <summary>False if somebody else was quicker.</summary>
    private static async Task<bool> IsRetried(HttpClient api, Guid order, CancellationToken stop)
    {
        using var answer = await api.PostAsync(new Uri($"print-jobs/{order}/retry", UriKind.Relative), null, stop);
        if (answer.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.NotFound)
            return false;
        answer.EnsureSuccessStatusCode();
        return true;
    }

    /// <exception cref="OrafoException">It is refused; the message says why.</exception>
    private static async Task<JsonElement> Ask(HttpClient api, HttpMethod method, string address, object? body, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(method, new Uri(address, UriKind.Relative)) { Content = body is null ? null : JsonContent.Create(body) };
        using var answer = await api.SendAsync(request, stop);
        var text = await answer.Content.ReadAsStringAsync(stop);
        var json = text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
        return answer.IsSuccessStatusCode ? json : throw new OrafoException(Problem(json) ?? $"The invoice service answers {(int)answer.StatusCode}.");
    }

    /// <summary>What problem details (RFC 9457) say.</summary>
    private static string? Problem(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
            return null;
        var errors = json.TryGetProperty("errors", out var of) && of.ValueKind == JsonValueKind.Object
            ? of.EnumerateObject().SelectMany(error => error.Value.EnumerateArray().Select(mistake => $"{error.Name}: {mistake}"))
            : [];
        return errors.DefaultIfEmpty(json.TryGetProperty("title", out var title) ? title.GetString() : null).First();
    }

    private sealed record Job(Guid OrderId, string? InvoiceNumber, string Printer, string State, int Attempts, DateTimeOffset Due, string? Error);

    private sealed record JobPage(IReadOnlyList<Job> Jobs, Guid? Next);
}
