namespace Orafo.Testing;

/// <summary>Waits for a condition.</summary>
public static class Eventually
{
    /// <summary>What has not come about by then does not come about.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <summary>Returns as soon as it holds.</summary>
    /// <param name="condition">Looked at again and again.</param>
    /// <param name="what">It says, for the message.</param>
    /// <exception cref="TimeoutException">Not within three minutes.</exception>
    public static Task Holds(Func<Task<bool>> condition, string what) => Holds(condition, () => what);

    /// <summary>Returns as soon as it holds.</summary>
    /// <param name="condition">Looked at again and again.</param>
    /// <param name="what">It says, for the message; asked for at the end.</param>
    /// <exception cref="TimeoutException">Not within three minutes.</exception>
    public static async Task Holds(Func<Task<bool>> condition, Func<string> what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > Patience)
                throw new TimeoutException($"After {Patience.TotalMinutes} minutes it is not so: {what()}.");
            await Task.Delay(20); // The interval of looking, not the time to wait.
        }
    }

    /// <summary>Returns as soon as it holds.</summary>
    public static Task Holds(Func<bool> condition, string what) => Holds(() => Task.FromResult(condition()), what);

    /// <summary>Why a service does not start, in its own words.</summary>
    /// <param name="start">Starts it in a factory that is new each time.</param>
    /// <exception cref="InvalidOperationException">It starts.</exception>
    /// <exception cref="TimeoutException">Not within three minutes.</exception>
    public static async Task<Exception> Refuses(Func<Task> start)
    {
        Exception? why = null;
        await Holds(
            async () =>
            {
                why = null;
                try
                {
                    await start();
                }
                catch (Exception error)
                {
                    why = error;
                }

                // The factory asked a host that had ended already: that is not what the service says.
                return why is not ObjectDisposedException;
            }, "the service says why it does not start");
        return why ?? throw new InvalidOperationException("The service starts.");
    }
}
