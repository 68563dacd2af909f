using Orafo.Contracts;
using Orafo.Ordering.Saga;

namespace Orafo.Ordering.Tests;

public sealed class An_estimate
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;

    /// <summary>Orders come every so many seconds, and one leaves every second: those that wait at the end are told when their turn is.</summary>
    [TestCase(0.5), TestCase(0.8), TestCase(1)]
    public void Of_an_order_in_a_queue_is_its_place_by_the_rate_of_service(double interval)
    {
        var pace = new StepPace();
        // A queue of a hundred to begin with, which came within a minute.
        Queue<double> waiting = new(Enumerable.Range(0, 100).Select(i => -60 + (i * 0.6)));
        double now = 0, next = 0;
        for (; now < 400; now++)
        {
            for (; next < now; next += interval)
                waiting.Enqueue(next);
            pace.Leave(At(waiting.Dequeue()), At(now));
        }

        now--;
        foreach (var share in new[] { 0.3, 0.6, 0.95 })
        {
            var place = (int)(waiting.Count * share);
            var came = waiting.ElementAt(place);
            Assert.That(pace.Remaining(At(now) - At(came))!.Value.TotalSeconds, Is.EqualTo(place).Within(0.15 * place + 3), $"{place} before it");
        }
    }

    [Test]
    public void Of_an_order_that_comes_alone_is_what_the_last_ones_took()
    {
        var pace = new StepPace();
        Assert.That((pace.Remaining(TimeSpan.Zero), pace.Usual), Is.EqualTo(((TimeSpan?)null, (TimeSpan?)null)), "of nothing");
        pace.Leave(At(0), At(4));
        pace.Leave(At(3600), At(3604));
        Assert.That(pace.Remaining(TimeSpan.FromSeconds(1)), Is.EqualTo(TimeSpan.FromSeconds(3)));
        Assert.That(pace.Remaining(TimeSpan.FromSeconds(20)), Is.EqualTo(TimeSpan.Zero), "a little late");
        Assert.That(pace.Remaining(TimeSpan.FromSeconds(22.1)), Is.Null, "late");
    }

    [Test]
    public async Task Is_made_when_orders_have_gone_all_the_way()
    {
        await using var first = await OrderJourney.Start("HandingOver");
        var second = Placed(first, seconds: 0);
        Assert.That((first.Pace.Estimate(second), first.Pace.Reason(second)), Is.EqualTo(((DateTimeOffset?)null, (string?)null)), "as long as no order has been handed over");

        await first.Receives(first.HandedOver);
        var now = TimeProvider.System.GetUtcNow();
        Assert.That(first.Pace.Estimate(second), Is.InRange(now, now.AddMinutes(10)));
        Assert.That(first.Pace.Estimate(first.Saga), Is.Null, "it is done");
        Assert.That(first.Pace.Estimate(Placed(first, seconds: 0, InvoiceMedium.Electronic)), Is.Null, "nothing electronic has passed");
    }

    [Test]
    public async Task Is_not_made_of_an_order_that_is_late_and_it_is_said_why()
    {
        await using var first = await OrderJourney.Start("Completed");
        var late = Placed(first, seconds: 3600);
        Assert.That((first.Pace.Estimate(late), first.Pace.Reason(late)), Is.EqualTo(((DateTimeOffset?)null, "GettingDetails takes longer than is usual at present.")));
        late.StepAttempts = 3;
        Assert.That(first.Pace.Reason(late), Is.EqualTo("GettingDetails did not answer in time. It was asked 3 times."));
        (late.StepAttempts, late.CurrentState, late.WaitsForPaper) = (1, "Invoicing", true);
        late.Timeline = [.. late.Timeline, new("Invoicing", late.SubmittedAt)];
        Assert.That(first.Pace.Reason(late), Is.EqualTo("The invoice waits for the printer, longer than is usual at present."));
        (late.CurrentState, late.SuspendedBecause) = ("Suspended", "The printer is out of paper.");
        Assert.That(first.Pace.Reason(late), Is.EqualTo("The printer is out of paper."));
        Assert.That(first.Pace.Reason(first.Saga), Is.Null);
    }

    [TestCase("Suspended in Invoicing"), TestCase("Crediting")]
    public async Task Is_not_made_of_what_orders_took_that_did_not_get_through(string state)
    {
        await using var failed = await OrderJourney.Start(state);
        var next = Placed(failed, seconds: 3600);
        (next.CurrentState, next.Timeline) = ("Invoicing", [new("Invoicing", next.SubmittedAt)]);
        Assert.That(failed.Pace.Reason(next), Is.Null, "nobody knows what is usual");
    }

    private static OrderSaga Placed(OrderJourney like, double seconds, string? delivery = null) => OrderSaga.Begin(new()
    {
        Id = Guid.CreateVersion7(),
        Client = "",
        CustomerNumber = like.Order.CustomerNumber,
        InvoiceDelivery = delivery,
        Lines = like.Order.Lines,
        SubmittedAt = TimeProvider.System.GetUtcNow().AddSeconds(-seconds),
    });

    private static DateTimeOffset At(double seconds) => Start.AddSeconds(seconds);
}
