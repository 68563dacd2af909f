using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Orafo.Contracts;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Notifying;
using Orafo.Ordering.Saga;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.Ordering.Tests.Notifying;

/// <summary>The saga on a real database, and a client's receiver at the other end of a real wire.</summary>
public sealed class A_client_to_call_back
{
    private const string Client = "web-shop";
    private const string Key = "a key that is no secret, for tests only";

    [TestCase("Completed", 4, null), TestCase("Rejected", 2, null), TestCase("Cancelled", 2, "Ordered twice."), TestCase("Suspended", 3, "Out of ink.")]
    public async Task Is_told_by_a_signed_cloud_event_what_has_become_of_its_order(string state, int place, string? because)
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(Tells(shop));
        var callback = await SetCallback(service, shop);
        var order = await Bring(service, state);

        var told = await shop.Hears(1);
        var saga = await service.Look(db => db.Sagas.AsNoTracking().SingleAsync(one => one.CorrelationId == order));
        var said = JsonDocument.Parse(told.Body).RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(told.ContentType, Is.EqualTo("application/cloudevents+json; charset=utf-8"));
            Assert.That(told.Signature, Is.EqualTo("v1," + Signature(told, SecretOf(callback.Secrets[0]))));
            Assert.That(Text(said, "specversion"), Is.EqualTo("1.0"));
            // The place that the transition has in the order's timeline and in its stream of events.
            Assert.That((Text(said, "id"), told.Id), Is.EqualTo(($"{order}-{place}", $"{order}-{place}")));
            Assert.That((Text(said, "source"), Text(said, "type"), Text(said, "subject")), Is.EqualTo(("/orafo/ordering", $"orafo.order.{state.ToLowerInvariant()}.v1", order.ToString())));
            Assert.That(said.GetProperty("time").GetDateTimeOffset(), Is.EqualTo(saga.Timeline[^1].At));
            var data = said.GetProperty("data");
            Assert.That((Text(data, "orderId"), Text(data, "status"), Text(data, "customerNumber")), Is.EqualTo((order.ToString(), state, "C-1001")));
            Assert.That(data.TryGetProperty("because", out var reason) ? reason.GetString() : null, Is.EqualTo(because));
            Assert.That(told.Body, Does.Not.Contain("Via Maggio").And.Not.Contain("Firenze"), "the client knows its customer by the number");
        }

        await NothingLeft(service);
        Assert.That(shop.Said, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Hears_the_same_again_under_the_same_id_until_it_takes_it()
    {
        await using var shop = new WebhookListener { Answers = said => said.Count < 3 ? 500 : 204 };
        await using var service = await Start(Tells(shop));
        await SetCallback(service, shop);
        await Bring(service, "Rejected");
        await shop.Hears(3);
        await NothingLeft(service);
        Assert.That(shop.Said.Select(said => (said.Id, said.Body)).Distinct().Count(), Is.EqualTo(1));
        Assert.That(shop.Said, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task Hears_of_each_time_that_an_order_is_suspended()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(Tells(shop));
        await SetCallback(service, shop);
        var order = await Bring(service, "Suspended");
        await shop.Hears(1);
        await service.Deliver(new ResumeOrder { OrderId = order });
        await IsIn(service, order, "Invoicing");
        await service.Deliver(new InvoiceFailed { OrderId = order, Reason = "Out of ink." });
        await shop.Hears(2);
        Assert.That(shop.Said.Select(said => said.Id), Is.EqualTo(new[] { $"{order}-3", $"{order}-5" }));
    }

    /// <remarks>It is down while the order is settled, and while the process that settled it ends.</remarks>
    [Test]
    public async Task Hears_of_it_from_the_next_process_when_it_is_back()
    {
        await using var shop = new WebhookListener { Answers = _ => 503 };
        Guid order;
        string database;
        await using (var service = await Start(Tells(shop)))
        {
            await SetCallback(service, shop);
            order = await Bring(service, "Rejected");
            await shop.Hears(1);
            database = service.Database;
        }

        shop.Answers = _ => 204;
        await using var next = await OrderingService.Start(database, new StepOptions(), Tells(shop));
        await NothingLeft(next);
        Assert.That(shop.Said.Select(said => said.Id), Is.All.EqualTo($"{order}-2"));
    }

    /// <remarks>The job cannot be written: nor is the order settled, until it can.</remarks>
    [Test]
    public async Task Is_told_of_an_order_if_and_only_if_it_is_settled()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(Tells(shop));
        await SetCallback(service, shop);
        await service.Look(db => db.Database.ExecuteSqlRawAsync(
            """
            create sequence refused;
            create function refuse() returns trigger language plpgsql as $$ begin perform nextval('refused'); raise exception 'not now' using errcode = '57P03'; end $$;
            create trigger refuse before insert on callback_job for each row execute function refuse();
            """));
        var order = await Store(service);
        await service.Deliver(new OrderDetailsRejected { OrderId = order, Reasons = OrderJourney.Reasons });
        await service.Sees(db => db.Database.SqlQuery<bool>($"select is_called as \"Value\" from refused").SingleAsync(), isCalled => isCalled);
        Assert.That(await service.Look(db => db.Sagas.Where(saga => saga.CorrelationId == order).Select(saga => saga.CurrentState).SingleAsync()), Is.EqualTo("GettingDetails"));

        await service.Look(db => db.Database.ExecuteSqlRawAsync("drop trigger refuse on callback_job"));
        await IsIn(service, order, "Rejected");
        await shop.Hears(1);
        await NothingLeft(service);
        Assert.That(await JobsOver(service), Is.EqualTo(new[] { "done" }));
    }

    [Test]
    public async Task Is_told_once_though_the_message_that_settles_it_comes_again()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(Tells(shop));
        await SetCallback(service, shop);
        var order = await Store(service);
        var message = new OrderDetailsRejected { OrderId = order, Reasons = OrderJourney.Reasons };
        var (same, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var received = new Received();
        service.Services.GetRequiredService<IBusControl>().ConnectReceiveObserver(received);
        foreach (var id in new[] { same, same, other })
            await service.Services.GetRequiredService<IBus>().Publish(message, context => context.MessageId = id);
        await Eventually.Holds(() => received.Count(same) == 2 && received.Count(other) == 1, "all three are received");
        await IsIn(service, order, "Rejected");
        await NothingLeft(service);
        Assert.That(await JobsOver(service), Has.Count.EqualTo(1));
        Assert.That(shop.Said, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Costs_no_job_without_a_callback()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(Tells(shop));
        await SetCallback(service, shop, client: "another-shop");
        await Bring(service, "Rejected");
        Assert.That(await Jobs(service), Is.Zero);
        Assert.That(await JobsOver(service), Is.Empty);
    }

    /// <remarks>What an instance knows is as old as its last look; what a job does is decided when it is done.</remarks>
    [Test]
    public async Task Is_told_by_an_instance_from_its_next_look_on_and_no_more_once_it_has_left()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(options =>
        {
            Tells(shop)(options);
            options.LookEvery = TimeSpan.FromHours(1);
        });
        var known = service.Services.GetRequiredService<KnownCallbacks>();
        await known.Look(CancellationToken.None);
        await SetCallback(service, shop, isKnown: false);
        await Bring(service, "Rejected");
        Assert.That((await Jobs(service), (await JobsOver(service)).Count), Is.EqualTo((0, 0)), "the instance has not looked since");

        await known.Look(CancellationToken.None);
        var told = await Bring(service, "Rejected");
        Assert.That((await shop.Hears(1)).Id, Is.EqualTo($"{told}-2"));

        await NothingLeft(service);
        await service.Look(db => db.Callbacks.ExecuteDeleteAsync());
        await Bring(service, "Rejected");
        await service.Sees(JobsOver, jobs => jobs.Count == 2);
        Assert.That(shop.Said, Has.Count.EqualTo(1), "the job found no address");
    }

    [Test]
    public async Task Is_not_looked_for_by_what_is_older_than_three_looks()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(Tells(shop));
        var time = new FakeTimeProvider();
        var options = new CallbackOptions { Key = Key, LookEvery = TimeSpan.FromSeconds(5) };
        using var known = new KnownCallbacks(
            service.Services.GetRequiredService<JobQueue<TellClient>>(), service.Services.GetRequiredService<IServiceScopeFactory>(), Options.Create(options), time,
            NullLogger<KnownCallbacks>.Instance);
        Assert.That(await known.Has(Client, CancellationToken.None), Is.False);
        await SetCallback(service, shop, isKnown: false);
        time.Advance(TimeSpan.FromSeconds(15));
        Assert.That(await known.Has(Client, CancellationToken.None), Is.False);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await known.Has(Client, CancellationToken.None), Is.True);
    }

    [Test]
    public async Task Is_not_reached_at_an_address_of_our_own_wherever_its_name_led_before()
    {
        await using var shop = new WebhookListener();
        await using var service = await Start(options =>
        {
            Tells(shop)(options);
            options.AllowedNetworks[0] = "10.0.0.0/8";
            options.Attempts = 2;
        });
        await SetCallback(service, shop);
        var order = await Bring(service, "Rejected");
        var queue = service.Services.GetRequiredService<JobQueue<TellClient>>();
        var parked = (await service.Sees(_ => queue.ListAsync(JobStates.Parked), jobs => jobs.Count == 1))[0];
        Assert.That((parked.Error, parked.Group, queue.Read(parked).EventId), Is.EqualTo(("The receiver's address is not public, and its network is not allowed.", Client, $"{order}-2")));
        Assert.That(shop.Said, Is.Empty);
    }

    [Test]
    public async Task That_fails_holds_up_no_other_not_even_at_the_same_host()
    {
        await using var shop = new WebhookListener { Answers = said => said[^1].Body.Contains("C-1002", StringComparison.Ordinal) ? 204 : 500 };
        await using var service = await Start(options =>
        {
            Tells(shop)(options);
            (options.FailuresInARow, options.FirstPause, options.LongestPause, options.LongestRest) = (1, TimeSpan.FromHours(1), TimeSpan.FromHours(1), TimeSpan.FromHours(1));
        });
        await SetCallback(service, shop);
        await SetCallback(service, shop, client: "another-shop");
        await Bring(service, "Rejected");
        await shop.Hears(1);
        await Bring(service, "Rejected", client: "another-shop", customer: "C-1002");
        await service.Sees(JobsOver, jobs => jobs.Count == 1);
        Assert.That(await Jobs(service), Is.EqualTo(1), "of the one that fails");
    }

    [Test]
    public void Has_a_secret_besides_the_new_one_for_a_while()
    {
        var now = new DateTimeOffset(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);
        var day = TimeSpan.FromHours(24);
        var first = CallbackSecret.Create();
        var callback = new Callback { Client = Client, Url = "https://shop.example", SetAt = now, Secrets = [first] };
        var (second, third) = (CallbackSecret.Create(), CallbackSecret.Create());
        callback.Replace(second, now, day);
        callback.Replace(third, now.AddHours(1), day);
        Assert.That(Salts(now.AddHours(2)), Is.EqualTo(new[] { third.Salt, second.Salt, first.Salt }));
        Assert.That(Salts(now.AddHours(24)), Is.EqualTo(new[] { third.Salt, second.Salt }));
        Assert.That(Salts(now.AddHours(25)), Is.EqualTo(new[] { third.Salt }));

        for (var i = 0; i < 10; i++)
            callback.Replace(CallbackSecret.Create(), now, day);
        Assert.That(callback.Secrets, Has.Count.EqualTo(5), "nobody makes us sign for ever");

        IEnumerable<byte[]> Salts(DateTimeOffset at) => callback.ValidAt(at).Select(secret => secret.Salt);
    }

    private static Task<ConsumerHarness<OrderingDb>> Start(Action<CallbackOptions> callbacks) => OrderingService.Start(new StepOptions(), callbacks);

    private static Action<CallbackOptions> Tells(WebhookListener shop) => options =>
    {
        options.Key = Key;
        options.AllowedNetworks.Add($"{shop.Url.Host}/32");
        options.Attempts = 1000;
        options.FailuresInARow = 1000;
        (options.FirstPause, options.LongestPause, options.PollingInterval) = (TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(50));
    };

    private static async Task<Callback> SetCallback(ConsumerHarness<OrderingDb> service, WebhookListener shop, string client = Client, bool isKnown = true)
    {
        var callback = new Callback { Client = client, Url = shop.Url.ToString(), SetAt = DateTimeOffset.UnixEpoch, Secrets = [CallbackSecret.Create()] };
        await service.Look(db =>
        {
            db.Callbacks.Add(callback);
            return db.SaveChangesAsync();
        });
        if (isKnown)
            await service.Services.GetRequiredService<KnownCallbacks>().Look(CancellationToken.None);
        return callback;
    }

    private static async Task<Guid> Store(ConsumerHarness<OrderingDb> service, string client = Client, string customer = "C-1001")
    {
        var order = new Order
        {
            Id = Guid.CreateVersion7(),
            Client = client,
            CustomerNumber = customer,
            Lines = [new() { Sku = "MUG-01", Quantity = 1 }],
            SubmittedAt = DateTimeOffset.UtcNow,
        };
        await service.Store(order);
        return order.Id;
    }

    /// <summary>An order that has come to that state.</summary>
    private static async Task<Guid> Bring(ConsumerHarness<OrderingDb> service, string state, string client = Client, string customer = "C-1001")
    {
        var order = await Store(service, client, customer);
        if (state is "Completed" or "Suspended")
        {
            await service.Deliver(new OrderDetailsReady { OrderId = order, Customer = OrderJourney.Customer, Lines = OrderJourney.PricedLines, Totals = OrderJourney.Totals });
            await IsIn(service, order, "Invoicing");
        }

        switch (state)
        {
            case "Completed":
                await service.Deliver(new InvoiceGenerated { OrderId = order, InvoiceNumber = $"2026-{order:n}", GeneratedAt = DateTimeOffset.UnixEpoch });
                await IsIn(service, order, "HandingOver");
                await service.Deliver(new OrderHandedOver { OrderId = order, HandedOverAt = DateTimeOffset.UnixEpoch });
                break;
            case "Suspended":
                await service.Deliver(new InvoiceFailed { OrderId = order, Reason = "Out of ink." });
                break;
            case "Cancelled":
                await service.Deliver(new CancelOrder { OrderId = order, Reason = "Ordered twice." });
                break;
            default:
                await service.Deliver(new OrderDetailsRejected { OrderId = order, Reasons = OrderJourney.Reasons });
                break;
        }

        await IsIn(service, order, state);
        return order;
    }

    private static Task<string> IsIn(ConsumerHarness<OrderingDb> service, Guid order, string state) => service.Sees(
        db => db.Sagas.Where(saga => saga.CorrelationId == order).Select(saga => saga.CurrentState).SingleAsync(), its => its == state);

    private static Task<int> Jobs(ConsumerHarness<OrderingDb> service) =>
        service.Look(db => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from callback_job").SingleAsync());

    private static Task<int> NothingLeft(ConsumerHarness<OrderingDb> service) =>
        service.Sees(db => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from callback_job").SingleAsync(), left => left == 0);

    private static Task<List<string>> JobsOver(ConsumerHarness<OrderingDb> service) => service.Look(JobsOver);

    private static Task<List<string>> JobsOver(OrderingDb db) => db.Database.SqlQuery<string>($"select outcome as \"Value\" from callback_job_history").ToListAsync();

    /// <summary>HKDF (RFC 5869) by hand, one block of it.</summary>
    private static byte[] SecretOf(CallbackSecret secret) =>
        HMACSHA256.HashData(HMACSHA256.HashData(secret.Salt, Encoding.UTF8.GetBytes(Key)), (byte[])[.. "webhooks to web-shop"u8, 1]);

    private static string Signature(Said said, byte[] secret) =>
        Convert.ToBase64String(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"{said.Id}.{said.Timestamp}.{said.Body}")));

    private static string? Text(JsonElement json, string member) => json.GetProperty(member).GetString();

    /// <summary>Counts deliveries that are over, also of what was dropped as a duplicate.</summary>
    private sealed class Received : IReceiveObserver
    {
        private readonly List<Guid?> _messages = [];

        public int Count(Guid message)
        {
            lock (_messages)
                return _messages.Count(one => one == message);
        }

        public Task PostReceive(ReceiveContext context)
        {
            lock (_messages)
                _messages.Add(context.GetMessageId());
            return Task.CompletedTask;
        }

        public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

        public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType) where T : class => Task.CompletedTask;

        public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception) where T : class => Task.CompletedTask;

        public Task ReceiveFault(ReceiveContext context, Exception exception) => Task.CompletedTask;
    }
}
