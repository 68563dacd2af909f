using System.Net.Http.Json;
using System.Text.Json;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>cancel</c> and <c>resume</c>: what an operator decides about an order.</summary>
internal static class DecideCommand
{
    public static Task<int> CancelAsync(DataDirectory data, Guid order, string? reason, CancellationToken stop) =>
        Ask(data, $"orders/{order}/cancellation", new { reason }, stop);

    public static Task<int> ResumeAsync(DataDirectory data, Guid order, CancellationToken stop) => Ask(data, $"orders/{order}/resumption", new { }, stop);

    /// <returns>0 only if it will be tried.</returns>
    private static async Task<int> Ask(DataDirectory data, string path, object body, CancellationToken stop)
    {
        using var api = Intake.Connect(data);
        using var answer = await Post(api, path, body, stop);
        var said = await answer.Content.ReadFromJsonAsync<JsonElement>(stop);
        if (answer.IsSuccessStatusCode)
        {
            Console.WriteLine($"Asked for. The order is {said.GetProperty("status").GetString()}; look at {new Uri(api.BaseAddress!, answer.Headers.Location!)}.");
            return 0;
        }

        Console.Error.WriteLine($"orafo: {said.GetProperty("title").GetString()} {(said.TryGetProperty("detail", out var detail) ? detail.GetString() : "")}");
        return 1;
    }

    private static async Task<HttpResponseMessage> Post(HttpClient api, string path, object body, CancellationToken stop)
    {
        try
        {
            return await api.PostAsJsonAsync(new Uri(path, UriKind.Relative), body, stop);
        }
        catch (HttpRequestException e)
        {
            throw new OrafoException($"The intake does not answer: {e.Message}", e);
        }
    }
}
