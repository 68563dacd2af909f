using Orafo.Contracts;

namespace Orafo.Ordering.Tests;

public sealed class An_order_on_its_way
{
    [Test]
    public async Task Asks_each_step_in_turn_with_what_the_step_needs()
    {
        await using var order = await OrderJourney.Start("Completed");
        Assert.That(order.Said.Select(said => said.GetType()),
            Is.EqualTo(new[] { typeof(GenerateInvoice), typeof(HandOverOrder), typeof(OrderCompleted) }));

        var handOver = order.Said.OfType<HandOverOrder>().Single();
        var completed = order.Said.OfType<OrderCompleted>().Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(handOver.InvoiceNumber, Is.EqualTo(order.InvoiceGenerated.InvoiceNumber));
            Assert.That(handOver.DeliverTo, Is.EqualTo(OrderJourney.Customer));
            Assert.That(handOver.Total, Is.EqualTo(new Money(12.20m, "EUR")));
            Assert.That(completed.Total, Is.EqualTo(handOver.Total));
        }
    }

    [Test]
    public async Task Begins_by_asking_for_its_details()
    {
        await using var order = await OrderJourney.Start("GettingDetails");
        var asked = order.Saga.GetDetails();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(order.Saga.CurrentState, Is.EqualTo("GettingDetails"));
            Assert.That((asked.OrderId, asked.CustomerNumber, asked.CouponCode, asked.SubmittedAt),
                Is.EqualTo((order.OrderId, "C-1001", "SPRING", DateTimeOffset.UnixEpoch)));
            Assert.That(asked.Lines, Is.EqualTo(order.Order.Lines));
        }
    }

    [TestCase("Completed"), TestCase("Rejected")]
    public async Task Forgets_the_customers_address_at_its_end(string end)
    {
        await using var order = await OrderJourney.Start(end);
        Assert.That((order.Saga.Customer, order.Saga.PricedLines, order.Saga.Totals), Is.EqualTo(((Party?)null, (IReadOnlyList<PricedLine>?)null, (OrderTotals?)null)));
    }

    [Test]
    public async Task Keeps_the_address_while_it_is_suspended()
    {
        await using var order = await OrderJourney.Start("Suspended in HandingOver");
        Assert.That(order.Saga.Customer, Is.EqualTo(OrderJourney.Customer));
    }

    [TestCase("Completed"), TestCase("Rejected"), TestCase("Suspended in Invoicing"), TestCase("Suspended in HandingOver")]
    public async Task Tells_who_waits_for_it_that_it_needs_nothing_more(string end)
    {
        await using var order = await OrderJourney.Start("GettingDetails");
        using var waiter = order.Watch.TryWatch(order.OrderId)!;
        var waits = waiter.Wait(TimeSpan.FromHours(1), CancellationToken.None);
        foreach (var message in order.WayTo(end))
        {
            Assert.That(waits.IsCompleted, Is.False, order.Saga.CurrentState);
            await order.Receives(message);
        }

        await waits.WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Test]
    public async Task Says_why_it_was_rejected()
    {
        await using var order = await OrderJourney.Start("Rejected");
        Assert.That(order.Saga.Reasons, Is.EqualTo(OrderJourney.Reasons));
    }

    [Test]
    public async Task Says_why_and_where_it_is_suspended_until_it_goes_on()
    {
        await using var order = await OrderJourney.Start("Suspended in Invoicing");
        Assert.That((order.Saga.SuspendedIn, order.Saga.SuspendedBecause), Is.EqualTo(("Invoicing", order.InvoiceFailed.Reason)));

        await order.Receives(order.Resume);
        Assert.That((order.Saga.SuspendedIn, order.Saga.SuspendedBecause), Is.EqualTo(((string?)null, (string?)null)));
    }

    [Test]
    public async Task Knows_every_state_it_was_in()
    {
        await using var order = await OrderJourney.Start("Suspended in Invoicing");
        foreach (var message in new object[] { order.Resume, order.InvoiceGenerated, order.HandedOver })
            await order.Receives(message);
        Assert.That(order.Saga.Timeline.Select(transition => transition.State),
            Is.EqualTo(new[] { "GettingDetails", "Invoicing", "Suspended", "Invoicing", "HandingOver", "Completed" }));
    }
}
