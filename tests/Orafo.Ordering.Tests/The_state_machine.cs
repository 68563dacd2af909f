using MassTransit;
using Orafo.Contracts;
using Orafo.Ordering.Notifying;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Tests;

/// <summary>Every state of an order against every message there is, as the table of the state machine says.</summary>
public sealed class The_state_machine
{
    /// <summary>In, on, do, then. A pair that is not here changes nothing: it is ignored, or <see cref="IsTooEarly"/>.</summary>
    private static readonly (string In, Type On, Type? Do, string Then)[] Table =
    [
        ("GettingDetails", typeof(OrderDetailsReady), typeof(GenerateInvoice), "Invoicing"),
        ("GettingDetails", typeof(OrderDetailsRejected), typeof(OrderRejected), "Rejected"),
        ("GettingDetails", typeof(CancelOrder), typeof(OrderCancelled), "Cancelled"),
        ("Invoicing", typeof(InvoiceIssued), null, "Invoicing"),
        ("Invoicing", typeof(InvoiceGenerated), typeof(HandOverOrder), "HandingOver"),
        ("Invoicing", typeof(InvoiceFailed), null, "Suspended"),
        ("Invoicing", typeof(CancelOrder), typeof(CreditInvoice), "Crediting"),
        ("HandingOver", typeof(OrderHandedOver), typeof(OrderCompleted), "Completed"),
        ("HandingOver", typeof(HandOverFailed), null, "Suspended"),
        ("HandingOver", typeof(CancelOrder), typeof(RecallHandOver), "Recalling"),
        ("HandingOver", typeof(HandOverRecallRefused), typeof(HandOverOrder), "HandingOver"),
        ("Recalling", typeof(HandOverRecalled), typeof(CreditInvoice), "Crediting"),
        ("Recalling", typeof(HandOverRecallRefused), typeof(HandOverOrder), "HandingOver"),
        ("Crediting", typeof(InvoiceCredited), typeof(OrderCancelled), "Cancelled"),
        ("Suspended in GettingDetails", typeof(ResumeOrder), typeof(GetOrderDetails), "GettingDetails"),
        ("Suspended in GettingDetails", typeof(OrderDetailsReady), typeof(GenerateInvoice), "Invoicing"),
        ("Suspended in GettingDetails", typeof(OrderDetailsRejected), typeof(OrderRejected), "Rejected"),
        ("Suspended in GettingDetails", typeof(CancelOrder), typeof(OrderCancelled), "Cancelled"),
        ("Suspended in Invoicing", typeof(ResumeOrder), typeof(GenerateInvoice), "Invoicing"),
        ("Suspended in Invoicing", typeof(InvoiceGenerated), typeof(HandOverOrder), "HandingOver"),
        ("Suspended in Invoicing", typeof(CancelOrder), typeof(CreditInvoice), "Crediting"),
        ("Suspended in HandingOver", typeof(ResumeOrder), typeof(HandOverOrder), "HandingOver"),
        ("Suspended in HandingOver", typeof(OrderHandedOver), typeof(OrderCompleted), "Completed"),
        ("Suspended in HandingOver", typeof(CancelOrder), typeof(RecallHandOver), "Recalling"),
        ("Suspended in Recalling", typeof(ResumeOrder), typeof(RecallHandOver), "Recalling"),
        ("Suspended in Recalling", typeof(HandOverRecalled), typeof(CreditInvoice), "Crediting"),
        ("Suspended in Recalling", typeof(HandOverRecallRefused), typeof(HandOverOrder), "HandingOver"),
        ("Suspended in Recalling", typeof(CancelOrder), typeof(RecallHandOver), "Recalling"),
        ("Suspended in Crediting", typeof(ResumeOrder), typeof(CreditInvoice), "Crediting"),
        ("Suspended in Crediting", typeof(InvoiceCredited), typeof(OrderCancelled), "Cancelled"),
        ("Suspended in Crediting", typeof(CancelOrder), typeof(CreditInvoice), "Crediting"),
    ];

