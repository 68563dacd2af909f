using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orafo.Ordering.Access;
using Orafo.Ordering.Intake;
using Orafo.Ordering.Saga;
using Orafo.ServiceDefaults;
using Orafo.Testing;

namespace Orafo.Ordering.Tests.Intake;

/// <summary>The whole service on a real database and a real port. The broker is away, so that what is published can be read in the outbox.</summary>
internal sealed class IntakeService : IAsyncDisposable
{
    public const string Good = """{"customerNumber":"C-1001","lines":[{"sku":"ESP-001","quantity":2}]}""";

    public const string OperatorKey = "an-operators-key-that-is-no-secret-for-tests-only";

    public const string CallbackKey = "a key that is no secret, for tests only";

    private static readonly Lazy<Task<IntakeService>> Lazily = new(() => Start());
    private static readonly string[] Everything = [.. Scopes.All];

    private readonly WebApplicationFactory<OrderingDb> _factory;
    private readonly Uri _address;

    private IntakeService(string database, WebApplicationFactory<OrderingDb> factory, Uri address) => (Database, _factory, _address) = (database, factory, address);

    /// <summary>As its superuser.</summary>
    public string Database { get; }

    public Uri Address => _address;

    public IServiceProvider Services => _factory.Services;

    /// <summary>One for all tests that have clients of their own and leave the service as it is.</summary>
    public static Task<IntakeService> Shared => Lazily.Value;

    public static bool IsStarted => Lazily.IsValueCreated;

    /// <param name="settings">What its configuration has beside the usual.</param>
    /// <param name="services">What is put in the place of its own services.</param>
    /// <param name="database">Null for one of its own.</param>
    public static async Task<IntakeService> Start(
        IReadOnlyDictionary<string, string>? settings = null, Action<IServiceCollection>? services = null, string? database = null)
    {
        database ??= await TestServers.CreateDatabaseAsync("intake");
        var factory = new WebApplicationFactory<OrderingDb>().WithWebHostBuilder(host =>
        {
            host.UseSetting("ConnectionStrings:Database", database);
            // Nobody listens there.
            host.UseSetting("ConnectionStrings:Broker", "amqp://127.0.0.1:1/");
            host.UseSetting("Logging:LogLevel:Default", "Critical");
            host.UseSetting("URLS", "http://127.0.0.1:0");
            host.UseSetting("Callbacks:Key", CallbackKey);
            host.UseSetting("Operators:Key", OperatorKey);
            host.UseSetting("Intake:InvoiceService", "http://127.0.0.1:1");
            host.UseEnvironment("Production");
            foreach (var (name, value) in settings ?? new Dictionary<string, string>())
                host.UseSetting(name, value);
            if (services is not null)
                host.ConfigureTestServices(services);
        });
        factory.UseKestrel(0);
        await using (var db = Open(database))
            await db.Database.MigrateAsync();

        factory.StartServer();
        return new IntakeService(database, factory, factory.ClientOptions.BaseAddress);
    }

    /// <summary>Another instance on the same database.</summary>
    public Task<IntakeService> StartAnother(IReadOnlyDictionary<string, string>? settings = null) => Start(settings, database: Database);

    /// <summary>A client with a key, and a name that no other has.</summary>
    public Task<HttpClient> Client(params string[] scopes) => ClientNamed($"client-{Guid.CreateVersion7():n}", scopes);

    /// <summary>Another key of a client.</summary>
    public async Task<HttpClient> ClientNamed(string name, params string[] scopes) => Anonymous(await AddKey(name, scopes));

    public async Task<string> AddKey(string client, string[] scopes, DateTimeOffset? expiresAt = null)
    {
        var (key, text) = ApiKey.Create(client, scopes.Length == 0 ? Everything[..2] : scopes, TimeProvider.System.GetStorableNow(), expiresAt);
        await Look(async db =>
        {
            db.ApiKeys.Add(key);
            return await db.SaveChangesAsync();
        });
        return text;
    }

