using Orafo.Contracts;
using Orafo.Ordering.Intake;

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
                Is.EqualTo((order.OrderId, "C-1001", "SPRING", order.SubmittedAt)));
            Assert.That(asked.Lines, Is.EqualTo(order.Order.Lines));
        }
    }

    [TestCase(null), TestCase("paper"), TestCase("electronic")]
    public async Task Says_how_its_invoice_gets_to_the_customer(string? delivery)
    {
        await using var order = await OrderJourney.Start("GettingDetails");
        order.Saga.InvoiceDelivery = delivery;
        await order.Receives(order.DetailsReady);
        Assert.That(order.Said.OfType<GenerateInvoice>().Single().Delivery, Is.EqualTo(delivery));
    }

    [Test]
    public async Task Is_invoiced_and_paid_for_with_its_shipping()
    {
        await using var order = await OrderJourney.Start("GettingDetails");
        var shipped = OrderJourney.Totals with
        {
            Charge = 4.90m,
            Net = 14.90m,
            Vat = 3.28m,
            Gross = 18.18m,
            VatBreakdown = [OrderJourney.Totals.VatBreakdown[0] with { Charge = 4.90m, TaxableAmount = 14.90m, VatAmount = 3.28m }],
        };
        await order.Receives(order.DetailsReady with { Totals = shipped });
        var invoice = order.Said.OfType<GenerateInvoice>().Single().Totals;
        Assert.That((invoice.Charge, invoice.VatBreakdown.Single(), order.Saga.Total), Is.EqualTo((4.90m, shipped.VatBreakdown[0], new Money(18.18m, "EUR"))));
    }

    [TestCase("Completed"), TestCase("Rejected"), TestCase("Cancelled")]
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

    [TestCase("Completed"), TestCase("Rejected"), TestCase("Cancelled"), TestCase("Suspended in Invoicing"), TestCase("Suspended in HandingOver")]
    public async Task Tells_who_waits_for_it_that_it_needs_nothing_more(string end)
    {
        await using var order = await OrderJourney.Start("GettingDetails");
        using var waiter = order.Watch.TryWatch(order.OrderId, "shop")!;
        var waits = waiter.Wait(TimeSpan.FromHours(1), CancellationToken.None);
        foreach (var message in order.WayTo(end))
        {
            Assert.That(waits.IsCompleted, Is.False, order.Saga.CurrentState);
            await order.Receives(message);
        }

        await waits.WaitAsync(Testing.Eventually.Patience);
    }

    [Test]
    public async Task Tells_who_follows_it_of_each_step()
    {
        await using var order = await OrderJourney.Start("GettingDetails");
        using var follower = order.Watch.TryFollow(order.OrderId, "shop")!;
        using var waiter = order.Watch.TryWatch(order.OrderId, "shop")!;
        foreach (var message in new object[] { order.DetailsReady, order.InvoiceGenerated })
        {
            await order.Receives(message);
            Assert.That(await follower.Wait(Testing.Eventually.Patience, CancellationToken.None), Is.True, order.Saga.CurrentState);
        }

        Assert.That(await waiter.Wait(TimeSpan.Zero, CancellationToken.None), Is.False, "of one who waits for the end");
    }

    [Test]
    public async Task Is_not_waited_for_by_one_client_so_often_that_none_is_left_for_others()
    {
        await using var order = await OrderJourney.Start();
        var waiters = Enumerable.Range(0, OrderWatch.MostOfAClient).Select(_ => order.Watch.TryWatch(order.OrderId, "greedy")!).ToList();
        Assert.That(order.Watch.TryFollow(order.OrderId, "greedy"), Is.Null);
        Assert.That(waiters, Has.None.Null);
        using var other = order.Watch.TryWatch(order.OrderId, "shop");
        Assert.That(other, Is.Not.Null);

        waiters[0].Dispose();
        using var again = order.Watch.TryWatch(order.OrderId, "greedy");
        Assert.That(again, Is.Not.Null);
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
    public async Task Knows_who_asked_for_what_the_machine_does_not_do_by_itself()
    {
        await using var order = await OrderJourney.Start("Suspended in Invoicing");
        foreach (var message in new object[] { order.Resume with { RequestedBy = "back-office" }, order.Cancel with { RequestedBy = "web-shop" }, order.Credited })
            await order.Receives(message);
        Assert.That(order.Saga.Timeline.Select(transition => (transition.State, transition.By)), Is.EqualTo(new[]
        {
            ("GettingDetails", null), ("Invoicing", null), ("Suspended", null), ("Invoicing", "back-office"), ("Crediting", "web-shop"), ("Cancelled", null),
        }));
    }

    [Test]
    public async Task Goes_on_for_the_version_before_that_does_not_say_who_asked()
    {
        await using var order = await OrderJourney.Start("Suspended in Invoicing");
        foreach (var message in new object[] { order.Resume, order.Cancel })
            await order.Receives(message);
        Assert.That(order.Saga.Timeline.TakeLast(2).Select(transition => (transition.State, transition.By)), Is.EqualTo(new[] { ("Invoicing", (string?)null), ("Crediting", null) }));
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