    private static readonly Dictionary<string, Type> Commands = new(StringComparer.Ordinal)
    {
        ["GettingDetails"] = typeof(GetOrderDetails),
        ["Invoicing"] = typeof(GenerateInvoice),
        ["HandingOver"] = typeof(HandOverOrder),
        ["Recalling"] = typeof(RecallHandOver),
        ["Crediting"] = typeof(CreditInvoice),
    };

    private static readonly string[] States = [.. Commands.Keys, "Completed", "Rejected", "Cancelled", .. Commands.Keys.Select(step => "Suspended in " + step)];

    private static readonly Type[] Messages =
    [
        typeof(OrderDetailsReady), typeof(OrderDetailsRejected), typeof(InvoiceIssued), typeof(InvoiceGenerated), typeof(InvoiceFailed), typeof(InvoiceCredited),
        typeof(OrderHandedOver), typeof(HandOverFailed), typeof(HandOverRecalled), typeof(HandOverRecallRefused), typeof(CancelOrder), typeof(ResumeOrder),
    ];

    /// <summary>What nobody can have answered before the order has come to these states: if it comes all the same, something is wrong.</summary>
    private static readonly (Type Answer, string[] To)[] TooEarly =
    [
        (typeof(OrderDetailsReady), []), (typeof(OrderDetailsRejected), []),
        (typeof(InvoiceIssued), ["GettingDetails", "Rejected"]), (typeof(InvoiceGenerated), ["GettingDetails", "Rejected"]),
        (typeof(InvoiceFailed), ["GettingDetails", "Rejected"]),
        (typeof(OrderHandedOver), ["GettingDetails", "Invoicing", "Rejected"]), (typeof(HandOverFailed), ["GettingDetails", "Invoicing", "Rejected"]),
        (typeof(HandOverRecalled), ["GettingDetails", "Invoicing", "HandingOver", "Completed", "Rejected"]),
        (typeof(HandOverRecallRefused), ["GettingDetails", "Invoicing", "Crediting", "Rejected", "Cancelled"]),
        (typeof(InvoiceCredited), ["GettingDetails", "Invoicing", "HandingOver", "Recalling", "Completed", "Rejected"]),
    ];

