using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.OrderDetails.Details;

namespace Orafo.OrderDetails.Tests;

/// <summary>Many orders on several instances, all at once, for less than they want.</summary>
public sealed class The_last_articles
{
    private const int Orders = 150;

    [TestCase(false), TestCase(true, Description = "Connections are cut meanwhile.")]
    public async Task Go_to_as_many_as_there_are_articles_and_coupons(bool isDisturbed)
    {
        await using var shop = await Shop.Open(instances: 3);
        await shop.Add(Shop.Article("A", 70), Shop.Article("B", 60), Shop.Article("FREE", stock: null), Shop.Coupon("FEW", mostUses: 20));
        var random = new Random(20261126);
        // The lines in either order: whoever locked them as they come would wait for one who waits for him.
        var orders = Enumerable.Range(0, Orders).Select(i => Shop.Order(
            random.Next(3) == 0 ? "FEW" : null, i % 2 == 0 ? [("A", 1), ("FREE", 5), ("B", 1)] : [("B", 1), ("A", random.Next(1, 3))])).ToArray();
        var deadlocks = await shop.Ask<long>("select deadlocks from pg_stat_database where datname = current_database()");
        var placing = Task.WhenAll(orders.Select(order => shop.Deliver(order)));
        for (var cut = 0; isDisturbed && cut < 10; cut++)
        {
            var done = await shop.Ask<long>("select count(*) from order_holds");
            await shop.Ask<long>("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
            await shop.Until<long>("select count(*) from order_holds", holds => holds > done || holds == Orders);
        }

        await placing;
        await shop.Until<long>("select count(*) from order_holds", holds => holds == Orders);
        shop.ForgetConnections();
        var holds = await shop.Sees(orders.Select(order => order.OrderId), HoldStates.Held, HoldStates.Released);
        var held = holds.Where(hold => hold.State == HoldStates.Held).ToArray();
        using (Assert.EnterMultipleScope())
        {
            // B is what runs out, whatever else does: each order wants one.
            Assert.That(await shop.Taken("A"), Is.EqualTo(held.Sum(hold => hold.Taken!["A"])).And.AtMost(70));
            Assert.That(await shop.Taken("B"), Is.EqualTo(held.Length).And.AtMost(60));
            Assert.That(await shop.Uses("FEW"), Is.EqualTo(held.Count(hold => hold.CouponCode == "FEW")).And.AtMost(20));
            Assert.That(await shop.Taken("A") == 70 || await shop.Taken("B") == 60, Is.True, "something is left, and somebody was sent away");
            Assert.That(held.Select(hold => hold.Taken!.ContainsKey("FREE")), Is.All.False);
        }

        if (!isDisturbed)
            Assert.That(await shop.Ask<long>("select deadlocks from pg_stat_database where datname = current_database()"), Is.EqualTo(deadlocks));
        Assert.That(await shop.Readies(held.Length), Is.EquivalentTo(held.Select(hold => hold.OrderId)));
        var rejected = await shop.Hears<OrderDetailsRejected>(Orders - held.Length);
        Assert.That(rejected.SelectMany(answer => answer.Reasons).Select(reason => reason.Code).Distinct(), Is.SubsetOf(new[] { "not-enough-stock", "exhausted-coupon" }));
    }

    [Test]
    public async Task Of_a_coupon_are_counted_for_each_customer()
    {
        await using var shop = await Shop.Open(instances: 3);
        await shop.Add(Shop.Article("A", stock: null), Shop.Coupon("ONCE", mostUses: 100, mostUsesPerCustomer: 2));
        var orders = Enumerable.Range(0, 40).Select(i => Shop.Order("ONCE", ("A", 1)) with { CustomerNumber = i % 2 == 0 ? "C-1" : "C-2" }).ToArray();
        await Task.WhenAll(orders.Select(order => shop.Deliver(order)));
        var holds = await shop.Sees(orders.Select(order => order.OrderId), HoldStates.Held, HoldStates.Released);
        Assert.That(holds.Where(hold => hold.State == HoldStates.Held).Select(hold => hold.CustomerNumber), Is.EquivalentTo(new[] { "C-1", "C-1", "C-2", "C-2" }));
        Assert.That(await shop.Uses("ONCE"), Is.EqualTo(4));

        // A use that is given back can be used again, by the same customer.
        var cancelled = holds.First(hold => hold is { State: HoldStates.Held, CustomerNumber: "C-1" });
        await shop.Deliver(Shop.Cancellation(cancelled.OrderId));
        await shop.Sees([cancelled.OrderId], HoldStates.Released);
        var again = await shop.Place("ONCE", ("A", 1));
        Assert.That((await shop.Sees([again], HoldStates.Held)).Single().CouponCode, Is.EqualTo("ONCE"));
    }
}
