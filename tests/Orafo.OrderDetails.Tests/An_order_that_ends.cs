using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.OrderDetails.Details;

namespace Orafo.OrderDetails.Tests;

/// <summary>What becomes of what it holds; each message twice, late, and before the one that it undoes.</summary>
public sealed class An_order_that_ends
{
    private Shop _shop = null!;

    [SetUp]
    public async Task OpenShop()
    {
        _shop = await Shop.Open(instances: 2);
        await _shop.Add(Shop.Article("A", 100), Shop.Article("B", 100), Shop.Coupon("TEN", mostUses: 50));
    }

    [TearDown]
    public async Task CloseShop() => await _shop.DisposeAsync();

    [TestCase("cancelled"), TestCase("rejected")]
    public async Task Gives_back_once_what_it_took(string how)
    {
        var kept = await _shop.Place("TEN", ("A", 3), ("B", 1));
        var order = await _shop.Place("TEN", ("A", 2), ("B", 4), ("A", 1));
        Assert.That((await _shop.Taken("A"), await _shop.Taken("B"), await _shop.Uses("TEN")), Is.EqualTo((6, 5, 2)));

        for (var i = 0; i < 3; i++)
            await End(order, how);
        await _shop.Sees([order], HoldStates.Released);
        await _shop.HasConsumed(2 + 3);
        Assert.That((await _shop.Taken("A"), await _shop.Taken("B"), await _shop.Uses("TEN")), Is.EqualTo((3, 1, 1)));
        Assert.That((await _shop.Sees([kept], HoldStates.Held)).Single().Taken, Is.EqualTo(new Dictionary<string, int> { ["A"] = 3, ["B"] = 1 }));
    }

    [Test]
    public async Task Keeps_for_good_what_it_took_when_it_is_completed()
    {
        var orders = new List<Guid>();
        for (var i = 0; i < 20; i++)
            orders.Add(await _shop.Place(i % 2 == 0 ? "TEN" : null, ("A", 1)));
        await Task.WhenAll(orders.Concat(orders[..5]).Select(order => _shop.Deliver(Shop.Completion(order))));
        await _shop.Sees(orders, HoldStates.Final);
        await _shop.HasConsumed(20 + 25);
        Assert.That((await _shop.Taken("A"), await _shop.Uses("TEN")), Is.EqualTo((20, 10)));
    }

    [Test]
    public async Task Gives_nothing_back_when_it_is_cancelled_after_it_was_completed()
    {
        var order = await _shop.Place("TEN", ("A", 1));
        await _shop.Deliver(Shop.Completion(order));
        await _shop.Sees([order], HoldStates.Final);
        await _shop.Deliver(Shop.Cancellation(order));
        Assert.That(await _shop.Gives(up: 1), Has.One.Contains("is completed"));
        await _shop.Sees([order], HoldStates.Final);
        Assert.That((await _shop.Taken("A"), await _shop.Uses("TEN")), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task Is_not_completed_if_it_holds_nothing()
    {
        var order = await _shop.Place("TEN", ("A", 1));
        await _shop.Deliver(Shop.Cancellation(order));
        await _shop.Sees([order], HoldStates.Released);
        await _shop.Deliver(Shop.Completion(order));
        await _shop.Deliver(Shop.Completion(Guid.CreateVersion7()));
        Assert.That(await _shop.Gives(up: 2), Has.One.Contains("was released").And.One.Contains("never accepted"));
        Assert.That(await _shop.Look(db => db.OrderHolds.CountAsync(hold => hold.State == HoldStates.Final)), Is.Zero);
    }

    [Test]
    public async Task Takes_nothing_and_is_not_answered_if_its_cancellation_was_quicker()
    {
        var order = Shop.Order("TEN", ("A", 1));
        await _shop.Deliver(Shop.Cancellation(order.OrderId));
        await _shop.Sees([order.OrderId], HoldStates.Released);
        await _shop.Deliver(order);
        await _shop.Deliver(order);
        await _shop.HasConsumed(3);
        var other = await _shop.Place(null, ("B", 1));
        await _shop.Hears<OrderDetailsReady>(1);
        Assert.That((await _shop.Hears<OrderDetailsReady>(1)).Select(answer => answer.OrderId), Is.EqualTo(new[] { other }));
        Assert.That(await _shop.Look(db => db.OrderDetails.CountAsync(detail => detail.OrderId == order.OrderId)), Is.Zero);
        Assert.That((await _shop.Taken("A"), await _shop.Uses("TEN")), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task Is_not_answered_again_when_it_is_cancelled_but_is_when_it_was_rejected()
    {
        var accepted = Shop.Order(null, ("A", 1));
        var rejected = Shop.Order(null, ("A", 101));
        await _shop.Deliver(accepted);
        await _shop.Deliver(rejected);
        await _shop.Hears<OrderDetailsReady>(1);
        await _shop.Hears<OrderDetailsRejected>(1);
        await _shop.Deliver(Shop.Cancellation(accepted.OrderId));
        await _shop.Deliver(Shop.Rejection(rejected.OrderId));
        await _shop.HasConsumed(4);
        await _shop.Deliver(accepted);
        await _shop.Deliver(rejected);
        await _shop.HasConsumed(6);
        Assert.That(await _shop.Hears<OrderDetailsRejected>(2), Has.Count.EqualTo(2));
        Assert.That(await _shop.Hears<OrderDetailsReady>(1), Has.Count.EqualTo(1));
        Assert.That(await _shop.Taken("A"), Is.Zero);
    }

    [Test]
    public async Task Holds_nothing_whichever_of_its_messages_comes_first()
    {
        var orders = Enumerable.Range(0, 60).Select(i => Shop.Order(i % 3 == 0 ? "TEN" : null, i % 2 == 0 ? [("A", 1), ("B", 1)] : [("B", 1), ("A", 1)])).ToArray();
        var kept = Enumerable.Range(0, 20).Select(_ => Shop.Order(null, ("A", 1), ("B", 1))).ToArray();
        // All at the same time, on both instances, each of them twice.
        await Task.WhenAll(orders.Concat(orders).Concat(kept).Select(order => _shop.Deliver(order))
            .Concat(orders.Concat(orders).Select(order => _shop.Deliver(Shop.Cancellation(order.OrderId)))));
        await _shop.Sees(orders.Select(order => order.OrderId), HoldStates.Released);
        await _shop.Sees(kept.Select(order => order.OrderId), HoldStates.Held);
        await _shop.HasConsumed((orders.Length * 4) + kept.Length);
        await _shop.Sees(orders.Select(order => order.OrderId), HoldStates.Released);
        Assert.That((await _shop.Taken("A"), await _shop.Taken("B"), await _shop.Uses("TEN")), Is.EqualTo((20, 20, 0)));
    }

    private Task End(Guid order, string how) => how == "cancelled" ? _shop.Deliver(Shop.Cancellation(order)) : _shop.Deliver(Shop.Rejection(order));
}
