using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orafo.Contracts;
using Orafo.OrderDetails.Catalogue;
using Orafo.OrderDetails.Details;
using Orafo.Testing;

namespace Orafo.OrderDetails.Tests;

/// <summary>The samples, as they are shipped, against the service on a real database.</summary>
public sealed class An_order_to_look_up
{
    private static readonly string Samples = Path.Combine(TestContext.CurrentContext.TestDirectory, "samples");
    private ConsumerHarness<OrderDetailsDb> _service = null!;

    private static IEnumerable<string> Good => Directory.EnumerateFiles(Path.Combine(Samples, "orders"), "good-*.json").Select(Path.GetFileNameWithoutExtension).Order()!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _service = await ConsumerHarness<OrderDetailsDb>.StartAsync(
            Shop.Consumers,
            services => services
                .AddSingleton<IConfiguration>(new ConfigurationBuilder()
                    .AddInMemoryCollection(new Dictionary<string, string?> { ["Catalogue:Directory"] = Samples }).Build())
                .AddOptions<SellerOptions>(),
            null,
            typeof(OrderDetailsReady), typeof(OrderDetailsRejected));
        // Two instances that start at the same moment load the catalogue once.
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => CatalogueFiles.LoadIfEmpty(_service.Services)));
    }

    [OneTimeTearDown]
    public async Task StopService() => await _service.DisposeAsync();

    [Test]
    public async Task Meets_a_catalogue_that_was_loaded_once()
    {
        var articles = await _service.Look(db => db.Articles.CountAsync());
        Assert.That(articles, Is.EqualTo(CatalogueFiles.Read<Article>(Samples, "articles.json").Length).And.AtLeast(40));
    }

    [TestCaseSource(nameof(Good))]
    public async Task Is_accepted_with_sums_that_add_up(string sample)
    {
        var order = Order(sample);
        await _service.Deliver(order);
        var ready = await Answer<OrderDetailsReady>(order.OrderId);
        var totals = ready.Totals;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ready.Lines.Select(line => (line.Sku, line.Quantity)), Is.EqualTo(order.Lines.Select(line => (line.Sku, line.Quantity))));
            Assert.That(totals.LinesNet, Is.EqualTo(ready.Lines.Sum(line => line.NetAmount)));
            Assert.That(totals.Gross, Is.EqualTo(totals.Net + totals.Vat));
            Assert.That(totals.Allowance > 0, Is.EqualTo(order.CouponCode is not null));
        }
    }

    [TestCase("bad-unknown-article", "unknown-article")]
    [TestCase("bad-quantity", "quantity-not-positive", "quantity-not-positive")]
    [TestCase("bad-unknown-customer", "unknown-customer")]
    [TestCase("bad-blocked-customer", "blocked-customer")]
    [TestCase("bad-expired-coupon", "expired-coupon")]
    [TestCase("bad-everything", "unknown-customer", "unknown-article", "quantity-not-positive", "quantity-not-positive", "unknown-coupon")]
    public async Task Is_rejected_with_every_reason(string sample, params string[] codes)
    {
        var order = Order(sample);
        await _service.Deliver(order);
        var rejected = await Answer<OrderDetailsRejected>(order.OrderId);
        Assert.That(rejected.Reasons.Select(reason => reason.Code), Is.EqualTo(codes));
    }

    [Test]
    public async Task Costs_a_business_abroad_no_VAT()
    {
        var order = Order("good-austrian-business");
        await _service.Deliver(order);
        var ready = await Answer<OrderDetailsReady>(order.OrderId);
        Assert.That((ready.Lines.Select(line => line.VatCategory).Distinct().Single(), ready.Totals.Vat), Is.EqualTo(("K", 0m)));
    }

    [Test]
    public async Task Gets_the_same_answer_when_it_is_asked_again()
    {
        var order = Order("good-percent-coupon") with { CouponCode = "PRIMI100" };
        var usesBefore = await Uses("PRIMI100");
        await _service.Deliver(order);
        var first = await Answer<OrderDetailsReady>(order.OrderId);
        await _service.Deliver(order);
        await _service.Sees(_ => Task.FromResult(0), _ => Heard(order.OrderId).Result == 2);
        Assert.That(JsonSerializer.Serialize((await _service.Hears<OrderDetailsReady>()).Last(answer => answer.OrderId == order.OrderId)), Is.EqualTo(JsonSerializer.Serialize(first)));
        Assert.That(await Uses("PRIMI100"), Is.EqualTo(usesBefore + 1));
    }

    [Test]
    public async Task Never_uses_a_coupon_more_often_than_it_may()
    {
        await _service.Look(async db =>
        {
            db.Add(new Coupon { Code = "FEW", Percent = 5m, ValidFrom = DateTimeOffset.UnixEpoch, ValidUntil = DateTimeOffset.MaxValue.AddDays(-2), MinimumNet = 0m, MostUses = 3 });
            return await db.SaveChangesAsync();
        });
        var orders = Enumerable.Range(0, 12).Select(_ => Order("good-espresso") with { CouponCode = "FEW" }).ToArray();
        await Task.WhenAll(orders.Select(order => _service.Deliver(order)));

        var ids = orders.Select(order => order.OrderId).ToArray();
        await _service.Sees(db => db.OrderDetails.CountAsync(detail => ids.Contains(detail.OrderId)), count => count == orders.Length);
        var accepted = await _service.Look(db => db.OrderDetails.CountAsync(detail => ids.Contains(detail.OrderId) && detail.Accepted));
        Assert.That((accepted, await Uses("FEW")), Is.EqualTo((3, 3)));
        Assert.That((await _service.Hears<OrderDetailsRejected>(9)).Where(answer => ids.Contains(answer.OrderId)).Select(answer => answer.Reasons.Single().Code),
            Is.All.EqualTo("exhausted-coupon"));
    }

    [Test]
    public void Is_not_looked_up_in_a_file_that_cannot_be_read()
    {
        var directory = Directory.CreateTempSubdirectory("orafo-catalogue-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(directory, "articles.json"), "[\n  {\"sku\": \"X\", \"prise\": 1}\n]\n");
            Assert.That(() => CatalogueFiles.Read<Article>(directory, "articles.json"),
                Throws.TypeOf<InvalidDataException>().With.Message.Contains("articles.json, line 2"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private async Task<int> Heard(Guid orderId) => (await _service.Hears<OrderDetailsReady>()).Count(answer => answer.OrderId == orderId);

    private Task<int> Uses(string coupon) => _service.Look(db => db.Coupons.Where(x => x.Code == coupon).Select(x => x.Uses).SingleAsync());

    private async Task<T> Answer<T>(Guid orderId) where T : class
    {
        await _service.Sees(db => db.OrderDetails.AnyAsync(detail => detail.OrderId == orderId), found => found);
        T? answer = null;
        await _service.Sees(
            async _ => answer = (await _service.Hears<T>()).FirstOrDefault(heard => (Guid)heard.GetType().GetProperty("OrderId")!.GetValue(heard)! == orderId),
            heard => heard is not null);
        return answer!;
    }

    private static GetOrderDetails Order(string sample)
    {
        var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Samples, "orders", sample + ".json"))).RootElement;
        return new GetOrderDetails
        {
            OrderId = Guid.CreateVersion7(),
            CustomerNumber = json.GetProperty("customerNumber").GetString()!,
            CouponCode = json.TryGetProperty("couponCode", out var coupon) ? coupon.GetString() : null,
            SubmittedAt = TimeProvider.System.GetUtcNow(),
            Lines = [.. json.GetProperty("lines").EnumerateArray().Select(line => new OrderLine
            {
                Sku = line.GetProperty("sku").GetString()!, Quantity = line.GetProperty("quantity").GetInt32(),
            })],
        };
    }
}
