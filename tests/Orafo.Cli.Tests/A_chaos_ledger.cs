using Orafo.Cli.Disturbing;

namespace Orafo.Cli.Tests;

/// <summary>Each thing that may have gone wrong with one order is found, and what may be is not.</summary>
public sealed class A_chaos_ledger
{
    private static readonly Guid Id = Guid.Parse("11111111-1111-7111-8111-111111111111");
    private static readonly Guid Other = Guid.Parse("22222222-2222-7222-8222-222222222222");
    private static readonly SampleOrder Good = new("good", "{}", "Completed");
    private static readonly SampleOrder Bad = new("bad", "{}", "Rejected");
    private static readonly SampleOrder Scarce = new("scarce", "{}", "Completed", "Rejected");

    private static IEnumerable<TestCaseData> Right =>
    [
        Case("completed", _ => { }, Stored("Completed")),
        Case("rejected", _ => { }, Stored("Rejected"), Bad),
        Case("scarce, completed", _ => { }, Stored("Completed"), Scarce),
        Case("scarce, rejected", _ => { }, Stored("Rejected"), Scarce),
        Case("placed twice", ledger => ledger.Accepted(0, Id), Stored("Completed")),
        Case("cancelled", CancellationTaken, Stored("Cancelled")),
        Case("cancelled, though nobody heard the answer", ledger => ledger.WillBeCancelled(0), Stored("Cancelled")),
        Case("a bad one that was cancelled before it was rejected", CancellationTaken, Stored("Cancelled"), Bad),
        Case("a bad one that was rejected before it was cancelled", CancellationTaken, Stored("Rejected"), Bad),
        Case("cancelled too late", CancellationTaken, Stored("Completed") with { IsCancellationRefused = true }),
        Case("cancelled after its end", ledger => Refused(ledger, "Completed"), Stored("Completed")),
        Case("cancelled again after its end", ledger => Refused(ledger, "Cancelled", "Cancelled"), Stored("Cancelled")),
    ];

    private static IEnumerable<TestCaseData> Faults =>
    [
        Case("should be Completed, and is Rejected", _ => { }, Stored("Rejected")),
        Case("should be Rejected, and is Completed", _ => { }, Stored("Completed"), Bad),
        Case("has not come to its end, it is Suspended", CancellationTaken, Stored("Suspended")),
        Case("has not come to its end, it is Invoicing", _ => { }, Stored("Invoicing")),
        Case("it is without a saga", _ => { }, Stored(null)),
        Case("is cancelled, and nobody asked for it", _ => { }, Stored("Cancelled")),
        Case("is completed although it was to be cancelled", CancellationTaken, Stored("Completed")),
        Case("says that its cancellation came too late, and nobody asked", _ => { }, Stored("Completed") with { IsCancellationRefused = true }),
        Case("had ended as Completed, and is Cancelled", ledger => Refused(ledger, "Completed"), Stored("Cancelled")),
        Case("had ended as Cancelled, and then as Completed", ledger => Refused(ledger, "Cancelled", "Completed"), Stored("Completed")),
        Case("had ended as Invoicing, and is Completed", ledger => Refused(ledger, "Invoicing"), Stored("Completed")),
        Case($"the answer was another one: {Other}", ledger => ledger.Accepted(0, Other), Stored("Completed")),
        Case($"has the key chaos-0, whose client was told of {Id}", _ => { }, Stored("Completed") with { Id = Other }),
        Case("was never asked for: its key is chaos-1", _ => { }, Stored("Completed") with { Key = "chaos-1" }),
        Case("was never asked for: its key is missing", _ => { }, Stored("Completed") with { Key = null }),
        Case("was asked for and is not there", _ => { }, Stored("Completed") with { Key = null }),
        Case("The resumption failed", ledger => ledger.Fault("The resumption failed."), Stored("Completed")),
    ];

    [TestCaseSource(nameof(Right))]
    public async Task Finds_nothing_wrong_with_an_order(Func<Task<IReadOnlyList<string>>> judge) => Assert.That(await judge(), Is.Empty);

    [TestCaseSource(nameof(Faults))]
    public async Task Finds_what_is_wrong_with_an_order(Func<Task<IReadOnlyList<string>>> judge) =>
        Assert.That(await judge(), Has.Some.Contains(TestContext.CurrentContext.Test.Name));

    [Test]
    public async Task Finds_two_orders_of_one_key() => Assert.That(
        await Judge(_ => { }, Good, [Stored("Completed"), Stored("Completed") with { Id = Other }]), Is.EqualTo([$"Key chaos-0 has two orders, {Id} and {Other}."]));

    [Test]
    public async Task Finds_an_invoice_that_was_printed_twice() =>
        Assert.That(await Judge(_ => { }, Good, [Stored("Completed")], new Paper("2026-000001", 2, 0)), Is.EqualTo(["Invoice 2026-000001 was printed 2 times."]));

    [Test]
    public async Task Finds_nothing_wrong_with_a_page_that_was_spoiled_and_printed_again() =>
        Assert.That(await Judge(_ => { }, Good, [Stored("Completed")], new Paper("2026-000001", 1, 3)), Is.Empty);

    private static TestCaseData Case(string name, Action<ChaosLedger> asked, StoredOrder stored, SampleOrder? sample = null) =>
        new TestCaseData(() => Judge(asked, sample ?? Good, [stored])).SetName(name);

    private static StoredOrder Stored(string? state) => new(Id, ChaosLedger.Key(0), state, IsCancellationRefused: false);

    private static void CancellationTaken(ChaosLedger ledger)
    {
        ledger.WillBeCancelled(0);
        ledger.CancellationTaken(0);
    }

    private static void Refused(ChaosLedger ledger, params string[] states)
    {
        ledger.WillBeCancelled(0);
        foreach (var state in states)
            ledger.CancellationRefused(0, state);
    }

    private static async Task<IReadOnlyList<string>> Judge(Action<ChaosLedger> asked, SampleOrder sample, StoredOrder[] stored, params Paper[] papers)
    {
        var ledger = new ChaosLedger();
        ledger.Begin(0, sample);
        ledger.Accepted(0, Id);
        asked(ledger);
        return await ledger.Judge(stored.ToAsyncEnumerable(), papers.ToAsyncEnumerable());
    }
}
