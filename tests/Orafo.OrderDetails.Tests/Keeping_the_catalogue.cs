using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orafo.OrderDetails.Catalogue.Administration;
using Orafo.OrderDetails.Details;
using Orafo.ServiceDefaults;

namespace Orafo.OrderDetails.Tests;

/// <summary>Over HTTP, on a real database, while orders come.</summary>
public sealed class Keeping_the_catalogue
{
    private const string Mug = """{"name": "Mug", "price": 4.9, "vatCategory": "S", "vatRate": 22, "stock": 5}""";
    private Shop _shop = null!;
    private WebApplication _app = null!;
    private HttpClient _http = null!;

    [SetUp]
    public async Task Start()
    {
        _shop = await Shop.Open();
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddProblemDetails();
        builder.Services.AddSingleton(_ => NpgsqlDataSource.Create(_shop.Database));
        builder.Services.AddCatalogue();
        _app = builder.Build();
        _app.UseServiceDefaults();
        _app.MapCatalogue();
        await _app.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
    }

    [TearDown]
    public async Task Stop()
    {
        _http.Dispose();
        await _app.DisposeAsync();
        await _shop.DisposeAsync();
    }

    [Test]
    public async Task Creates_then_replaces_and_shows_what_is_there()
    {
        using var created = await Put("/articles/MUG-01", Mug);
        using var replaced = await Put("/articles/MUG-01", Mug.Replace("4.9", "5.25", StringComparison.Ordinal));
        Assert.That((created.StatusCode, replaced.StatusCode, created.Headers.Location?.ToString()), Is.EqualTo((HttpStatusCode.Created, HttpStatusCode.OK, "/articles/MUG-01")));
        var (shown, tag) = await Get("/articles/MUG-01");
        Assert.That(
            (shown.GetProperty("sku").GetString(), shown.GetProperty("price").GetDecimal(), shown.GetProperty("isOnSale").GetBoolean(), shown.GetProperty("available").GetInt32()),
            Is.EqualTo(("MUG-01", 5.25m, true, 5)));
        Assert.That(tag, Is.EqualTo(replaced.Headers.ETag).And.Not.EqualTo(created.Headers.ETag));
    }

