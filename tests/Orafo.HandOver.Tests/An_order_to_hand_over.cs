using System.Net;
using System.Net.Http.Headers;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Contracts;
using Orafo.HandOver.Shipping;
using Orafo.Pgq;

namespace Orafo.HandOver.Tests;

public sealed class An_order_to_hand_over
{
    [Test]
    public async Task Is_booked_and_handed_over_once_however_often_the_step_is_repeated()
    {
        await using var service = await HandOverService.Start();
        var command = HandOverService.Command();
        await service.Deliver(command);
        var first = (await service.Hears<OrderHandedOver>()).Single();
        await service.Deliver(command);
        var both = await service.Hears<OrderHandedOver>(2);

        var row = await service.Is(Shipment.HandedOver, command.OrderId);
        var parcel = service.Carrier.Depot.Parcels.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(both, Is.All.EqualTo(first));
            Assert.That(first.OrderId, Is.EqualTo(command.OrderId));
            Assert.That((parcel.Key, parcel.TrackingNumber, parcel.Bookings, parcel.Asked), Is.EqualTo((command.OrderId.ToString(), first.TrackingNumber, 1, 1)));
            Assert.That((row.InvoiceNumber, row.Currency, row.Total, row.TrackingNumber), Is.EqualTo((command.InvoiceNumber, "EUR", 12.20m, first.TrackingNumber)));
            Assert.That(row.DeliverTo, Is.EqualTo(command.DeliverTo));
            Assert.That(row.Lines, Is.EqualTo(command.Lines));
        }
    }

    [Test]
    public async Task Is_one_of_many_that_several_instances_book_once_each()
    {
        await using var service = await HandOverService.Start();
        await using var another = await service.Another();
        var commands = Enumerable.Range(0, 60).Select(_ => HandOverService.Command()).ToArray();
        await Task.WhenAll(commands.Select((command, i) => (i % 2 == 0 ? service.Harness : another).Deliver(command)));
        await service.Harness.Sees(db => db.Shipments.CountAsync(shipment => shipment.State == Shipment.HandedOver), count => count == commands.Length);
        Assert.That(service.Carrier.Depot.Parcels.Select(parcel => (Guid.Parse(parcel.Key), parcel.Bookings)), Is.EquivalentTo(commands.Select(command => (command.OrderId, 1))));
        await service.ComesToRest();
        var said = await service.Hears<OrderHandedOver>(another, all => all.Length >= commands.Length);
        Assert.That(said.Select(message => message.OrderId), Is.EquivalentTo(commands.Select(command => command.OrderId)));
    }

    [Test]
    public async Task Is_booked_once_though_the_reply_is_lost_again_and_again()
    {
        await using var service = await HandOverService.Start();
        service.Carrier.LosesReply = _ => service.Carrier.Depot.Parcels.Single().Asked < 4;
        await service.Deliver(HandOverService.Command());
        var handedOver = (await service.Hears<OrderHandedOver>()).Single();
        Assert.That(service.Carrier.Depot.Parcels.Single(), Has.Property("Bookings").EqualTo(1).And.Property("Asked").EqualTo(4).And.Property("TrackingNumber").EqualTo(handedOver.TrackingNumber));
    }

    [TestCase(false), TestCase(true)]
    public async Task Is_not_asked_for_before_the_carrier_wants_to_be_asked_again(bool isDate)
    {
        await using var service = await HandOverService.Start();
        service.Carrier.Instead = () =>
        {
            var busy = CarrierOnAWire.Problem(503, "/problems/busy", "Busy.");
            busy.Headers.RetryAfter = isDate ? new RetryConditionHeaderValue(DateTimeOffset.UtcNow.AddHours(1)) : new(TimeSpan.FromHours(1));
            return busy;
        };
        var command = HandOverService.Command();
        await service.Deliver(command);
        var job = await service.JobOf<BookParcel>(command.OrderId, job => job.Error is not null);
        Assert.That(job.Error, Is.EqualTo("The carrier answered 503: busy"));
        Assert.That(job.Due - DateTimeOffset.UtcNow, Is.InRange(TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(5)), "not within the usual 50 ms, and not in an hour either");
    }

    [Test]
    public async Task Is_refused_for_good_at_once_and_tried_again_when_the_step_is_repeated()
    {
        await using var service = await HandOverService.Start();
        service.Carrier.Depot.Set(new() { RefusePostalCode = "50125" });
        var command = HandOverService.Command();
        await service.Deliver(command);
        var failed = (await service.Hears<HandOverFailed>()).Single();
        Assert.That((failed.OrderId, failed.Reason), Is.EqualTo((command.OrderId, "The carrier refused the parcel: undeliverable-address (422).")));
        Assert.That(await service.JobOf<BookParcel>(command.OrderId), Has.Property("State").EqualTo(JobStates.Parked).And.Property("Attempts").EqualTo(1));

        service.Carrier.Depot.Set(new());
        await service.Deliver(command);
        await service.Hears<OrderHandedOver>();
        Assert.That(service.Carrier.Depot.Parcels.Single().Bookings, Is.EqualTo(1));
    }

    [Test]
    public async Task Says_nothing_of_what_the_carrier_says_of_a_persons_address()
    {
        await using var service = await HandOverService.Start();
        service.Carrier.Instead = () => CarrierOnAWire.Problem(422, "https://carrier.example/Via Maggio 11", "Nobody lives at Via Maggio 11.");
        await service.Deliver(HandOverService.Command());
        Assert.That((await service.Hears<HandOverFailed>()).Single().Reason, Is.EqualTo("The carrier refused the parcel: no reason given (422)."));
    }

    [TestCase("no JSON"), TestCase("{}"), TestCase("null"), TestCase("""{"trackingNumber": 5}"""), TestCase("""{"trackingNumber": "<b>"}"""), TestCase("{}", "x-nobody-knows")]
    public async Task Is_booked_later_whatever_the_carrier_says_meanwhile(string answer, string charSet = "utf-8")
    {
        await using var service = await HandOverService.Start();
        service.Carrier.Instead = () => new(HttpStatusCode.OK) { Content = new StringContent(answer, System.Text.Encoding.UTF8, new MediaTypeHeaderValue("application/json", charSet)) };
        var command = HandOverService.Command();
        await service.Deliver(command);
        Assert.That((await service.JobOf<BookParcel>(command.OrderId, job => job.Error is not null)).Error, Is.EqualTo("The carrier answered 200: without a tracking number"));
        service.Carrier.Instead = null;
        await service.Hears<OrderHandedOver>();
    }

    [Test]
    public async Task Is_given_up_after_its_attempts_and_booked_after_an_operators_decision()
    {
        await using var service = await HandOverService.Start(attempts: 3);
        service.Carrier.Instead = () => new(HttpStatusCode.InternalServerError);
        var command = HandOverService.Command();
        await service.Deliver(command);
        var failed = (await service.Hears<HandOverFailed>()).Single();
        Assert.That((failed.Reason, service.Carrier.Calls), Is.EqualTo(("The carrier answered 500.", 3)));

        service.Carrier.Instead = null;
        Assert.That(await service.Harness.Services.GetRequiredService<JobQueue<BookParcel>>().RetryAsync(command.OrderId), Is.True);
        await service.Hears<OrderHandedOver>();
        Assert.That((await service.Hears<HandOverFailed>()).Count, Is.EqualTo(1));
    }

    [Test]
    public async Task Is_there_again_when_the_step_is_repeated_and_somebody_lost_its_booking()
    {
        await using var service = await HandOverService.Start(attempts: 1);
        service.Carrier.Instead = () => new(HttpStatusCode.InternalServerError);
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.Hears<HandOverFailed>();
        await service.Harness.Look(db => db.Database.ExecuteSqlAsync($"delete from booking_job"));
        service.Carrier.Instead = null;
        await service.Deliver(command);
        await service.Hears<OrderHandedOver>();
    }

    [Test]
    public async Task Is_taken_over_from_a_worker_that_died_when_it_had_booked()
    {
        await using var service = await HandOverService.Start();
        // The carrier has booked, and the answer never comes: the worker that waits for it loses its lease.
        var answer = new TaskCompletionSource();
        service.Carrier.After = _ => service.Carrier.Depot.Parcels.Single().Asked == 1 ? answer.Task : Task.CompletedTask;
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.Harness.Sees(_ => Task.FromResult(service.Carrier.Depot.Parcels.Count), count => count == 1);
        await service.Harness.Look(db => db.Database.ExecuteSqlAsync(
            $"update booking_job set lease_token = {Guid.CreateVersion7()}, lease_expires_at = now() - interval '1 h'"));
        await using var another = await service.Another();
        await service.Is(Shipment.HandedOver, command.OrderId);
        answer.SetResult();
        await service.ComesToRest();
        Assert.That(service.Carrier.Depot.Parcels.Single(), Has.Property("Bookings").EqualTo(1).And.Property("Asked").EqualTo(2));
        Assert.That(await service.Hears<OrderHandedOver>(another, all => all.Length > 0), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Is_not_given_up_before_somebody_can_be_told()
    {
        await using var service = await HandOverService.Start(attempts: 2);
        service.Carrier.Instead = () => new(HttpStatusCode.InternalServerError);
        await service.Harness.Look(db => db.Database.ExecuteSqlRawAsync(
            """
            create sequence refusals;
            create function refuse() returns trigger language plpgsql as $$ begin perform nextval('refusals'); raise exception 'Not now.'; end $$;
            create trigger refuse before insert on outbox_message for each row when (new.message_type like '%HandOverFailed%') execute function refuse();
            """));
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.Harness.Sees(db => db.Database.SqlQuery<long>($"select last_value as \"Value\" from refusals").SingleAsync(), refusals => refusals >= 3);
        Assert.That((await service.JobOf<BookParcel>(command.OrderId))!.State, Is.Not.EqualTo(JobStates.Parked));
        await service.Harness.Look(db => db.Database.ExecuteSqlRawAsync("drop trigger refuse on outbox_message"));
        Assert.That((await service.Hears<HandOverFailed>()).Single().Reason, Is.EqualTo("It was tried 2 times."));
        Assert.That((await service.JobOf<BookParcel>(command.OrderId))!.State, Is.EqualTo(JobStates.Parked));
    }

    /// <remarks>The carrier is asked by one job at a time, and by each of them about once; without that, all of them would ask on and on.</remarks>
    [Test]
    public async Task Does_not_spend_its_attempts_on_a_carrier_that_is_away()
    {
        const int orders = 20;
        await using var service = await HandOverService.Start(attempts: 8, longestPause: TimeSpan.FromSeconds(1));
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        service.Carrier.Before = _ => gate.Task;
        service.Carrier.Instead = () => new(HttpStatusCode.BadGateway);
        await Task.WhenAll(Enumerable.Range(0, orders).Select(_ => service.Deliver(HandOverService.Command())));
        await service.Harness.Sees(db => db.Shipments.CountAsync(), count => count == orders);
        gate.SetResult();
        // As many as are under way at a time, and then some, one by one.
        await service.Harness.Sees(_ => Task.FromResult(service.Carrier.Calls), calls => calls >= 12);
        var attempts = await service.Harness.Look(db => db.Database.SqlQuery<int>($"select attempts as \"Value\" from booking_job").ToListAsync());
        Assert.That((attempts.Count, attempts.Max()), Is.EqualTo((orders, 1)).Or.EqualTo((orders, 2)).Or.EqualTo((orders, 3)).Or.EqualTo((orders, 4)), "they take turns");

        service.Carrier.Instead = null;
        await service.Hears<OrderHandedOver>(orders);
        Assert.That(await service.Hears<HandOverFailed>(0), Is.Empty);
    }
    /// <summary>Deliveries, bookings, recalls and claims want many more than there are.</summary>
    [Test]
    public async Task Gets_through_though_all_wait_for_a_connection()
    {
        await using var service = await HandOverService.Start(connections: 5);
        var orders = Enumerable.Range(0, 300).Select(_ => HandOverService.Command()).ToArray();
        await Task.WhenAll(orders.Select(order => service.Deliver(order)));
        await Task.WhenAll(orders.Where((_, i) => i % 2 == 0).Select(order => service.Deliver(new RecallHandOver { OrderId = order.OrderId })));
        var recalled = await service.Hears<HandOverRecalled>(orders.Length / 2);
        Assert.That(recalled.Select(message => message.OrderId), Is.EquivalentTo(orders.Where((_, i) => i % 2 == 0).Select(order => order.OrderId)));
        await service.ComesToRest();
        Assert.That(await service.Harness.Look(db => db.Shipments.CountAsync(shipment => shipment.State == Shipment.HandedOver)), Is.EqualTo(orders.Length / 2));
    }

    [Test]
    public async Task Holds_no_connection_to_the_database_while_the_carrier_is_asked()
    {
        await using var service = await HandOverService.Start(connections: 12);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        service.Carrier.Before = _ => gate.Task;
        var orders = Enumerable.Range(0, 32).Select(_ => HandOverService.Command()).ToArray();
        foreach (var order in orders)
            await service.Deliver(order);
        foreach (var order in orders)
            await service.JobOf<BookParcel>(order.OrderId, job => job.State == "running");
        gate.SetResult();
        await service.Hears<OrderHandedOver>(orders.Length);
    }

    /// <remarks>The carrier would refuse what the row says.</remarks>
    [Test]
    public async Task Is_booked_as_its_process_stored_it_without_being_read_again()
    {
        await using var service = await HandOverService.Start();
        service.Carrier.Depot.Set(new() { RefusePostalCode = "00000" });
        var command = HandOverService.Command();
        var row = new Shipment
        {
            OrderId = command.OrderId,
            State = Shipment.Booking,
            CustomerNumber = command.CustomerNumber,
            InvoiceNumber = command.InvoiceNumber,
            DeliverTo = command.DeliverTo with { PostalCode = "00000" },
            Lines = command.Lines,
            Currency = command.Total.Currency,
            Total = command.Total.Amount,
            AskedAt = DateTimeOffset.UtcNow,
        };
        await service.Harness.Look(db =>
        {
            db.Add(row);
            return db.SaveChangesAsync();
        });
        var known = row.Copy();
        known.DeliverTo = command.DeliverTo;
        service.Harness.Services.GetRequiredService<FreshShipments>().Keep(known);
        await service.Harness.Services.GetRequiredService<JobQueue<BookParcel>>().PublishAsync(new NewJob<BookParcel>(new()) { Id = command.OrderId });
        await service.Is(Shipment.HandedOver, command.OrderId);
    }

    [Test]
    public async Task Is_not_handed_over_for_a_booking_that_does_not_know_of_its_recall()
    {
        await using var service = await HandOverService.Start();
        var command = HandOverService.Command();
        await service.Deliver(command);
        await service.Hears<OrderHandedOver>();
        var stored = (await service.Is(Shipment.HandedOver, command.OrderId)).Copy();
        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        await service.Hears<HandOverRecalled>();

        stored.State = Shipment.Booking;
        service.Harness.Services.GetRequiredService<FreshShipments>().Keep(stored);
        await service.Harness.Services.GetRequiredService<JobQueue<BookParcel>>().PublishAsync(new NewJob<BookParcel>(new()) { Id = command.OrderId });
        await service.ComesToRest();
        await service.Is(Shipment.Recalled, command.OrderId);
        Assert.That((await service.Hears<OrderHandedOver>(0)).Count, Is.EqualTo(1), "the first time");
        Assert.That(await service.Hears<HandOverFailed>(0), Is.Empty);
    }

    [Test]
    public void Is_forgotten_by_the_memory_of_a_process_when_a_thousand_others_wait()
    {
        var fresh = new FreshShipments();
        var orders = Enumerable.Range(0, FreshShipments.Most + 1).Select(_ => Guid.CreateVersion7()).ToArray();
        foreach (var order in orders)
            fresh.Keep(new() { OrderId = order, State = Shipment.Booking, AskedAt = DateTimeOffset.UtcNow });
        Assert.That(orders.Select(fresh.Take).Count(shipment => shipment is not null), Is.EqualTo(FreshShipments.Most));
        Assert.That(fresh.Take(orders[0]), Is.Null);
    }
}
