namespace Orafo.Cli.Servers;

/// <summary>Waits for a condition of a process that we started.</summary>
internal static class Until
{
    /// <exception cref="OrafoException">The process ended, or the time ran out; the message names its log.</exception>
    public static async Task True(
        Func<CancellationToken, Task<bool>> condition, ChildProcess process, string log, TimeSpan patience, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition(cancellationToken))
        {
            if (process.Exited.IsCompleted)
                throw new OrafoException($"{process.Name} ended with exit code {await process.Exited} while it started; see {log}, which ends:\n{End(log)}");
            if (TimeProvider.System.GetElapsedTime(started) > patience)
                throw new OrafoException($"{process.Name} does not answer after {patience.TotalSeconds:0} s; see {log}.");
            await Task.Delay(100, cancellationToken);
        }
    }

    /// <summary>What it said last: the log may be gone when somebody looks for it.</summary>
    private static string End(string log) => File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(20)) : "";

    /// <summary>Tries until it works, for a minute at most.</summary>
    /// <exception cref="HttpRequestException">It does not.</exception>
    public static async Task Works(Func<Task> action)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                await action();
                return;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException && TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromMinutes(1))
            {
                await Task.Delay(100);
            }
        }
    }
}
