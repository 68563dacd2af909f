using System.Net.Http.Json;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Disturbing;

/// <summary>Something that is wrong with a device for a while.</summary>
/// <param name="Device">Whose <c>PUT /faults</c> it is.</param>
/// <param name="Faults">The body; whoever takes it back sends <see cref="None"/>.</param>
internal sealed record Trouble(string Device, object Faults)
{
    public static readonly object None = new { };

    /// <summary>One of them after the other has some orders suspended: few attempts are made in a chaos run.</summary>
    public static IReadOnlyList<Trouble> All { get; } =
    [
        new(MeshService.Printer, new { offline = true }),
        new(MeshService.Printer, new { noAnswer = true }),
        new(MeshService.Printer, new { busySeconds = 1 }),
        new(MeshService.Printer, new { inkPages = 5 }),
        new(MeshService.Printer, new { jamProbability = 0.7 }),
        new(MeshService.Printer, new { loseReplies = true }),
        new(MeshService.Printer, new { crashInPage = true }),
        new(MeshService.Carrier, new { offline = true }),
        new(MeshService.Carrier, new { noAnswer = true }),
        new(MeshService.Carrier, new { busySeconds = 1 }),
        new(MeshService.Carrier, new { refusePostalCode = "50125" }),
        new(MeshService.Carrier, new { loseReplies = true }),
        new(MeshService.Carrier, new { crashBeforeBooking = true }),
        new(MeshService.Carrier, new { crashAfterBooking = true }),
    ];

    /// <returns>Whether the device heard of it; one that is away comes back with nothing wrong.</returns>
    public static async Task<bool> Set(HttpClient http, MeshState mesh, string device, object faults, CancellationToken stop)
    {
        try
        {
            using var answer = await http.PutAsJsonAsync(new Uri(mesh.Url(device) + "/faults"), faults, stop);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return false;
        }
    }
}
