namespace Orafo.Cli.Benchmarking;

/// <summary>Waits for a condition of a mesh.</summary>
internal static class Waiting
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    /// <exception cref="OrafoException">Not within that time.</exception>
    public static async Task Until(Func<Task<bool>> condition, TimeSpan patience, string otherwise, CancellationToken stop)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > patience)
                throw new OrafoException($"After {patience.TotalMinutes:0.#} minutes {otherwise}.");
            await Task.Delay(BetweenLooks, stop);
        }
    }
}
