using Orafo.Cli.Explaining;

namespace Orafo.Cli.Tests;

public sealed class An_explanation
{
    private static readonly Guid Id = Guid.Parse("01a2076c-1526-724c-a2e8-d7c397d44a44");
    private static readonly DateTimeOffset Now = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);

    [Test]
    public void Says_where_an_order_is_since_when_and_how_often_it_was_asked_for()
    {
        Assert.That(Explain(Order("GettingDetails"))[0], Is.EqualTo($"Order {Id}: GettingDetails, asked once 2026-11-26 11:55:00Z (5 min ago)"));
        Assert.That(Explain(Order("HandingOver") with { StepAttempts = 3 })[0], Does.Contain("asked 3 times, the last time 2026-11-26 11:55:00Z"));
    }

    [Test]
    public void Names_the_message_that_has_not_left_and_why()
    {
        var order = Order("Invoicing") with { Unsent = [new("ordering", "GenerateInvoice", 2, "No queue takes it."), new("invoicing", "InvoiceGenerated", 0, null)] };
        Assert.That(Explain(order), Does.Contain("  GenerateInvoice has not left ordering, tried 2 times: No queue takes it. To do: ./orafo outbox")
            .And.Contain("  InvoiceGenerated has not left invoicing yet: the broker has not confirmed it."));
    }

    [Test]
    public void Says_that_nobody_takes_from_the_steps_queue_how_many_wait_and_what_was_given_up_on()
    {
        var text = string.Join('\n', Explain(Order("GettingDetails") with { Queue = new("order-details", "order-details", 12, 0, 1) }));
        Assert.That(text, Does.Contain("Nobody takes from the queue order-details").And.Contains("12 messages wait").And.Contains("1 messages were given up on"));
    }

    [Test]
    public void Says_that_a_step_is_at_work_if_nothing_else_is_known() =>
        Assert.That(Explain(Order("HandingOver") with { Queue = new("hand-over", "hand-over", 0, 1, 0) })[1], Is.EqualTo("  The step is at work, or its answer is on its way."));

    [Test]
    public void Says_when_it_will_probably_be_done() => Assert.That(
        Explain(Order("Invoicing") with { EstimatedCompletionAt = Now.AddMinutes(20) }), Does.Contain("  It will probably be done at 2026-11-26 12:20:00Z."));

    [TestCase("waiting", 0, null, "waits for the printer tray-1.")]
    [TestCase("scheduled", 2, "Out of ink.", "waits for the printer tray-1, tried 2 times, next 12:05:00Z: Out of ink.")]
    [TestCase("running", 1, null, "is being printed at tray-1, attempt 1.")]
    public void Says_what_the_paper_waits_for(string state, int attempts, string? error, string said) =>
        Assert.That(Explain(Order("Invoicing") with { PrintJob = new(state, "tray-1", attempts, Now.AddMinutes(5), error) })[1], Is.EqualTo($"  Invoice 2026-000007 {said}"));

    [TestCase("waiting", false, 0, null, "The parcel is to be booked with the carrier.")]
    [TestCase("scheduled", true, 3, "It is away.", "The parcel is to be called back from the carrier, tried 3 times, next 12:05:00Z: It is away.")]
    [TestCase("running", false, 2, "It is away.", "The carrier is being asked to take the parcel, attempt 2.")]
    [TestCase("parked", true, 20, "It is away.", "The carrier has not given the parcel back in 20 attempts: It is away.", "To do: mend what is wrong, then curl http://h/recalls/1/retry")]
    public void Says_what_the_carrier_has_still_to_do(string state, bool isRecall, int attempts, string? error, params string[] said)
    {
        var order = Order(isRecall ? "Recalling" : "HandingOver") with
        {
            CarrierJobs = [new("curl http://h/recalls/1/retry", isRecall, state, attempts, Now.AddMinutes(5), error)],
            Queue = new("hand-over", "hand-over", 12, 1, 0),
        };
        Assert.That(Explain(order)[1..^1], Is.EqualTo(said.Select(line => "  " + line)));
    }

    [Test]
    public void Says_what_an_operator_can_do_for_an_order_that_is_suspended()
    {
        var text = string.Join('\n', Explain(Order("Suspended") with
        {
            SuspendedIn = "Invoicing",
            SuspendedBecause = "The printer is out of ink.",
            PrintJob = new("parked", "tray-1", 8, Now, "Out of ink."),
        }));
        Assert.That(text, Does.Contain("It was suspended in Invoicing: The printer is out of ink.").And.Contains("in 8 attempts: Out of ink.")
            .And.Contains($"./orafo print retry {Id}").And.Contains($"./orafo resume {Id}").And.Contains($"./orafo cancel {Id}"));
    }

    [TestCase("Completed", "It is done")]
    [TestCase("Rejected", "There is no article NOPE-1.")]
    [TestCase("Cancelled", "The customer changed their mind.")]
    public void Says_how_it_ended(string state, string said) => Assert.That(
        Explain(Order(state) with { Reasons = ["There is no article NOPE-1."], CancelledBecause = "The customer changed their mind." }), Has.Some.Contain(said));

    [Test]
    public void Ends_with_every_transition_and_what_brought_it_about()
    {
        var timeline = Explanation.Read<TimelineEntry>(
            """[{"state":"GettingDetails","at":"2026-11-26T11:54:00.5+00:00"},{"state":"Invoicing","at":"2026-11-26T11:55:00+00:00","on":"OrderDetailsReady","traceId":"abc","messageId":"01a2076c-1526-724c-a2e8-d7c397d44a44"},{"state":"Crediting","at":"2026-11-26T11:56:00+00:00","on":"CancelOrder","by":"web-shop"}]""");
        Assert.That(Explain(Order("Crediting") with { Timeline = timeline })[^3..], Is.EqualTo(new[]
        {
            "  2026-11-26 11:54:00.500Z  GettingDetails  POST /orders          ",
            "  2026-11-26 11:55:00.000Z  Invoicing       OrderDetailsReady       trace abc",
            "  2026-11-26 11:56:00.000Z  Crediting       CancelOrder             by web-shop",
        }));
    }

    private static OrderFacts Order(string state) => new() { Id = Id, State = state, StepSince = Now.AddMinutes(-5), StepAttempts = 1, InvoiceNumber = "2026-000007" };

    private static string[] Explain(OrderFacts order) => [.. Explanation.Of(order, Now)];
}
