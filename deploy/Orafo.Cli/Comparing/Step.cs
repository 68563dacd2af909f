namespace Orafo.Cli.Comparing;

/// <summary>A step of the road from one HTTP handler to the mesh (services/Evolution).</summary>
/// <param name="Name">As on the command line and in the report.</param>
/// <param name="Prints">Whether there is a printer behind it.</param>
/// <param name="UsesDatabase">Whether there is a PostgreSQL.</param>
/// <param name="UsesBroker">Whether there is a RabbitMQ, that can be killed.</param>
/// <param name="IsIdempotent">Whether an order that is placed again is one order: a client who was not answered places it again.</param>
/// <param name="Buys">What changed.</param>
/// <param name="Costs">And what that costs.</param>
internal sealed record Step(string Name, bool Prints, bool UsesDatabase, bool UsesBroker, bool IsIdempotent, string Buys, string Costs)
{
    public const string MeshName = "mesh";

    /// <summary>In the order of the road.</summary>
    public static IReadOnlyList<Step> All { get; } =
    [
        new("sync-http", false, false, false, false,
            "One handler does it all, and the client who has an answer has everything.",
            "The client waits for all of it, and as many orders are under way as there are clients who wait."),
        new("sync-http-printer", true, false, false, false,
            "The invoice comes out of a real device, over HTTP, still in the handler.",
            "Whatever happens to the printer happens to the client: an order fails, hangs, or is half done when the answer is lost."),
        new("async-http-printer", true, true, false, false,
            "The handler writes a row and answers; a loop prints what is not printed, so an order survives a crash and the client does not wait.",
            "Two loops find the same row: pages come out twice, each loop holds all that waits in memory, what fails is asked for again without a plan, and a table routes and filters nothing: each loop sees every row, whoever it is for."),
        new("async-rabbit-printer", true, true, true, false,
            "A broker hands each page to one consumer, without polling, and can put away what fails.",
            "The commit and the publish are two things: what dies between them is never printed, and what is given back comes again at once, round and round."),
        new("rabbit-request-response", true, false, true, false,
            "The client learns again how it went, while the work is done elsewhere.",
            "The client waits again, and a reply that is lost or late makes an order half done."),
        new("async-pgq", true, true, false, true,
            "The order and its print job are one commit, a lease keeps two from printing the same page, and page and order are asked for by their number, as often as it takes.",
            "One database is asked more; what is done about it is done by one kind of worker."),
        new(MeshName, true, true, true, true,
            "Each part of the order has a service, a database and a queue of its own; outbox, inbox and saga keep them together whatever dies.",
            "More parts, and more CPU for each order than any single program needs."),
    ];
}
