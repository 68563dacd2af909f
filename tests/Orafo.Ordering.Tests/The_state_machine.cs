using MassTransit;
using Orafo.Contracts;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Tests;

/// <summary>Every state of an order against every message there is, as the table of the state machine says.</summary>
public sealed class The_state_machine
{
    private const string Ignored = "ignored";
    private const string Faults = "faults";

    /// <summary>In, on, do, then. A pair that is not here is <see cref="Ignored"/> or <see cref="Faults"/>, see <see cref="Other"/>.</summary>
    private static readonly (string In, Type On, Type? Do, string Then)[] Table =
    [
        ("GettingDetails", typeof(OrderDetailsReady), typeof(GenerateInvoice), "Invoicing"),
        ("GettingDetails", typeof(OrderDetailsRejected), typeof(OrderRejected), "Rejected"),
        ("Invoicing", typeof(InvoiceIssued), null, "Invoicing"),
        ("Invoicing", typeof(InvoiceGenerated), typeof(HandOverOrder), "HandingOver"),
        ("Invoicing", typeof(InvoiceFailed), null, "Suspended"),
        ("HandingOver", typeof(OrderHandedOver), typeof(OrderCompleted), "Completed"),
        ("HandingOver", typeof(HandOverFailed), null, "Suspended"),
        ("Suspended in Invoicing", typeof(ResumeOrder), typeof(GenerateInvoice), "Invoicing"),
        ("Suspended in Invoicing", typeof(InvoiceGenerated), typeof(HandOverOrder), "HandingOver"),
        ("Suspended in Invoicing", typeof(InvoiceIssued), null, "Suspended"),
        ("Suspended in HandingOver", typeof(ResumeOrder), typeof(HandOverOrder), "HandingOver"),
        ("Suspended in HandingOver", typeof(OrderHandedOver), typeof(OrderCompleted), "Completed"),
    ];

    /// <summary>The steps in order; an answer of a later step than the order's has come too early.</summary>
    private static readonly (Type Answer, int Step)[] Answers =
    [
        (typeof(OrderDetailsReady), 1), (typeof(OrderDetailsRejected), 1),
        (typeof(InvoiceIssued), 2), (typeof(InvoiceGenerated), 2), (typeof(InvoiceFailed), 2),
        (typeof(OrderHandedOver), 3), (typeof(HandOverFailed), 3),
    ];

    private static readonly (string State, int Step)[] States =
    [
        ("GettingDetails", 1), ("Invoicing", 2), ("HandingOver", 3), ("Completed", 4),
        ("Suspended in Invoicing", 2), ("Suspended in HandingOver", 3),
    ];

    private static IEnumerable<TestCaseData> Pairs =>
        from state in States
        from message in Answers.Select(answer => answer.Answer).Append(typeof(ResumeOrder))
        select new TestCaseData(state.State, message).SetArgDisplayNames(state.State, message.Name);

    [TestCaseSource(nameof(Pairs))]
    public async Task Does_what_its_table_says(string state, Type message)
    {
        await using var order = await OrderJourney.Start(state);
        var saidBefore = order.Said.Count;
        var stateBefore = order.Saga.CurrentState;

        var exception = await order.Receives(MessageOf(order, message));

        var (does, then) = Expected(state, stateBefore, message);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(order.Saga.CurrentState, Is.EqualTo(then));
            Assert.That(order.Said.Skip(saidBefore).Select(said => said.GetType()), Is.EqualTo(does is null ? [] : new[] { does }));
            Assert.That(exception, Other(state, message) == Faults ? Is.Not.Null : Is.Null);
        }
    }

    [TestCase(typeof(OrderDetailsReady)), TestCase(typeof(InvoiceGenerated)), TestCase(typeof(OrderHandedOver)), TestCase(typeof(ResumeOrder))]
    public async Task Faults_at_an_answer_to_an_order_that_was_never_stored(Type message)
    {
        await using var order = await OrderJourney.Start();
        Assert.That(await order.Receives(MessageOf(order, message)), Is.Not.Null);
    }

    [Test]
    public void Shows_the_same_table_in_its_documentation()
    {
        var documented = File.ReadLines(Path.Combine(TestContext.CurrentContext.TestDirectory, "OrderStateMachine.cs"))
            .SkipWhile(line => !line.Contains("<code>", StringComparison.Ordinal)).Skip(3)
            .TakeWhile(line => !line.Contains("</code>", StringComparison.Ordinal))
            .Select(line => line.Replace("///", "", StringComparison.Ordinal).Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Where(row => row[0] != "Suspended")
            .Select(row => (row[0], row[1], row[2] == "-" ? null : row[2], row[3]))
            .ToArray();
        Assert.That(documented, Is.EquivalentTo(Table.Where(row => !row.In.StartsWith("Suspended", StringComparison.Ordinal))
            .Select(row => (row.In, row.On.Name, row.Do?.Name, row.Then))));
    }

    private static (Type? Do, string Then) Expected(string state, string stateBefore, Type message) =>
        Array.Find(Table, row => row.In == state && row.On == message) is { In: not null } row ? (row.Do, row.Then) : (null, stateBefore);

    /// <summary>An answer that comes back after its step is over is a redelivery; one that comes too early is a bug.</summary>
    private static string Other(string state, Type message)
    {
        if (Array.Exists(Table, row => row.In == state && row.On == message))
            return Ignored;
        var step = States.Single(known => known.State == state).Step;
        return Array.Find(Answers, answer => answer.Answer == message).Step > step && !state.StartsWith("Suspended", StringComparison.Ordinal) ? Faults : Ignored;
    }

    private static object MessageOf(OrderJourney order, Type message) =>
        new object[]
        {
            order.DetailsReady, order.DetailsRejected, order.InvoiceIssued, order.InvoiceGenerated, order.InvoiceFailed,
            order.HandedOver, order.HandOverFailed, order.Resume,
        }.Single(candidate => candidate.GetType() == message);
}
