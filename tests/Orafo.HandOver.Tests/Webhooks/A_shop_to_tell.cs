using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Contracts;
using Orafo.HandOver.Notifying;
using Orafo.Pgq;
using Orafo.Testing;

namespace Orafo.HandOver.Tests.Webhooks;

/// <summary>Signed webhooks to a receiver at the other end of a real wire.</summary>
public sealed class A_shop_to_tell
{
    private static readonly byte[] Key = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray();

    [Test]
    public async Task Hears_of_a_hand_over_and_of_its_recall_as_signed_cloud_events()
    {
        await using var crm = new WebhookListener();
        await using var service = await HandOverService.Start(webhooks: Tells(crm));
        var command = HandOverService.Command();
        await service.Deliver(command);
        var handedOver = (await service.Hears<OrderHandedOver>()).Single();
        var told = await crm.Hears(1);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(told.ContentType, Is.EqualTo("application/cloudevents+json; charset=utf-8"));
            Assert.That(told.Signature, Is.EqualTo("v1," + Convert.ToBase64String(HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes($"{told.Id}.{told.Timestamp}.{told.Body}")))));
            var said = JsonDocument.Parse(told.Body).RootElement;
            Assert.That(Text(said, "specversion"), Is.EqualTo("1.0"));
            Assert.That(Text(said, "id"), Is.EqualTo(told.Id));
            Assert.That(Text(said, "source"), Is.EqualTo("/orafo/hand-over"));
            Assert.That(Text(said, "type"), Is.EqualTo("orafo.order.handed-over.v1"));
            Assert.That(Text(said, "subject"), Is.EqualTo(command.OrderId.ToString()));
            Assert.That(Text(said, "datacontenttype"), Is.EqualTo("application/json"));
            Assert.That(said.GetProperty("time").GetDateTimeOffset(), Is.EqualTo(handedOver.HandedOverAt));
            var data = said.GetProperty("data");
            Assert.That(Text(data, "trackingNumber"), Is.EqualTo(handedOver.TrackingNumber));
            Assert.That(Text(data, "invoiceNumber"), Is.EqualTo(command.InvoiceNumber));
            Assert.That(data.GetProperty("total").GetProperty("amount").GetDecimal(), Is.EqualTo(12.20m));
            Assert.That(told.Body, Does.Not.Contain("Via Maggio").And.Not.Contain("Firenze"), "the shop knows its customer by the number");
        }

        await service.Deliver(new RecallHandOver { OrderId = command.OrderId });
        var recalled = await crm.Hears(2);
        Assert.That(Text(JsonDocument.Parse(recalled.Body).RootElement, "type"), Is.EqualTo("orafo.order.hand-over-recalled.v1"));
    }

    [Test]
    public async Task Hears_the_same_again_under_the_same_id_until_it_takes_it()
    {
        await using var crm = new WebhookListener { Answers = said => said.Count < 3 ? 500 : 204 };
        await using var service = await HandOverService.Start(webhooks: Tells(crm));
        await service.Deliver(HandOverService.Command());
        await crm.Hears(3);
        await NothingLeft(service);
        Assert.That(crm.Said.Select(said => (said.Id, said.Body)).Distinct().Count(), Is.EqualTo(1));
        Assert.That(crm.Said, Has.Count.EqualTo(3));
    }

    [TestCase(500), TestCase(410), TestCase(302)]
    public async Task Holds_up_no_order_and_its_webhook_is_parked_and_may_be_tried_again(int status)
    {
        await using var crm = new WebhookListener { Answers = _ => status };
        await using var service = await HandOverService.Start(webhooks: Tells(crm));
        await service.Deliver(HandOverService.Command());
        await service.Hears<OrderHandedOver>();
        var parked = await Parked(service);
        Assert.That(parked.Error, Is.EqualTo($"The receiver answered {status}."));
        Assert.That(crm.Said, Has.Count.EqualTo(status == 410 ? 1 : 3), "who says 410 wants no more; a redirect is not followed");

        crm.Answers = _ => 200;
        Assert.That(await service.Harness.Services.GetRequiredService<JobQueue<TellShop>>().RetryAsync(parked.Id), Is.True);
        await NothingLeft(service);
    }

    [Test]
    public async Task Is_not_reached_at_an_address_of_our_own()
    {
        await using var crm = new WebhookListener();
        await using var service = await HandOverService.Start(webhooks: options =>
        {
            Tells(crm)(options);
            options.AllowedNetworks[0] = "10.0.0.0/8";
        });
        await service.Deliver(HandOverService.Command());
        await service.Hears<OrderHandedOver>();
        Assert.That((await Parked(service)).Error, Is.EqualTo("The receiver's address is not public, and its network is not allowed."));
        Assert.That(crm.Said, Is.Empty);
    }

    [Test]
    public async Task That_never_ends_its_answer_is_not_listened_to()
    {
        await using var crm = new WebhookListener { NeverEnds = true };
        await using var service = await HandOverService.Start(webhooks: Tells(crm));
        await service.Deliver(HandOverService.Command());
        await crm.Hears(1);
        await NothingLeft(service);
        Assert.That(crm.Said, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task That_does_not_answer_in_time_is_told_again()
    {
        await using var crm = new WebhookListener { IsSilent = true };
        await using var service = await HandOverService.Start(webhooks: options =>
        {
            Tells(crm)(options);
            options.Timeout = TimeSpan.FromMilliseconds(300);
        });
        await service.Deliver(HandOverService.Command());
        Assert.That((await Parked(service)).Error, Is.EqualTo("The receiver did not answer in time."));
    }

    [Test]
    public async Task Is_nobody_unless_configuration_says_so()
    {
        await using var service = await HandOverService.Start();
        await service.Deliver(HandOverService.Command());
        await service.Hears<OrderHandedOver>();
        await service.ComesToRest();
        Assert.That(await Waiting(service), Is.Zero);
    }

    [Test]
    public void Is_configured_with_addresses_and_secrets_that_can_be_used()
    {
        static string[] Mistakes(string url, string secret, params string[] networks)
        {
            var options = new NotifyingOptions { Receivers = { ["crm"] = new() { Url = new Uri(url), Secrets = { secret } } } };
            foreach (var network in networks)
                options.AllowedNetworks.Add(network);
            return [.. options.Validate(new(options)).Select(mistake => mistake.ErrorMessage!)];
        }

        var secret = "whsec_" + Convert.ToBase64String(Key);
        Assert.That(Mistakes("https://crm.example/hooks", secret), Is.Empty);
        Assert.That(Mistakes("http://crm.example/hooks", secret), Has.Length.EqualTo(1));
        Assert.That(Mistakes("http://crm.example/hooks", secret, "10.0.0.0/8"), Is.Empty);
        Assert.That(Mistakes("https://user:word@crm.example/hooks", secret), Has.Length.EqualTo(1));
        Assert.That(Mistakes("https://crm.example/hooks", "whsec_c2hvcnQ=").Single(), Does.Not.Contain("c2hvcnQ"));
        Assert.That(Mistakes("https://crm.example/hooks", secret, "10.0.0.0/80"), Has.Length.EqualTo(1));
    }

    private static string? Text(JsonElement json, string member) => json.GetProperty(member).GetString();

    private static Action<NotifyingOptions> Tells(WebhookListener crm) => options =>
    {
        options.AllowedNetworks.Add("127.0.0.0/8");
        options.Receivers["crm"] = new() { Url = crm.Url, Secrets = { "whsec_" + Convert.ToBase64String(Key) } };
        options.Attempts = 3;
        options.FailuresInARow = 1000;
        (options.FirstPause, options.LongestPause, options.PollingInterval) = (TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(50));
    };

    private static async Task<JobStatus> Parked(HandOverService service)
    {
        var queue = service.Harness.Services.GetRequiredService<JobQueue<TellShop>>();
        return (await service.Harness.Sees(async _ => await queue.ListAsync(JobStates.Parked), jobs => jobs.Count == 1))[0];
    }

    private static Task<int> Waiting(HandOverService service) =>
        service.Harness.Look(db => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from webhook_job").SingleAsync());

    private static Task<int> NothingLeft(HandOverService service) =>
        service.Harness.Sees(db => db.Database.SqlQuery<int>($"select count(*)::int as \"Value\" from webhook_job").SingleAsync(), left => left == 0);
}
