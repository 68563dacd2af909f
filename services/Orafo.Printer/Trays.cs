namespace Orafo.Printer;

/// <summary>The device's trays: each prints one page at a time. Who waits for one gets it in the order in which they came.</summary>
internal sealed class Trays
{
    private readonly Lock _lock = new();
    private readonly SortedSet<int> _free;
    private readonly LinkedList<Waiter> _line = [];

    /// <param name="count">They are numbered from 1.</param>
    public Trays(int count) => _free = [.. Enumerable.Range(1, count)];

    /// <summary>Returns when it is the caller's turn.</summary>
    /// <param name="wanted">The only one that will do; null if any will.</param>
    /// <returns>Whose page may go through now.</returns>
    public Task<int> Take(int? wanted)
    {
        lock (_lock)
        {
            if (wanted is { } one ? _free.Contains(one) : _free.Count > 0)
            {
                var tray = wanted ?? _free.Min;
                _free.Remove(tray);
                return Task.FromResult(tray);
            }

            var waiter = new Waiter(wanted, new(TaskCreationOptions.RunContinuationsAsynchronously));
            _line.AddLast(waiter);
            return waiter.Turn.Task;
        }
    }

    public void GiveBack(int tray)
    {
        lock (_lock)
        {
            for (var place = _line.First; place is not null; place = place.Next)
            {
                if (place.Value.Wanted is { } wanted && wanted != tray)
                    continue;
                _line.Remove(place);
                place.Value.Turn.SetResult(tray);
                return;
            }

            _free.Add(tray);
        }
    }

    private sealed record Waiter(int? Wanted, TaskCompletionSource<int> Turn);
}
