namespace Orafo.Cli.Comparing;

/// <summary>To what a <see cref="Fault"/> happens.</summary>
internal enum FaultOf
{
    Printer,
    Broker,
    Step,
}

/// <summary>What goes wrong while orders are under way.</summary>
/// <param name="Name">As on the command line and in the report.</param>
/// <param name="Of">To what it happens.</param>
/// <param name="Begin">Has it go wrong.</param>
/// <param name="End">Mends it.</param>
/// <param name="Lasts">Whether it lasts until it is ended; otherwise it is over as soon as it has happened.</param>
internal sealed record Fault(string Name, FaultOf Of, Func<Contestant, Task> Begin, Func<Contestant, Task> End, bool Lasts)
{
    public const string None = "none";

    /// <summary>The printer's own (services/Orafo.Printer), the broker's, and the step's own death.</summary>
    public static IReadOnlyList<Fault> All { get; } =
    [
        OfPrinter("offline", new { offline = true }),
        OfPrinter("busy", new { busySeconds = 1 }),
        OfPrinter("out-of-ink", new { inkPages = 0 }),
        OfPrinter("no-answer", new { noAnswer = true }),
        OfPrinter("jam", new { jamProbability = 0.5 }),
        OfPrinter("reply-lost", new { loseReplies = true }),
        OfPrinter("crash", new { crashInPage = true }),
        new("disconnected", FaultOf.Broker, contestant => contestant.Disconnect(), _ => Task.CompletedTask, Lasts: false),
        new("broker-killed", FaultOf.Broker, contestant => contestant.KillBroker(), contestant => contestant.UntilBrokerIsBack(), Lasts: false),
        // As when its machine dies: nobody is told, for a while.
        new("broker-hangs", FaultOf.Broker, contestant => contestant.HangBroker(), async contestant =>
        {
            await contestant.KillBroker();
            await contestant.UntilBrokerIsBack();
        }, Lasts: true),
        new("killed", FaultOf.Step, contestant => contestant.Kill(), contestant => contestant.UntilBack(), Lasts: false),
    ];

    /// <summary>Whether the step has what it happens to.</summary>
    public bool CanBefall(Step step) => Of switch
    {
        FaultOf.Printer => step.Prints,
        FaultOf.Broker => step.UsesBroker,
        _ => true,
    };

    /// <summary>A printer that crashed has mended itself when it is back.</summary>
    private static Fault OfPrinter(string name, object faults) =>
        new(name, FaultOf.Printer, contestant => contestant.Printer.Put(faults), contestant => contestant.Printer.Put(new { }), Lasts: true);
}
