namespace Orafo.Cli.Disturbing;

/// <summary>What a client does.</summary>
internal enum OperationKind
{
    /// <summary>Places a new order.</summary>
    Submit,

    /// <summary>Places a new order with two requests at once.</summary>
    SubmitTwice,

    /// <summary>Places an earlier one again, with its key: the same order.</summary>
    SubmitAgain,

    /// <summary>Places another order with the key of an earlier one: refused.</summary>
    ReuseKey,

    /// <summary>Has an earlier order cancelled, however far it is.</summary>
    Cancel,

    /// <summary>The same, with two requests at once.</summary>
    CancelTwice,

    /// <summary>Has a suspended order resumed; if there is none, an earlier one, which is refused.</summary>
    Resume,
}

/// <summary>One of the things that clients do in a chaos run.</summary>
/// <param name="Kind">What.</param>
/// <param name="Order">Whose: the number of an order that is placed now or was placed before, from 0.</param>
/// <param name="Choice">Of a sample, or of one of the suspended orders: from 0 to 1.</param>
/// <param name="After">How long after the one before it.</param>
/// <param name="GivesUpAfter">Null, or how long the client waits for an answer the first time; then it does not know what came of its request, and asks again.</param>
internal sealed record Operation(OperationKind Kind, int Order, double Choice, TimeSpan After, TimeSpan? GivesUpAfter)
{
    /// <summary>Whose answers may still be under way.</summary>
    private const int Recent = 40;

    /// <summary>How often each kind is drawn, of a hundred.</summary>
    private static readonly (OperationKind Kind, int Share)[] Shares =
    [
        (OperationKind.Submit, 50), (OperationKind.SubmitTwice, 6), (OperationKind.SubmitAgain, 10), (OperationKind.ReuseKey, 4),
        (OperationKind.Cancel, 16), (OperationKind.CancelTwice, 6), (OperationKind.Resume, 8),
    ];

    public bool IsNewOrder => Kind is OperationKind.Submit or OperationKind.SubmitTwice;

    /// <summary>Draws operations: the same seed, the same ones. They come in bursts of ten or so, about thirty a second.</summary>
    public static IEnumerable<Operation> Draw(int operations, int seed)
    {
#pragma warning disable CA5394 // A choice that can be repeated is wanted, not a secret one.
        var random = new Random(seed);
        for (var (drawn, orders) = (0, 0); drawn < operations; drawn++)
        {
            var kind = orders == 0 ? OperationKind.Submit : KindAt(random.Next(100));
            // Most are about an order that is under way, some about one from long ago.
            var earlier = random.Next(4) == 0 ? random.Next(Math.Max(1, orders)) : Math.Max(0, orders - 1 - random.Next(Recent));
            var operation = new Operation(
                kind, Order: 0, random.NextDouble(),
                TimeSpan.FromMilliseconds(random.Next(10) == 0 ? random.Next(500) : random.Next(20)),
                random.Next(10) == 0 ? TimeSpan.FromMilliseconds(random.Next(30)) : null);
            yield return operation with { Order = operation.IsNewOrder ? orders++ : earlier };
        }
#pragma warning restore CA5394
    }

    private static OperationKind KindAt(int place)
    {
        foreach (var (kind, share) in Shares)
        {
            if ((place -= share) < 0)
                return kind;
        }

        throw new InvalidOperationException("The shares are not a hundred.");
    }
}
