using System.Net;
using Microsoft.EntityFrameworkCore;
using Orafo.Contracts;
using Orafo.HandOver.Shipping;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.HandOver.Tests;

public sealed class A_recall
{
    [Test]
    public async Task That_overtakes_the_hand_over_keeps_it_from_being_booked()
    {
        await using var service = await HandOverService.Start();
        var command = HandOverService.Command();
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>();
        await service.Deliver(command);
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>(2);
        // One that comes after it is through: so is the command.
        var next = HandOverService.Command();
        await service.Deliver(next);
        await service.Hears<OrderHandedOver>();
        await service.ComesToRest();
        Assert.That(service.Carrier.Depot.Find(command.OrderId.ToString()), Is.Null);
        Assert.That((await service.Hears<OrderHandedOver>()).Single().OrderId, Is.EqualTo(next.OrderId));
        Assert.That((await service.Is(Shipment.Recalled, command.OrderId)).DeliverTo, Is.Null);
    }

    [Test]
    public async Task Gets_a_booked_parcel_back_and_says_so_however_often_it_is_repeated()
    {
        await using var service = await HandOverService.Start();
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.Hears<OrderHandedOver>();
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>();
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>(2);
        // A hand-over that is late, or comes again, books nothing.
        await service.Deliver(command);
        await service.ComesToRest();
        var shipment = await service.Is(Shipment.Recalled, command.OrderId);
        Assert.That(service.Carrier.Depot.Parcels.Single(), Has.Property("Bookings").EqualTo(1).And.Property("RecalledAt").Not.Null);
        Assert.That((shipment.DeliverTo, shipment.HandedOverAt.HasValue), Is.EqualTo((default(Party), true)));
        Assert.That((await service.Hears<OrderHandedOver>()).Count, Is.EqualTo(1));
    }

    [Test]
    public async Task Is_refused_after_the_pick_up_and_the_order_stays_handed_over()
    {
        await using var service = await HandOverService.Start();
        var command = HandOverService.Command();
        await service.Deliver(command);
        var handedOver = (await service.Hears<OrderHandedOver>()).Single();
        service.Carrier.Depot.PickUp(handedOver.TrackingNumber!);
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        var refused = (await service.Hears<HandOverRecallRefused>()).Single();
        Assert.That((refused.OrderId, refused.Reason), Is.EqualTo((command.OrderId, "The parcel has been picked up.")));
        await service.Deliver(command);
        Assert.That(await service.Hears<OrderHandedOver>(2), Is.All.EqualTo(handedOver));
        // Asked again, the carrier says the same.
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecallRefused>(2);
        Assert.That(await service.Hears<HandOverRecalled>(0), Is.Empty);
    }

    [Test]
    public async Task Wins_over_a_booking_that_is_still_on_its_way_to_the_carrier()
    {
        await using var service = await HandOverService.Start();
        var (onItsWay, door) = (new TaskCompletionSource(), new TaskCompletionSource());
        service.Carrier.Before = method =>
        {
            if (method != HttpMethod.Put)
                return Task.CompletedTask;
            onItsWay.TrySetResult();
            return door.Task;
        };
        var command = HandOverService.Command();
        await service.Deliver(command);
        await onItsWay.Task.WaitAsync(Eventually.Patience);
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>();
        door.SetResult();
        await service.ComesToRest();
        Assert.That(service.Carrier.Depot.Parcels.Single(), Has.Property("Asked").EqualTo(1).And.Property("Bookings").EqualTo(0));
        Assert.That((await service.Hears<OrderHandedOver>(0)).Count + (await service.Hears<HandOverFailed>(0)).Count, Is.Zero, "whoever recalled it waits for nothing else");
        Assert.That((await service.JobOf<BookParcel>(command.OrderId))!.FinishedAt, Is.Not.Null, "nobody need look after it");
    }

    [Test]
    public async Task Wins_over_a_booking_whose_answer_is_still_on_its_way()
    {
        await using var service = await HandOverService.Start();
        var (isBooked, door) = (new TaskCompletionSource(), new TaskCompletionSource());
        service.Carrier.After = method =>
        {
            if (method != HttpMethod.Put)
                return Task.CompletedTask;
            isBooked.TrySetResult();
            return door.Task;
        };
        var command = HandOverService.Command();
        await service.Deliver(command);
        await isBooked.Task.WaitAsync(Eventually.Patience);
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>();
        door.SetResult();
        await service.ComesToRest();
        Assert.That(service.Carrier.Depot.Parcels.Single(), Has.Property("Bookings").EqualTo(1).And.Property("RecalledAt").Not.Null);
        Assert.That(await service.Hears<OrderHandedOver>(0), Is.Empty);
        await service.Is(Shipment.Recalled, command.OrderId);
    }

