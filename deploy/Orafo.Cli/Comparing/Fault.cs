using System.Net.Http.Json;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Comparing;

/// <summary>What goes wrong while orders are under way.</summary>
/// <param name="Name">As on the command line and in the report.</param>
/// <param name="Begin">Has it go wrong.</param>
/// <param name="End">Mends it.</param>
/// <param name="IsKill">It is over as soon as it has happened.</param>
/// <param name="NeedsBroker">It happens to RabbitMQ.</param>
internal sealed record Fault(string Name, Func<Contestant, Task> Begin, Func<Contestant, Task> End, bool IsKill = false, bool NeedsBroker = false)
{
    public const string None = "none";

    /// <summary>The printer's own (services/Orafo.Printer), and two kills.</summary>
    public static IReadOnlyList<Fault> All { get; } =
    [
        OfPrinter("offline", new { offline = true }),
        OfPrinter("busy", new { busySeconds = 1 }),
        OfPrinter("out-of-ink", new { inkPages = 0 }),
        OfPrinter("no-answer", new { noAnswer = true }),
        OfPrinter("jam", new { jamProbability = 0.5 }),
        OfPrinter("reply-lost", new { loseReplies = true }),
        OfPrinter("crash", new { crashInPage = true }),
        new("killed", contestant => contestant.Kill(), contestant => contestant.UntilBack(), IsKill: true),
        new("broker-killed", contestant => contestant.KillBroker(), contestant => contestant.UntilBrokerIsBack(), IsKill: true, NeedsBroker: true),
    ];

    /// <summary>Has the printer behave so from now on.</summary>
    /// <param name="faults">Those of services/Orafo.Printer; without any it is as good as new.</param>
    public static async Task Put(Contestant contestant, object faults)
    {
        using var http = new HttpClient { BaseAddress = contestant.Printer, Timeout = TimeSpan.FromSeconds(10) };
        await Until.Works(async () =>
        {
            using var answer = await http.PutAsJsonAsync(new Uri("faults", UriKind.Relative), faults);
            answer.EnsureSuccessStatusCode();
        });
    }

    /// <summary>A printer that crashed has mended itself when it is back.</summary>
    private static Fault OfPrinter(string name, object faults) => new(name, contestant => Put(contestant, faults), contestant => Put(contestant, new { }));
}
