using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using Orafo.HandOver;
using Orafo.Invoicing;
using Orafo.OrderDetails;
using Orafo.Testing;

namespace Orafo.ServiceDefaults.Tests;

/// <summary>Each of them as it is, on a real database and a real port, at every endpoint that it says it has. The broker is away.</summary>
[TestFixture(typeof(OrderDetailsDb)), TestFixture(typeof(InvoicingDb)), TestFixture(typeof(HandOverDb))]
public sealed partial class A_service_that_is_not_for_clients<TDbContext> where TDbContext : DbContext
{
    private const string Key = "0123456789abcdefghijklmnopqrstuvwxyz";

    private static readonly string?[] NoKeys = [null, "", "x", Key[..^1], Key + "0", Key.ToUpperInvariant(), $"{Key},{Key}", "orafo_0123456789ab_" + new string('A', 43)];

    private string _database = "";
    private WebApplicationFactory<TDbContext> _factory = null!;
    private HttpClient _http = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _database = await TestServers.CreateDatabaseAsync("operators");
        await using (var db = (TDbContext)Activator.CreateInstance(typeof(TDbContext), new DbContextOptionsBuilder<TDbContext>().UseNpgsql(_database).UseSnakeCaseNamingConvention().Options)!)
            await db.Database.MigrateAsync();
        _factory = Service(Key);
        _factory.StartServer();
        _http = new HttpClient { BaseAddress = _factory.ClientOptions.BaseAddress };
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        _http.Dispose();
        try
        {
            await _factory.DisposeAsync();
        }
        catch (Exception e) when (ServiceEnd.FoundNothing(e))
        {
        }

        await using var connection = new NpgsqlConnection(_database);
        NpgsqlConnection.ClearPool(connection);
    }

    [Test]
    public async Task Answers_nobody_without_the_operators_key()
    {
        foreach (var (method, path) in Endpoints().Where(endpoint => !IsHealth(endpoint.Path)).Append(("GET", "/")).Append(("POST", "/there-is-no-such-thing")).Append(("GET", "/health")))
        {
            foreach (var key in NoKeys)
            {
                using var answer = await Ask(method, path, key);
                var which = $"{method} {path} with {key ?? "none"}";
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), which);
                Assert.That((answer.Headers.WwwAuthenticate.ToString(), answer.Content.Headers.ContentType?.MediaType), Is.EqualTo(("ApiKey header=\"X-Api-Key\"", "application/problem+json")), which);
                Assert.That(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("status").GetInt32(), Is.EqualTo(401));
            }
        }
    }

    [Test]
    public async Task Answers_whoever_has_it()
    {
        var asked = 0;
        foreach (var (method, path) in Endpoints().Where(endpoint => !IsHealth(endpoint.Path)))
        {
            using var answer = await Ask(method, path, Key);
            // What it says to an empty body, or of a thing that is not there, is not for this test.
            Assert.That((int)answer.StatusCode, Is.Not.EqualTo(401).And.LessThan(500), $"{method} {path}: {await answer.Content.ReadAsStringAsync()}");
            asked++;
        }

        Assert.That(asked, Is.Positive);
    }

    /// <remarks>Whatever is measured by what somebody else chose: it neither fills the memory nor the answer, and nothing is lost of the sum.</remarks>
    [Test]
    public async Task Tells_no_more_than_some_series_of_a_metric_apart()
    {
        const int Values = 1000;
        using var meter = new Meter("Orafo.Many");
        var counter = meter.CreateCounter<long>("orafo.many");
        for (var i = 0; i < Values; i++)
            counter.Add(1, new KeyValuePair<string, object?>("which", i));
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("metrics", UriKind.Relative)) { Headers = { { "X-Api-Key", Key } } };
        using var answer = await _http.SendAsync(request);
        var series = (await answer.Content.ReadAsStringAsync()).Split('\n').Where(line => line.StartsWith("orafo_many_total{", StringComparison.Ordinal)).ToArray();
        Assert.That(series, Has.Length.InRange(100, 201));
        Assert.That(series.Sum(line => long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture)), Is.EqualTo(Values));
    }

    [Test]
    public async Task Tells_everybody_how_it_is()
    {
        var health = Endpoints().Where(endpoint => IsHealth(endpoint.Path)).ToArray();
        Assert.That(health.Select(endpoint => endpoint.Path), Is.EquivalentTo(new[] { "/health/live", "/health/ready", "/health/lag" }));
        foreach (var (method, path) in health)
        {
            using var answer = await Ask(method, path, key: null);
            // Its broker is away: how it is, is not for this test.
            Assert.That(await answer.Content.ReadAsStringAsync(), Is.AnyOf("Healthy", "Degraded", "Unhealthy"), path);
        }
    }

    [TestCase(null), TestCase(""), TestCase("0123456789abcdefghijklmnopqrstu"), TestCase("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), TestCase("0123456789 abcdefghijklmnopqrstuvwxyz")]
    public async Task Does_not_start_without_one_and_says_what_to_set(string? key)
    {
        var why = await Eventually.Refuses(async () =>
        {
            await using var factory = Service(key);
            factory.StartServer();
        });
        Assert.That(why, Is.InstanceOf<OptionsValidationException>().With.Message.Contains("Set Operators__Key").And.Message.Contains("./orafo up"));
    }

    private WebApplicationFactory<TDbContext> Service(string? key)
    {
        var factory = new WebApplicationFactory<TDbContext>().WithWebHostBuilder(host =>
        {
            host.UseSetting("ConnectionStrings:Database", _database);
            // Nobody listens there.
            host.UseSetting("ConnectionStrings:Broker", "amqp://127.0.0.1:1/");
            host.UseSetting("Logging:LogLevel:Default", "None");
            host.UseSetting("URLS", "http://127.0.0.1:0");
            if (key is not null)
                host.UseSetting("Operators:Key", key);
            host.UseEnvironment("Production");
        });
        factory.UseKestrel(0);
        return factory;
    }

    private IEnumerable<(string Method, string Path)> Endpoints() =>
        from endpoint in _factory.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        where method != "HEAD"
        select (method, "/" + Parameter().Replace(endpoint.RoutePattern.RawText!.Trim('/'), match => match.Value.Contains(":guid", StringComparison.Ordinal) ? Guid.Empty.ToString() : "x"));

    private static bool IsHealth(string path) => path.StartsWith("/health/", StringComparison.Ordinal);

    private Task<HttpResponseMessage> Ask(string method, string path, string? key)
    {
        var request = new HttpRequestMessage(new(method), new Uri(path, UriKind.Relative));
        // Whatever it accepts: it is told.
        request.Headers.TryAddWithoutValidation("Accept", "application/pdf");
        if (key is not null)
            request.Headers.TryAddWithoutValidation("X-Api-Key", key);
        return _http.SendAsync(request);
    }

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
