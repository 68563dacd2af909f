using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>order</c>: places an order and follows it to its end.</summary>
internal static class OrderCommand
{
    /// <param name="data">The mesh.</param>
    /// <param name="file">The order as JSON; <c>-</c> for standard input.</param>
    /// <returns>0 only if the order was completed.</returns>
    public static async Task<int> RunAsync(DataDirectory data, string file, CancellationToken stop)
    {
        var body = file == "-" ? await Console.In.ReadToEndAsync(stop) : await Read(file, stop);
        using var api = Intake.Connect(data);
        if (await Place(api, body, stop) is not { } order)
            return 1;

        var shown = 0;
        DateTimeOffset? first = null;
        while (true)
        {
            if (await Look(api, order, stop) is not { } status)
                continue;
            foreach (var step in status.GetProperty("timeline").EnumerateArray().Skip(shown))
            {
                var at = step.GetProperty("at").GetDateTimeOffset();
                first ??= at;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {at:HH:mm:ss.fff}Z  {(at - first.Value).TotalSeconds,7:0.000} s  {step.GetProperty("state").GetString()}"));
                shown++;
            }

            switch (status.GetProperty("status").GetString())
            {
                case "Completed":
                    var total = status.GetProperty("total");
                    Console.WriteLine($"Completed. Invoice {status.GetProperty("invoiceNumber")}, {total.GetProperty("amount")} {total.GetProperty("currency")}.");
                    return 0;
                case "Rejected":
                    Console.WriteLine("Rejected:");
                    foreach (var reason in status.GetProperty("reasons").EnumerateArray())
                        Console.WriteLine($"  {reason.GetProperty("code")}: {reason.GetProperty("text")}");
                    return 1;
                case "Cancelled":
                    Console.WriteLine("Cancelled.");
                    return 1;
                case "Suspended":
                    Console.WriteLine($"Suspended: {status.GetProperty("suspendedBecause")}");
                    return 1;
                default:
                    await Task.Delay(100, stop);
                    break;
            }
        }
    }

    /// <summary>Null while nobody answers: the order is stored, so somebody will.</summary>
    private static async Task<JsonElement?> Look(HttpClient api, Uri order, CancellationToken stop)
    {
        try
        {
            return await api.GetFromJsonAsync<JsonElement>(order, stop);
        }
        catch (HttpRequestException)
        {
            await Task.Delay(500, stop);
            return null;
        }
    }

    private static async Task<Uri?> Place(HttpClient api, string body, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("orders", UriKind.Relative))
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
            Headers = { { "Idempotency-Key", Guid.CreateVersion7().ToString() } },
        };
        using var answer = await api.SendAsync(request, stop);
        if (answer.StatusCode != HttpStatusCode.Accepted)
        {
            Console.Error.WriteLine($"orafo: the order was not accepted ({(int)answer.StatusCode}):\n{await answer.Content.ReadAsStringAsync(stop)}");
            return null;
        }

        Console.WriteLine($"{new Uri(api.BaseAddress!, answer.Headers.Location!)}");
        return answer.Headers.Location;
    }

    private static async Task<string> Read(string file, CancellationToken stop)
    {
        try
        {
            return await File.ReadAllTextAsync(file, stop);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OrafoException($"{file} cannot be read: {e.Message}", e);
        }
    }
}