    [Test]
    public async Task Keeps_coupons_and_customers_too()
    {
        using var coupon = await Put("/coupons/SPRING", """{"percent": 10, "validFrom": "2026-01-01T01:00:00+01:00", "validUntil": "2100-01-01T00:00:00Z", "mostUsesPerCustomer": 1}""");
        using var customer = await Put("/customers/C-7", """{"name": "Donau", "country": "AT", "vatId": "ATU12345675"}""");
        Assert.That((coupon.StatusCode, customer.StatusCode), Is.EqualTo((HttpStatusCode.Created, HttpStatusCode.Created)));
        var (shown, _) = await Get("/coupons/SPRING");
        Assert.That((shown.GetProperty("validFrom").GetDateTimeOffset(), shown.GetProperty("uses").GetInt32()), Is.EqualTo((new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), 0)));
        // Known before the address is: an order has to wait for it.
        await _shop.Add(Shop.Article("A", stock: null));
        var order = Shop.Order(null, ("A", 1)) with { CustomerNumber = "C-7" };
        await _shop.Deliver(order);
        Assert.That((await _shop.Hears<Contracts.OrderDetailsRejected>(1)).Single().Reasons.Single().Code, Is.EqualTo("incomplete-address"));
    }

    [Test]
    public async Task Keeps_a_coupon_for_free_shipping_and_makes_another_one_of_it()
    {
        using var created = await Put("/coupons/FREE", Coupon("\"freeShipping\": true"));
        var (shown, _) = await Get("/coupons/FREE");
        using var replaced = await Put("/coupons/FREE", Coupon("\"percent\": 10"));
        var (other, _) = await Get("/coupons/FREE");
        Assert.That((created.StatusCode, replaced.StatusCode), Is.EqualTo((HttpStatusCode.Created, HttpStatusCode.OK)));
        Assert.That((shown.GetProperty("freeShipping").GetBoolean(), shown.GetProperty("percent").ValueKind), Is.EqualTo((true, JsonValueKind.Null)));
        Assert.That((other.GetProperty("freeShipping").GetBoolean(), other.GetProperty("percent").GetDecimal()), Is.EqualTo((false, 10m)));
    }

    [TestCase("", "/percent"), TestCase("\"freeShipping\": false", "/percent"), TestCase("\"freeShipping\": null", "/percent")]
    [TestCase("\"percent\": 10, \"amount\": 5", "/percent"), TestCase("\"percent\": 10, \"freeShipping\": true", "/percent")]
    [TestCase("\"amount\": 5, \"freeShipping\": true", "/percent"), TestCase("\"freeShipping\": \"yes\"", "/freeShipping"), TestCase("\"freeShipping\": 1", "/freeShipping")]
    public async Task Refuses_a_coupon_that_is_none_of_the_three_kinds_or_two_of_them(string worth, string pointer)
    {
        using var answer = await Put("/coupons/FREE", Coupon(worth));
        Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.BadRequest, "application/problem+json")));
        Assert.That(await Faults(answer), Is.EqualTo(new[] { pointer }));
    }

    [TestCase("text/csv", "code,percent,amount,freeShipping,validFrom,validUntil\nA,,,true,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z\nB,10,,,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z\nC,,5,false,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z\n")]
    [TestCase("application/jsonl", """
        {"code": "A", "freeShipping": true, "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2027-01-01T00:00:00Z"}
        {"code": "B", "percent": 10, "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2027-01-01T00:00:00Z"}
        {"code": "C", "amount": 5, "freeShipping": false, "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2027-01-01T00:00:00Z"}
        """)]
    public async Task Takes_a_file_of_coupons_of_all_three_kinds(string type, string file)
    {
        using var answer = await Post("/coupons/import", type, file);
        Assert.That((answer.StatusCode, await answer.Content.ReadAsStringAsync()), Is.EqualTo((HttpStatusCode.OK, """{"created":3,"replaced":0}""")));
        var coupons = await _shop.Look(db => db.Coupons.OrderBy(coupon => coupon.Code).ToListAsync());
        Assert.That(coupons.Select(coupon => (coupon.Code, coupon.Percent, coupon.Amount, coupon.FreeShipping)),
            Is.EqualTo(new[] { ("A", (decimal?)null, (decimal?)null, true), ("B", 10m, null, false), ("C", null, 5m, false) }));
    }

    [TestCase("text/csv", "code,percent,freeShipping,validFrom,validUntil\nA,,true,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z\nB,10,true,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z\nC,,maybe,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z\n", 3)]
    [TestCase("application/jsonl", """
        {"code": "A", "freeShipping": true, "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2027-01-01T00:00:00Z"}
        {"code": "B", "percent": 10, "freeShipping": true, "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2027-01-01T00:00:00Z"}
        {"code": "C", "freeShipping": "maybe", "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2027-01-01T00:00:00Z"}
        """, 2)]
    public async Task Takes_nothing_of_a_file_with_a_coupon_of_two_kinds(string type, string file, int first)
    {
        using var answer = await Post("/coupons/import", type, file);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        var errors = (await Json(answer)).GetProperty("errors").EnumerateArray().Select(error => (error.GetProperty("line").GetInt32(), error.GetProperty("pointer").GetString()));
        Assert.That(errors, Is.EqualTo(new[] { (first, "/percent"), (first + 1, "/freeShipping") }));
        Assert.That(await _shop.Look(db => db.Coupons.CountAsync()), Is.Zero);
    }

    [Test]
    public async Task Loses_nothing_that_orders_have_taken()
    {
        using (await Put("/articles/MUG-01", Mug))
        {
        }

        await _shop.Place(null, ("MUG-01", 3));
        using var fewer = await Put("/articles/MUG-01", Mug.Replace("\"stock\": 5", "\"stock\": 2", StringComparison.Ordinal));
        using var more = await Put("/articles/MUG-01", Mug.Replace("\"stock\": 5", "\"stock\": 4", StringComparison.Ordinal));
        Assert.That((fewer.StatusCode, more.StatusCode), Is.EqualTo((HttpStatusCode.Conflict, HttpStatusCode.OK)));
        Assert.That((await Faults(fewer)).Single(), Is.EqualTo("/stock"));
        var (shown, _) = await Get("/articles/MUG-01");
        Assert.That((shown.GetProperty("taken").GetInt32(), shown.GetProperty("available").GetInt32()), Is.EqualTo((3, 1)));
        var order = await _shop.Place(null, ("MUG-01", 2));
        await _shop.Sees([order], HoldStates.Released);
    }

    [Test]
    public async Task Names_every_fault_at_once_and_where_it_is()
    {
        using var answer = await Put("/articles/MUG-01", """{"sku": "MUG-02", "name": "", "price": -1, "vatCategory": "X", "vatRate": 1.234, "isOnSale": "yes", "prise": 1, "a/b": 1}""");
        Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.BadRequest, "application/problem+json")));
        Assert.That(await Faults(answer), Is.EquivalentTo(new[] { "/sku", "/name", "/price", "/vatCategory", "/vatRate", "/stock", "/isOnSale", "/prise", "/a~1b" }));
    }

    [TestCase("[]"), TestCase("{"), TestCase(""), TestCase("""{"name": "a", "name": "b"}"""), TestCase("""{"name": "\ud800"}""")]
    public async Task Refuses_what_is_no_entry(string body)
    {
        using var answer = await Put("/articles/MUG-01", body);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task Says_nothing_of_a_person_in_a_fault()
    {
        using var answer = await Put("/customers/C-7", """{"name": "Rosa\u0007Klebb", "street": 7, "country": "Austria", "vatId": "ATU1234"}""");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Not.Contain("Klebb").And.Not.Contain("ATU1234"));
    }

    [Test]
    public async Task Replaces_only_what_the_client_has_seen()
    {
        using var first = await Put("/articles/MUG-01", Mug, "If-None-Match", "*");
        using var again = await Put("/articles/MUG-01", Mug, "If-None-Match", "*");
        using var other = await Put("/articles/MUG-01", Mug.Replace("Mug", "Cup", StringComparison.Ordinal), "If-Match", first.Headers.ETag!.Tag);
        using var stale = await Put("/articles/MUG-01", Mug, "If-Match", first.Headers.ETag!.Tag);
        using var absent = await Put("/articles/MUG-02", Mug, "If-Match", "*");
        Assert.That(new[] { first.StatusCode, again.StatusCode, other.StatusCode, stale.StatusCode, absent.StatusCode }, Is.EqualTo(new[]
        {
            HttpStatusCode.Created, HttpStatusCode.PreconditionFailed, HttpStatusCode.OK, HttpStatusCode.PreconditionFailed, HttpStatusCode.PreconditionFailed,
        }));
        var (shown, _) = await Get("/articles/MUG-01");
        Assert.That(shown.GetProperty("name").GetString(), Is.EqualTo("Cup"));
    }

    [Test]
    public async Task Creates_once_what_many_create_at_the_same_time()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Put("/articles/MUG-01", Mug, "If-None-Match", "*")));
        Assert.That(answers.Select(answer => answer.StatusCode).Order(),
            Is.EqualTo(new[] { HttpStatusCode.Created }.Concat(Enumerable.Repeat(HttpStatusCode.PreconditionFailed, 11))));
    }

    [TestCase("text/csv", "sku,name,price,vatCategory,vatRate,stock,isOnSale\nA,\"Plate, \"\"large\"\"\",12.5,S,22,7,\nB,Gift,0,Z,0,,false\n")]
    [TestCase("text/csv; charset=utf-8", "\uFEFFstock;sku;name;price;vatCategory;vatRate;isOnSale\r\n7;A;\"Plate, \"\"large\"\"\";12.5;S;22;true\r\n\r\n;B;Gift;0;Z;0;false")]
    [TestCase("application/jsonl", """
        {"sku": "A", "name": "Plate, \"large\"", "price": 12.5, "vatCategory": "S", "vatRate": 22, "stock": 7}

        {"sku": "B", "name": "Gift", "price": 0, "vatCategory": "Z", "vatRate": 0, "stock": null, "isOnSale": false}
        """)]
    public async Task Takes_a_file(string type, string file)
    {
        using (await Put("/articles/A", Mug))
        {
        }

        using var answer = await Post("/articles/import", type, file);
        Assert.That((answer.StatusCode, await answer.Content.ReadAsStringAsync()), Is.EqualTo((HttpStatusCode.OK, """{"created":1,"replaced":1}""")));
        var articles = await _shop.Look(db => db.Articles.OrderBy(article => article.Sku).ToListAsync());
        Assert.That(articles.Select(article => (article.Name, article.Price, article.Stock, article.IsOnSale)),
            Is.EqualTo(new[] { ("Plate, \"large\"", 12.5m, (int?)7, true), ("Gift", 0m, null, false) }));
    }

    [TestCase("text/csv", "sku,name,price,vatCategory,vatRate,stock\nA,Plate,12.5,S,22,7\nA,Plate,dear,S,22,7\nC,Cup,1\nD,Dish,1,S,22,-1\n")]
    [TestCase("application/x-ndjson", """
        {}
        {"sku": "A", "name": "Plate", "price": 12.5, "vatCategory": "S", "vatRate": 22, "stock": 7}
        {"sku": "A", "name": "Plate", "price": "dear", "vatCategory": "S", "vatRate": 22, "stock": 7}
        {"sku": "C", "name":
        {"sku": "D", "name": "Dish", "price": 1, "vatCategory": "S", "vatRate": 22, "stock": -1}
        """)]
    public async Task Takes_nothing_of_a_file_with_a_bad_line_and_says_which_they_are(string type, string file)
    {
        using var answer = await Post("/articles/import", type, file);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        var errors = (await Json(answer)).GetProperty("errors").EnumerateArray()
            .Select(error => (Line: error.GetProperty("line").GetInt32(), Pointer: error.GetProperty("pointer").GetString())).Where(error => error.Line > 1);
        const int First = 3;
        Assert.That(errors, Is.EquivalentTo(new[] { (First, "/price"), (First, "/sku"), (First + 1, ""), (First + 2, "/stock") }));
        Assert.That(await _shop.Look(db => db.Articles.CountAsync()), Is.Zero);
    }

    [TestCase("sku,name,price,price\nA,Plate,1,2\n"), TestCase("sku;sku")]
    public async Task Takes_no_file_with_a_column_twice(string file)
    {
        using var answer = await Post("/articles/import", "text/csv", file);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), await answer.Content.ReadAsStringAsync());
        var error = (await Json(answer)).GetProperty("errors").EnumerateArray().Single();
        Assert.That((error.GetProperty("line").GetInt32(), error.GetProperty("detail").GetString()), Is.EqualTo((1, "A column comes twice.")));
    }

    [Test]
    public async Task Takes_nothing_of_a_file_that_orders_have_overtaken()
    {
        await _shop.Add(Shop.Article("A", 10));
        await _shop.Place(null, ("A", 6));
        using var answer = await Post("/articles/import", "text/csv", "sku,name,price,vatCategory,vatRate,stock\nB,Cup,1,S,22,1\nA,Plate,1,S,22,5\n");
        Assert.That((answer.StatusCode, (await Json(answer)).GetProperty("errors")[0].GetProperty("line").GetInt32()), Is.EqualTo((HttpStatusCode.Conflict, 3)));
        Assert.That(await _shop.Look(db => db.Articles.CountAsync()), Is.EqualTo(1));
    }

    [Test]
    public async Task Takes_a_large_file_while_orders_come()
    {
        const int Many = 20_000;
        await _shop.Add(Shop.Article("S00000", 1_000_000), Shop.Article("S19999", 1_000_000));
        var file = new StringBuilder("sku,name,price,vatCategory,vatRate,stock\n");
        for (var i = Many - 1; i >= 0; i--)
            file.Append(null, $"S{i:d5},Article {i},1,S,22,1000000\n");
        var orders = Enumerable.Range(0, 40).Select(i => Shop.Order(null, i % 2 == 0 ? [("S00000", 1), ("S19999", 1)] : [("S19999", 1), ("S00000", 1)])).ToArray();
        var imports = Enumerable.Range(0, 2).Select(_ => Post("/articles/import", "text/csv", file.ToString())).ToArray();
        await Task.WhenAll(orders.Select(order => _shop.Deliver(order)));
        foreach (var answer in await Task.WhenAll(imports))
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
        await _shop.Sees(orders.Select(order => order.OrderId), HoldStates.Held);
        Assert.That((await _shop.Taken("S00000"), await _shop.Look(db => db.Articles.CountAsync())), Is.EqualTo((40, Many)));
    }

    [TestCase("/articles/import", "text/csv", 16 * 1024 * 1024 + 1), TestCase("/articles/import", "application/jsonl", 16 * 1024 * 1024 + 1)]
    public async Task Refuses_what_is_too_large(string path, string type, int length)
    {
        // The refusal comes before the body: a server need not read on, and whoever sends on may find the connection closed.
        using var handler = new SocketsHttpHandler { Expect100ContinueTimeout = Testing.Eventually.Patience };
        using var http = new HttpClient(handler) { BaseAddress = _http.BaseAddress };
        foreach (var (name, values) in _http.DefaultRequestHeaders)
            http.DefaultRequestHeaders.Add(name, values);
        using var content = new StringContent(new string('x', length), Encoding.UTF8);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content, Headers = { ExpectContinue = true } };
        using var answer = await http.SendAsync(request);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
    }

    [Test]
    public async Task Refuses_an_entry_that_is_too_large_other_types_and_other_letters()
    {
        using var large = await Put("/articles/A", new string(' ', 64 * 1024) + Mug);
        using var type = await Post("/articles/import", "application/json", "[]");
        using var letters = new ByteArrayContent(Encoding.Latin1.GetBytes("sku,name\nA,Caffè\n"));
        letters.Headers.ContentType = new("text/csv");
        using var latin = await _http.PostAsync(new Uri("/articles/import", UriKind.Relative), letters);
        using var nothing = await _http.GetAsync(new Uri("/articles/NOPE", UriKind.Relative));
        using var unprintable = await _http.GetAsync(new Uri("/articles/a%00b", UriKind.Relative));
        Assert.That(new[] { large.StatusCode, type.StatusCode, latin.StatusCode, nothing.StatusCode }, Is.EqualTo(new[]
        {
            HttpStatusCode.RequestEntityTooLarge, HttpStatusCode.UnsupportedMediaType, HttpStatusCode.BadRequest, HttpStatusCode.NotFound,
        }));
        Assert.That(unprintable.StatusCode, Is.EqualTo(HttpStatusCode.NotFound).Or.EqualTo(HttpStatusCode.BadRequest));
    }

    private static string Coupon(string worth) =>
        $$"""{ {{(worth.Length > 0 ? worth + "," : "")}} "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2100-01-01T00:00:00Z"}""";

    private async Task<HttpResponseMessage> Put(string path, string body, string? header = null, string? value = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, path);
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (header is not null)
            request.Headers.TryAddWithoutValidation(header, value);
        return await _http.SendAsync(request);
    }

    private async Task<HttpResponseMessage> Post(string path, string type, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return await _http.PostAsync(new Uri(path, UriKind.Relative), content);
    }

    private async Task<(JsonElement Shown, EntityTagHeaderValue? Tag)> Get(string path)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative));
        return (await Json(answer), answer.Headers.ETag);
    }

    private static async Task<string[]> Faults(HttpResponseMessage answer) =>
        [.. (await Json(answer)).GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("pointer").GetString()!)];

    private static async Task<JsonElement> Json(HttpResponseMessage answer) => JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
}