    private static IEnumerable<TestCaseData> Pairs =>
        from state in States
        from message in Messages
        select new TestCaseData(state, message).SetArgDisplayNames(state, message.Name);

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
            Assert.That(exception, IsTooEarly(state, message) ? Is.Not.Null : Is.Null);
        }
    }

    [TestCase(typeof(OrderDetailsReady)), TestCase(typeof(InvoiceGenerated)), TestCase(typeof(OrderHandedOver)), TestCase(typeof(CancelOrder)), TestCase(typeof(ResumeOrder))]
    public async Task Faults_at_an_answer_to_an_order_that_was_never_stored(Type message)
    {
        await using var order = await OrderJourney.Start();
        Assert.That(await order.Receives(MessageOf(order, message)), Is.Not.Null);
    }

    [TestCase("GettingDetails"), TestCase("Invoicing"), TestCase("HandingOver"), TestCase("Recalling"), TestCase("Crediting")]
    public async Task Asks_again_for_a_step_that_is_overdue_and_at_last_suspends_the_order_which_can_go_on_from_there(string step)
    {
        var command = Commands[step];
        await using var order = await OrderJourney.Start(step);
        var said = order.Said.Count;
        for (var attempt = 2; attempt <= new StepOptions().MostAttempts; attempt++)
        {
            await order.IsOverdue();
            Assert.That((order.Saga.CurrentState, order.Saga.StepAttempts, order.Saga.IsWatched), Is.EqualTo((step, attempt, true)));
            Assert.That(order.Said.Skip(said).Select(message => message.GetType()), Is.EqualTo(Enumerable.Repeat(command, attempt - 1)));
        }

        await order.IsOverdue();
        Assert.That((order.Saga.CurrentState, order.Saga.SuspendedIn, order.Saga.IsWatched), Is.EqualTo(("Suspended", step, false)));
        Assert.That(order.Saga.SuspendedBecause, Does.Contain(step).And.Contains("4 times"));

        // To cancel what is being cancelled is to go on with that.
        await order.Receives(step is "Recalling" or "Crediting" ? order.Cancel : order.Resume);
        Assert.That((order.Saga.CurrentState, order.Saga.StepAttempts, order.Saga.IsWatched), Is.EqualTo((step, 1, true)));
        Assert.That(order.Said[^1], Is.TypeOf(command));
    }

    [Test]
    public async Task Does_not_ask_again_on_late_news_of_an_earlier_attempt()
    {
        await using var order = await OrderJourney.Start("Invoicing");
        var late = order.StepOverdue;
        await order.IsOverdue();
        var said = order.Said.Count;
        await order.Receives(late);
        await order.Receives(late with { Step = "GettingDetails", Attempt = 2 });
        // Nobody has found it overdue.
        await order.Receives(order.StepOverdue);
        Assert.That((order.Said.Count, order.Saga.StepAttempts), Is.EqualTo((said, 2)));
    }

    [Test]
    public async Task Gives_an_invoice_that_waits_for_paper_the_papers_time()
    {
        await using var order = await OrderJourney.Start("Invoicing");
        await order.IsOverdue();
        await order.Receives(order.InvoiceIssued);
        Assert.That((order.Saga.WaitsForPaper, order.Saga.StepAttempts, order.Saga.IsWatched), Is.EqualTo((true, 1, true)));
        var options = new StepOptions();
        Assert.That(options.Limit("Invoicing", order.Saga.WaitsForPaper, order.Saga.StepAttempts), Is.EqualTo(options.WaitingForPaper));

        await order.Receives(order.InvoiceGenerated);
        Assert.That((order.Saga.CurrentState, order.Saga.WaitsForPaper), Is.EqualTo(("HandingOver", false)));
    }

    [Test]
    public async Task Says_why_a_cancellation_came_too_late()
    {
        await using var refused = await OrderJourney.Start("Recalling");
        await refused.Receives(refused.RecallRefused);
        await refused.Receives(refused.HandedOver);
        Assert.That((refused.Saga.CurrentState, refused.Saga.CancellationRefusedBecause), Is.EqualTo(("Completed", refused.RecallRefused.Reason)));
        Assert.That(refused.Saga.Timeline.TakeLast(3).Select(step => (step.State, step.On, step.Reason)), Is.EqualTo(new (string, string?, string?)[]
        {
            ("Recalling", nameof(CancelOrder), refused.Cancel.Reason),
            ("HandingOver", nameof(HandOverRecallRefused), "Not cancelled. " + refused.RecallRefused.Reason),
            ("Completed", nameof(OrderHandedOver), null),
        }));
        Assert.That(SettledOrder.Of(refused.Saga).Because, Is.EqualTo(refused.RecallRefused.Reason), "what its client is told");

        await using var completed = await OrderJourney.Start("Completed");
        await completed.Receives(completed.Cancel);
        await completed.Receives(completed.Cancel);
        Assert.That((completed.Saga.CurrentState, completed.Saga.CancellationRefusedBecause), Is.EqualTo(("Completed", "The order is handed over.")));
        Assert.That(completed.Saga.Timeline.Where(step => step.State == "Completed").Select(step => (step.On, step.Reason)), Is.EqualTo(new (string?, string?)[]
        {
            (nameof(OrderHandedOver), null), (nameof(CancelOrder), "Not cancelled. The order is handed over."),
        }), "once, however often it is asked");
    }

    [Test]
    public void Shows_the_same_table_in_its_documentation()
    {
        var documented = File.ReadLines(Path.Combine(TestContext.CurrentContext.TestDirectory, "OrderStateMachine.cs"))
            .SkipWhile(line => !line.Contains("<code>", StringComparison.Ordinal)).Skip(3)
            .TakeWhile(line => !line.Contains("</code>", StringComparison.Ordinal))
            .Select(line => line.Replace("///", "", StringComparison.Ordinal).Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Select(row => (In: row[0], On: row[1], Do: row[2] == "-" ? null : row[2], Then: row[3]))
            .ToArray();
        var inStates = documented.Where(row => row.In is not ("Suspended" or "any step")).ToArray();
        var suspended = documented.Where(row => row.In == "Suspended").SelectMany(row => Commands.SelectMany(step => InThatStep(row.On, step.Key, step.Value)
            .Select(that => that with { In = "Suspended in " + step.Key })));
        Assert.That(inStates.Concat(suspended), Is.EquivalentTo(Table.Select(row => (row.In, row.On.Name, row.Do?.Name, row.Then))));

        IEnumerable<(string In, string On, string? Do, string Then)> InThatStep(string on, string step, Type command) => on switch
        {
            nameof(ResumeOrder) => [(step, on, command.Name, step)],
            nameof(CancelOrder) => inStates.Where(row => row.In == step && row.On == on),
            "CancelOrder once more" => step is "Recalling" or "Crediting" ? [(step, nameof(CancelOrder), command.Name, step)] : [],
            "the step's own answer" => inStates.Where(row => row.In == step && row.On != nameof(CancelOrder) && row.Then != step && row.Then != "Suspended"),
            _ => throw new InvalidDataException($"The table says of an order that is suspended: {on}."),
        };
    }

    /// <summary>Drawn from what the machine does, message by message.</summary>
    [Test]
    public async Task Is_drawn_in_its_readme()
    {
        List<(string From, string To, string On)> edges = [("[*]", "GettingDetails", "POST /orders")];
        foreach (var state in States)
        {
            foreach (var message in Messages)
                await Draw(state, message.Name, order => order.Receives(MessageOf(order, message)));
            await Draw(state, nameof(OrderStepOverdue), order => order.IsOverdueForTheLastTime());
        }

        var drawn = string.Join('\n', edges.GroupBy(edge => (edge.From, edge.To), edge => edge.On)
            .Select(group => $"    {group.Key.From} --> {group.Key.To}: {string.Join(", ", group.Distinct())}")
            .Concat(["    Completed --> [*]", "    Rejected --> [*]", "    Cancelled --> [*]"]).Prepend("stateDiagram-v2"));
        var readme = await File.ReadAllTextAsync(Path.Combine(TestContext.CurrentContext.TestDirectory, "Saga.md"));
        Assert.That(readme, Does.Contain($"```mermaid\n{drawn}\n```"));

        async Task Draw(string state, string on, Func<OrderJourney, Task<Exception?>> receive)
        {
            await using var order = await OrderJourney.Start(state);
            var from = order.Saga.CurrentState;
            await receive(order);
            if (order.Saga.CurrentState != from)
                edges.Add((from, order.Saga.CurrentState, on));
        }
    }

    private static (Type? Do, string Then) Expected(string state, string stateBefore, Type message) =>
        Array.Find(Table, row => row.In == state && row.On == message) is { In: not null } row ? (row.Do, row.Then) : (null, stateBefore);

    private static bool IsTooEarly(string state, Type message) =>
        Array.Find(TooEarly, row => row.Answer == message) is { Answer: not null } row && row.To.Contains(state, StringComparer.Ordinal);

    private static object MessageOf(OrderJourney order, Type message) =>
        new object[]
        {
            order.DetailsReady, order.DetailsRejected, order.InvoiceIssued, order.InvoiceGenerated, order.InvoiceFailed,
            order.Credited, order.HandedOver, order.HandOverFailed, order.Recalled, order.RecallRefused, order.Cancel, order.Resume,
        }.Single(candidate => candidate.GetType() == message);
}
