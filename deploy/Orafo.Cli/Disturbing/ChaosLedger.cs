namespace Orafo.Cli.Disturbing;

/// <summary>An order as Ordering has it in the end.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Key">It was placed with.</param>
/// <param name="State">Its saga's; null if there is none.</param>
/// <param name="IsCancellationRefused">It says that a cancellation came too late.</param>
internal sealed record StoredOrder(Guid Id, string? Key, string? State, bool IsCancellationRefused);

/// <summary>What the printer says of the paper of an invoice; spoiled pages are those that were reprinted with reason.</summary>
internal sealed record Paper(string InvoiceNumber, int Copies, int Spoiled);

/// <summary>What a chaos run asked for and was answered, order by order; and whether what came of it is right.</summary>
/// <remarks>It looks with the eyes of the clients. What the services' books say of each other is the audit's.</remarks>
internal sealed class ChaosLedger
{
    private const int MostFaults = 1000;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Note> _notes = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];

    /// <summary>How many different orders were asked for.</summary>
    public int Orders => _notes.Count;

    /// <summary>The idempotency key of an order, by its number.</summary>
    public static string Key(int order) => $"chaos-{order}";

    /// <summary>An order is going to be placed.</summary>
    public void Begin(int order, SampleOrder sample)
    {
        lock (_lock)
            _notes.Add(Key(order), new(sample));
    }

    public SampleOrder Sample(int order) => Of(order).Sample;

    /// <summary>Its id, once the intake has accepted it.</summary>
    public Task<Guid> Placed(int order) => Of(order).Placed.Task;

    /// <summary>The intake answered with this id.</summary>
    public void Accepted(int order, Guid id)
    {
        var note = Of(order);
        note.Placed.TrySetResult(id);
        // Whoever was first has set it.
        if (note.Placed.Task.Result != id)
            Fault($"Order {note.Placed.Task.Result} was placed again with its key {Key(order)}, and the answer was another one: {id}.");
    }

    /// <summary>Its cancellation is going to be asked for: from now on it may be cancelled, whatever is answered.</summary>
    public void WillBeCancelled(int order) => Of(order).IsCancellationAsked = true;

    /// <summary>The intake answered that it will be tried.</summary>
    public void CancellationTaken(int order) => Of(order).IsCancellationTaken = true;

    /// <summary>It was in this state when the intake refused to cancel it: a final one.</summary>
    public void CancellationRefused(int order, string state)
    {
        var note = Of(order);
        lock (_lock)
        {
            if ((note.Final ??= state) != state)
                Fault($"Order {note.Placed.Task.Result} had ended as {note.Final}, and then as {state}.");
        }
    }

    /// <summary>Something is not as it should be.</summary>
    public void Fault(string what)
    {
        lock (_lock)
        {
            if (_faults.Count < MostFaults)
                _faults.Add(what);
        }
    }

    /// <summary>Compares what was asked for with what is there, once, when nothing is under way any more.</summary>
    /// <returns>What is wrong, all in all.</returns>
    public async Task<IReadOnlyList<string>> Judge(IAsyncEnumerable<StoredOrder> orders, IAsyncEnumerable<Paper> papers)
    {
        await foreach (var order in orders)
        {
            if (order.Key is null || !_notes.TryGetValue(order.Key, out var note))
                Fault($"Order {order.Id} was never asked for: its key is {order.Key ?? "missing"}.");
            else if (note.Found is { } other)
                Fault($"Key {order.Key} has two orders, {other} and {order.Id}.");
            else
            {
                note.Found = order.Id;
                if (note.Id != order.Id)
                    Fault($"Order {order.Id} has the key {order.Key}, whose client was told of {note.Id?.ToString() ?? "none"}.");
                if (Wrong(note, order) is { } wrong)
                    Fault($"Order {order.Id} ({note.Sample.Name}) {wrong}.");
            }
        }

        foreach (var (key, note) in _notes.Where(entry => entry.Value.Found is null))
            Fault($"Order {note.Id?.ToString() ?? "(no id)"} with the key {key} was asked for and is not there.");
        await foreach (var paper in papers)
        {
            if (paper.Copies > 1)
                Fault($"Invoice {paper.InvoiceNumber} was printed {paper.Copies} times.");
        }

        return _faults;
    }

    private static string? Wrong(Note note, StoredOrder order)
    {
        if (note.Final is { } final && final != order.State)
            return $"had ended as {final}, and is {order.State}";
        return order.State switch
        {
            "Cancelled" => note.IsCancellationAsked ? null : "is cancelled, and nobody asked for it",
            "Completed" or "Rejected" when !note.Sample.Ends.Contains(order.State) => $"should be {string.Join(" or ", note.Sample.Ends)}, and is {order.State}",
            "Completed" when note.IsCancellationTaken && !order.IsCancellationRefused => "is completed although it was to be cancelled, and does not say why",
            "Completed" when !note.IsCancellationAsked && order.IsCancellationRefused => "says that its cancellation came too late, and nobody asked for it",
            "Completed" or "Rejected" => null,
            _ => $"has not come to its end, it is {order.State ?? "without a saga"}",
        };
    }

    private Note Of(int order)
    {
        lock (_lock)
            return _notes[Key(order)];
    }

    private sealed record Note(SampleOrder Sample)
    {
        public TaskCompletionSource<Guid> Placed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public Guid? Id => Placed.Task.IsCompletedSuccessfully ? Placed.Task.Result : null;
        public bool IsCancellationAsked { get; set; }
        public bool IsCancellationTaken { get; set; }

        /// <summary>Its final state, if a client was told of one.</summary>
        public string? Final { get; set; }

        public Guid? Found { get; set; }
    }
}
