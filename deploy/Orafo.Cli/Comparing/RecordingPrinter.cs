using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Comparing;

/// <summary>The printer of a step (services/Orafo.Printer): what became of the orders is told by what it has printed.</summary>
/// <param name="directory">Where its records and its log are.</param>
/// <param name="firstPage">How long it takes for a page before <see cref="NewRecord"/>.</param>
/// <param name="watchdog">Stops it should we be killed.</param>
internal sealed class RecordingPrinter(string directory, TimeSpan firstPage, Watchdog watchdog) : IAsyncDisposable
{
    public const int Trays = 2;

    private readonly KeptAlive _process = new(
        "printer", [Repository.Dotnet, Repository.Image("Orafo.Printer")], directory, watchdog, Surroundings(firstPage, Path.Combine(directory, "record-0")));

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };
    private int _records;

    /// <summary>With a slash at its end.</summary>
    public Uri Address => new(_process.Url + "/");

    /// <summary>Returns when it answers.</summary>
    public Task Start(CancellationToken stop)
    {
        Directory.CreateDirectory(directory);
        return _process.Start(stop);
    }

    /// <summary>As good as new, with nothing printed yet.</summary>
    /// <param name="page">How long it takes for one from now on.</param>
    public Task NewRecord(TimeSpan page) =>
        _process.Restart(Surroundings(page, Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"record-{++_records}"))));

    /// <summary>What came out of it since it began its record.</summary>
    public Task<List<Paper>> Papers() => Get<List<Paper>>("pages");

    /// <summary>How often it was asked since it was started and did not do what it was asked for, or did not say so.</summary>
    public async Task<long> AskedInVain() =>
        (await Get<JsonElement>("faults")).GetProperty("met").EnumerateObject().Where(met => met.Name != "slowSeconds").Sum(met => met.Value.GetInt64());

    /// <summary>It behaves so from now on.</summary>
    /// <param name="faults">Those of services/Orafo.Printer; without any it is as good as new.</param>
    public Task Put(object faults) => Until.Works(async () =>
    {
        using var answer = await _http.PutAsJsonAsync(new Uri(Address, "faults"), faults);
        answer.EnsureSuccessStatusCode();
    });

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _http.Dispose();
    }

    private async Task<T> Get<T>(string path)
    {
        T? found = default;
        await Until.Works(async () => found = await _http.GetFromJsonAsync<T>(new Uri(Address, path)));
        return found!;
    }

    private static Dictionary<string, string?> Surroundings(TimeSpan page, string record) => new(StringComparer.Ordinal)
    {
        ["Printer__PrintSeconds"] = page.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        ["Printer__Trays"] = Trays.ToString(CultureInfo.InvariantCulture),
        ["Printer__Directory"] = record,
    };
}

/// <summary>All paper of an invoice number (services/Orafo.Printer).</summary>
/// <param name="InvoiceNumber">The number.</param>
/// <param name="PrintedAt">When its page came out whole; null if it has not.</param>
/// <param name="Copies">Whole pages.</param>
internal sealed record Paper(string InvoiceNumber, DateTimeOffset? PrintedAt, int Copies);
