using System.Diagnostics;
using System.Text;

namespace Orafo.Cli.Benchmarking;

/// <summary>Clients that place orders, each the next one when it has the answer.</summary>
/// <param name="api">Speaks to the intake.</param>
/// <param name="order">What is placed.</param>
/// <param name="clients">How many.</param>
internal sealed class OrderLoad(HttpClient api, string order, int clients)
{
    private readonly byte[] _order = Encoding.UTF8.GetBytes(order);

    /// <summary>Places so many.</summary>
    /// <returns>How long each took to be answered, in milliseconds, in ascending order.</returns>
    public async Task<IReadOnlyList<double>> PlaceAll(int count, CancellationToken stop)
    {
        var milliseconds = new double[count];
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var i && i < count)
            {
                var started = Stopwatch.GetTimestamp();
                await Place(stop);
                milliseconds[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            }
        }));
        Array.Sort(milliseconds);
        return milliseconds;
    }

    public async Task<Uri> Place(CancellationToken stop)
    {
        using var body = new ByteArrayContent(_order) { Headers = { ContentType = new("application/json") } };
        using var answer = await api.PostAsync(new Uri("orders", UriKind.Relative), body, stop);
        answer.EnsureSuccessStatusCode();
        return answer.Headers.Location!;
    }

    /// <param name="sorted">In ascending order.</param>
    /// <param name="percent">How many of a hundred are less.</param>
    public static double Percentile(IReadOnlyList<double> sorted, int percent) => sorted[Math.Min(sorted.Count - 1, sorted.Count * percent / 100)];
}