    public HttpClient Anonymous(string? key = null)
    {
        var client = new HttpClient { BaseAddress = _address, Timeout = TimeSpan.FromMinutes(2) };
        if (key is not null)
            client.DefaultRequestHeaders.Add("X-Api-Key", key);
        return client;
    }

    /// <summary>Looks into the database with a context of its own.</summary>
    public async Task<T> Look<T>(Func<OrderingDb, Task<T>> look)
    {
        await using var db = Open(Database);
        return await look(db);
    }

    /// <summary>What the saga does when it comes to a state, without the messages.</summary>
    public async Task Bring(Guid order, string state, bool isTold = true)
    {
        await Look(async db =>
        {
            var saga = await db.Sagas.SingleAsync(one => one.CorrelationId == order);
            saga.CurrentState = state;
            saga.Timeline = [.. saga.Timeline, new(state, TimeProvider.System.GetStorableNow())];
            return await db.SaveChangesAsync();
        });
        if (isTold)
            Services.GetRequiredService<OrderWatch>().Move(order);
    }

    /// <summary>Has an order seen that went all the way just now: from here on there are estimates.</summary>
    public void SeeOneDone()
    {
        var now = TimeProvider.System.GetUtcNow();
        foreach (var step in new[] { "GettingDetails", "Invoicing", "HandingOver" })
            Services.GetRequiredService<OrderPace>().Leave(new() { Timeline = [new(step, now.AddSeconds(-60))] }, step);
    }

    /// <summary>Types and bodies of what waits in the outbox about an order.</summary>
    public Task<string[]> Published(Guid order) => Look(db => db.Set<OutboxMessage>()
        .Where(message => message.CorrelationId == order).Select(message => message.MessageType + " " + message.Body).ToArrayAsync());

    private static OrderingDb Open(string database) => new(new DbContextOptionsBuilder<OrderingDb>().UseNpgsql(database).UseSnakeCaseNamingConvention().Options);

    public async ValueTask DisposeAsync()
    {
        await new ServiceEnd(_factory).DisposeAsync();
        await using var connection = new NpgsqlConnection(Database);
        NpgsqlConnection.ClearPool(connection);
    }
}

/// <summary>Ends what all tests shared.</summary>
[SetUpFixture]
internal sealed class SharedIntake
{
    [OneTimeTearDown]
    public static async Task Stop()
    {
        if (IntakeService.IsStarted)
            await (await IntakeService.Shared).DisposeAsync();
    }
}

/// <summary>Requests as tests write them.</summary>
internal static class Requests
{
    public static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    public static Task<HttpResponseMessage> Send(this HttpClient client, HttpMethod method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = body is null ? null : Json(body) };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    public static Task<HttpResponseMessage> Place(this HttpClient client, string body = IntakeService.Good, params (string Name, string Value)[] headers) =>
        client.Send(HttpMethod.Post, "orders", body, headers);

    /// <summary>The id of a good order.</summary>
    public static async Task<Guid> PlaceGood(this HttpClient client, string body = IntakeService.Good)
    {
        using var answer = await client.Place(body);
        Assert.That((int)answer.StatusCode, Is.EqualTo(202), await answer.Content.ReadAsStringAsync());
        return (await answer.Json()).GetProperty("id").GetGuid();
    }

    public static Task<JsonElement> Json(this HttpResponseMessage answer) => answer.Content.ReadFromJsonAsync<JsonElement>();

    /// <summary>The status and the problem's kind.</summary>
    public static async Task<(int Status, string? Kind)> Problem(this HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.That(answer.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"), $"{(int)answer.StatusCode}: {text}");
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.That(problem.GetProperty("status").GetInt32(), Is.EqualTo((int)answer.StatusCode));
        return ((int)answer.StatusCode, problem.GetProperty("type").GetString()?.Replace("urn:orafo:problem:", "", StringComparison.Ordinal));
    }
}
