using System.Data.Common;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Orafo.Ordering.Access;

namespace Orafo.Ordering.Tests.Intake;

public sealed class An_api_key
{
    [Test]
    public async Task Is_looked_up_once_however_many_orders_it_places_at_the_same_time()
    {
        await using var service = await IntakeService.Start();
        using var client = await service.Client();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => client.PlaceGood()));
        // In another three seconds it would be looked up beside an order: how long this took is not for a test to say.
        Assert.That(service.Services.GetRequiredService<ApiKeys>().LookedUp, Is.LessThan(10));
    }

    [Test]
    public async Task Is_no_key_any_more_within_ten_seconds_of_its_revocation()
    {
        var (keys, time, service) = await Keys();
        await using var _ = service;
        var text = await service.AddKey("shop", []);
        Assert.That(await Find(keys, text), Is.Not.Null);
        Assert.That(await Run(service, "revoke", ApiKey.PrefixOf(text)!), Does.Contain("nobody"));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(await Find(keys, text), Is.Not.Null, "from memory");
        time.Advance(TimeSpan.FromSeconds(8));
        Assert.That(await Find(keys, text), Is.Null);
    }

    [Test]
    public async Task That_is_in_use_is_looked_up_anew_beside_its_requests()
    {
        var (keys, time, service) = await Keys();
        await using var _ = service;
        var text = await service.AddKey("shop", []);
        await Find(keys, text);
        await Run(service, "revoke", text);
        time.Advance(TimeSpan.FromSeconds(4));
        await Testing.Eventually.Holds(async () => await Find(keys, text) is null, "it was looked up");
    }

    [Test]
    public async Task Ends_on_its_day_whatever_is_remembered()
    {
        var (keys, time, service) = await Keys();
        await using var _ = service;
        var text = await service.AddKey("shop", [], time.GetUtcNow().AddSeconds(1));
        Assert.That(await Find(keys, text), Is.Not.Null);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await Find(keys, text), Is.Null);
    }

    [Test]
    public async Task Is_one_of_several_of_its_client()
    {
        var service = await IntakeService.Shared;
        var name = $"client-{Guid.CreateVersion7():n}";
        using var old = await service.ClientNamed(name);
        using var next = await service.ClientNamed(name);
        using var answer = await next.Send(HttpMethod.Get, $"orders/{await old.PlaceGood()}");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task That_nobody_knows_is_remembered_as_well_and_asked_for_once()
    {
        var (keys, _, service) = await Keys();
        await using var __ = service;
        var unknown = ApiKey.Create("shop", [], default, null).Text;
        for (var i = 0; i < 5; i++)
            Assert.That(await Find(keys, unknown), Is.Null);
        Assert.That(await Find(keys, "orafo_" + new string('x', 56)), Is.Null, "no key at all");
        Assert.That((keys.LookedUp, keys.Remembered), Is.EqualTo((1, 1)));
    }

    /// <remarks>Each asks the database once; whoever has many of them made up does not ask in everybody's place.</remarks>
    [Test]
    public async Task That_is_known_is_looked_up_while_made_up_ones_wait_for_the_database()
    {
        var held = new HeldLookups();
        await using var service = await Start(held);
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var keys = new ApiKeys(service.Services.GetRequiredService<IServiceScopeFactory>(), time);
        var text = await service.AddKey("shop", []);
        held.LetsThrough = ApiKey.PrefixOf(text);
        Assert.That(await Find(keys, text), Is.Not.Null);
        var flood = Enumerable.Range(0, 50).Select(i => keys.Find(MadeUp(), new IPAddress([10, 0, 0, (byte)i]), default).AsTask()).ToArray();
        await Testing.Eventually.Holds(() => held.Count > 0, "the database is asked for those");
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.That(await Find(keys, text).WaitAsync(Testing.Eventually.Patience), Is.Not.Null);
        held.Release();
        Assert.That((await Task.WhenAll(flood)).Select(found => found.Key), Is.All.Null);
    }

    [Test]
    public async Task Lets_its_client_in_while_made_up_ones_flood_the_intake()
    {
        const int flood = 300;
        var held = new HeldLookups();
        await using var service = await Start(held);
        var text = await service.AddKey("shop", [Scopes.Read]);
        held.LetsThrough = ApiKey.PrefixOf(text);
        using var client = service.Anonymous(text);
        using var before = await client.Send(HttpMethod.Get, "orders");
        using var stranger = service.Anonymous();
        var refused = 0;
        var flooding = Enumerable.Range(0, flood).Select(_ => Guess()).ToArray();
        await Testing.Eventually.Holds(() => Volatile.Read(ref refused) >= flood / 2, "those that nobody will look up soon are refused at once");
        using var answer = await client.Send(HttpMethod.Get, "orders");
        Assert.That((before.StatusCode, answer.StatusCode), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)));
        held.Release();
        Assert.That((await Task.WhenAll(flooding)).Distinct(), Is.EquivalentTo(new[] { (401, "unauthenticated"), (429, "too-many-requests") }));

        async Task<(int, string?)> Guess()
        {
            using var guess = await stranger.Send(HttpMethod.Get, "orders", null, ("X-Api-Key", MadeUp()));
            if (guess.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Interlocked.Increment(ref refused);
                Assert.That(guess.Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
            }

            return await guess.Problem();
        }
    }

    [TestCase("10.1.1.1", "10.1.1.1", "10.1.1.2")]
    [TestCase("2001:db8:1:1::1", "2001:db8:1:1:ffff::2", "2001:db8:1:2::1")]
    [TestCase("::ffff:10.1.1.1", "10.1.1.1", "::ffff:10.1.1.2")]
    public async Task That_is_made_up_is_looked_up_so_often_only_for_one_address(string one, string same, string other)
    {
        var (keys, _, service) = await Keys();
        await using var __ = service;
        var text = await service.AddKey("shop", []);
        // A hundred at a time: nobody is refused because too many are in line.
        var wasRefused = false;
        for (var i = 0; i < 20 && !wasRefused; i++)
        {
            var from = IPAddress.Parse(i % 2 == 0 ? one : same);
            wasRefused = (await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => keys.Find(MadeUp(), from, default).AsTask()))).Any(found => !found.WasLookedFor);
        }

        Assert.That(wasRefused);
        Assert.That((await keys.Find(text, IPAddress.Parse(other), default)).Key, Is.Not.Null, "from another one");
        for (var i = 0; i < 1000; i++)
            Assert.That((await keys.Find(text, IPAddress.Parse(one), default)).Key, Is.Not.Null, "known by now");
    }

    [Test]
    public async Task Is_kept_as_a_hash_only_and_shown_once()
    {
        var service = await IntakeService.Shared;
        var name = $"client-{Guid.CreateVersion7():n}";
        var text = (await Run(service, "add", name, "--scopes", "orders:read", "--days", "30")).Trim();
        var kept = await service.Look(db => db.ApiKeys.SingleAsync(key => key.Client == name));
        var listed = await Run(service, "list", name);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(kept.Hash, Is.EqualTo(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
            Assert.That(kept.Scopes, Is.EqualTo(new[] { Scopes.Read }));
            Assert.That(kept.ExpiresAt - kept.CreatedAt, Is.EqualTo(TimeSpan.FromDays(30)));
            Assert.That(listed, Does.Contain(kept.Prefix).And.Contain("valid until").And.Not.Contain(text[20..]));
        }
    }

    [TestCase("add"), TestCase("add", "Shop", "--scopes", "orders:read"), TestCase("add", "shop", "--scopes", "all"), TestCase("add", "shop", "--scopes", "")]
    [TestCase("add", "shop", "--scopes", "orders:read", "--days", "0"), TestCase("forget")]
    public async Task Is_not_made_of_what_is_not_understood(params string[] command)
    {
        var service = await IntakeService.Shared;
        using var errors = new StringWriter();
        Assert.That(await KeysCommand.RunAsync(service.Services, command, TextWriter.Null, errors), Is.EqualTo(2));
        Assert.That(errors.ToString(), Is.Not.Empty);
    }

    [TestCase("orders:write orders:read", "https://shop.example", "token-client", 202)]
    [TestCase("orders:read", "https://shop.example", "token-client", 403)]
    [TestCase("orders:write", "https://somebody-else.example", "token-client", 401)]
    [TestCase("orders:write", "https://shop.example", "No name of a client", 401)]
    [TestCase("orders:write", "https://shop.example", null, 401)]
    public async Task May_be_a_token_of_the_identity_provider_instead(string scope, string audience, string? client, int status)
    {
        const string issuer = "https://identity.example";
        using var rsa = RSA.Create(2048);
        var signingKey = new RsaSecurityKey(rsa);
        await using var service = await IntakeService.Start(
            new Dictionary<string, string> { ["Authentication:Jwt:Authority"] = issuer, ["Authentication:Jwt:Audience"] = "https://shop.example" },
            // What would be read from the provider's address.
            services => services.PostConfigure<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme, jwt =>
                jwt.ConfigurationManager = new StaticConfigurationManager<OpenIdConnectConfiguration>(new() { Issuer = issuer, SigningKeys = { signingKey } })));
        using var http = service.Anonymous();
        http.DefaultRequestHeaders.Authorization = new("Bearer", Token());
        using var answer = await http.Place();
        Assert.That((int)answer.StatusCode, Is.EqualTo(status), await answer.Content.ReadAsStringAsync());
        if (status == 202)
        {
            Assert.That((await service.Look(db => db.Orders.SingleAsync())).Client, Is.EqualTo(client));
            using var key = await service.Client();
            await key.PlaceGood();
            http.DefaultRequestHeaders.Authorization = new("Bearer", "not.a.token");
            using var refused = await http.Place();
            Assert.That(await refused.Problem(), Is.EqualTo((401, "unauthenticated")));
        }

        string Token() => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(5),
            SigningCredentials = new(signingKey, SecurityAlgorithms.RsaSha256),
            Claims = client is null
                ? new Dictionary<string, object> { ["scope"] = scope }
                : new Dictionary<string, object> { ["scope"] = scope, ["client_id"] = client },
        });
    }

    [Test]
    public async Task Is_the_only_way_in_where_no_identity_provider_is_configured()
    {
        using var http = (await IntakeService.Shared).Anonymous();
        http.DefaultRequestHeaders.Authorization = new("Bearer", "x.y.z");
        using var answer = await http.Place();
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    private static async Task<ApiKey?> Find(ApiKeys keys, string text) => (await keys.Find(text, IPAddress.Loopback, default)).Key;

    private static string MadeUp() => ApiKey.Create("shop", [], default, null).Text;

    private static Task<IntakeService> Start(HeldLookups held) =>
        IntakeService.Start(services: services => services.ConfigureDbContext<OrderingDb>(options => options.AddInterceptors(held)));

    /// <summary>By a clock of the test's.</summary>
    private static async Task<(ApiKeys Keys, FakeTimeProvider Time, IntakeService Service)> Keys()
    {
        var service = await IntakeService.Start();
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        return (new ApiKeys(service.Services.GetRequiredService<IServiceScopeFactory>(), time), time, service);
    }

    private static async Task<string> Run(IntakeService service, params string[] command)
    {
        using var screen = new StringWriter();
        Assert.That(await KeysCommand.RunAsync(service.Services, command, screen, screen), Is.Zero, screen.ToString());
        return screen.ToString();
    }

    /// <summary>Keeps the database from answering about keys, but for one.</summary>
    private sealed class HeldLookups : DbCommandInterceptor
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _count;

        public string? LetsThrough { get; set; }

        public int Count => Volatile.Read(ref _count);

        public void Release() => _released.SetResult();

        public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            if (command.CommandText.Contains("api_keys", StringComparison.Ordinal) && !command.Parameters.Cast<DbParameter>().Any(parameter => Equals(parameter.Value, LetsThrough)))
            {
                Interlocked.Increment(ref _count);
                await _released.Task;
            }

            return result;
        }
    }
}