    [Test]
    public async Task Comes_too_late_for_a_parcel_that_was_picked_up_before_its_booking_was_known()
    {
        await using var service = await HandOverService.Start();
        service.Carrier.LosesReply = method => method == HttpMethod.Put;
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.JobOf<BookParcel>(command.OrderId, job => job.Error is not null);
        var number = service.Carrier.Depot.Parcels.Single().TrackingNumber!;
        service.Carrier.Depot.PickUp(number);
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecallRefused>();
        await service.Deliver(command);
        Assert.That((await service.Hears<OrderHandedOver>()).Single().TrackingNumber, Is.EqualTo(number));
    }

    [Test]
    public async Task Of_a_booking_that_was_given_up_leaves_nothing_to_decide()
    {
        await using var service = await HandOverService.Start(attempts: 1);
        service.Carrier.LosesReply = method => method == HttpMethod.Put;
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.Hears<HandOverFailed>();
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>();
        Assert.That((await service.JobOf<BookParcel>(command.OrderId))!.State, Is.EqualTo(JobStates.Cancelled));
        Assert.That(service.Carrier.Depot.Parcels.Single().RecalledAt, Is.Not.Null, "it was booked, though nobody knew");
    }

    [Test]
    public async Task Is_not_answered_before_the_carrier_has_said_so()
    {
        await using var service = await HandOverService.Start(attempts: 2);
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.Hears<OrderHandedOver>();
        service.Carrier.Instead = () => new(HttpStatusCode.InternalServerError);
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.JobOf<RecallParcel>(command.OrderId, job => job.State == JobStates.Parked);
        await service.ComesToRest();
        Assert.That((await service.Hears<HandOverRecalled>(0)).Count + (await service.Hears<HandOverRecallRefused>(0)).Count, Is.Zero);

        service.Carrier.Instead = null;
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>();
        Assert.That(service.Carrier.Depot.Parcels.Single().RecalledAt, Is.Not.Null);
    }

    [Test]
    public async Task Whose_reply_is_lost_is_answered_once()
    {
        await using var service = await HandOverService.Start();
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.Hears<OrderHandedOver>();
        var lost = 0;
        service.Carrier.LosesReply = method => method == HttpMethod.Delete && Interlocked.Increment(ref lost) <= 3;
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>();
        await service.ComesToRest();
        Assert.That((lost, (await service.Hears<HandOverRecalled>()).Count), Is.EqualTo((4, 1)));
    }

    /// <remarks>Both messages twice, in any order and at the same time, with replies that are lost: what the saga was told, and what the carrier has, agree.</remarks>
    [Test]
    public async Task In_any_order_with_the_hand_over_ends_with_the_carrier_of_the_same_mind([Values(1, 2, 3)] int seed)
    {
        await using var service = await HandOverService.Start();
        await using var another = await service.Another();
        var random = new Random(seed);
        var calls = 0;
        service.Carrier.LosesReply = _ => Interlocked.Increment(ref calls) % 3 == 0;
        var commands = Enumerable.Range(0, 40).Select(_ => HandOverService.Command()).ToArray();
        var messages = commands.SelectMany(command => new object[] { command, command, new RecallHandOver { OrderId = command.OrderId }, new RecallHandOver { OrderId = command.OrderId } }).ToArray();
        random.Shuffle(messages);
        await Task.WhenAll(messages.Select(message => message is HandOverOrder command ? service.Deliver(command) : another.Deliver((RecallHandOver)message)));

        await service.Harness.Sees(db => db.Shipments.CountAsync(shipment => shipment.State == Shipment.Recalled), count => count == commands.Length);
        await service.ComesToRest();
        var recalled = await service.Hears<HandOverRecalled>(another, all => all.DistinctBy(message => message.OrderId).Count() >= commands.Length);
        Assert.That(recalled.Select(message => message.OrderId).Distinct(), Is.EquivalentTo(commands.Select(command => command.OrderId)));
        Assert.That(service.Carrier.Depot.Parcels.Where(parcel => parcel is { Bookings: > 0, RecalledAt: null }), Is.Empty, "never a parcel of an order that was recalled");
        Assert.That(service.Carrier.Depot.Parcels.Select(parcel => parcel.Bookings), Is.All.LessThan(2));
    }
}
