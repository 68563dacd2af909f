using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.EntityFrameworkCore;
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
        Assert.That(await keys.Find(text, default), Is.Not.Null);
        Assert.That(await Run(service, "revoke", ApiKey.PrefixOf(text)!), Does.Contain("nobody"));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(await keys.Find(text, default), Is.Not.Null, "from memory");
        time.Advance(TimeSpan.FromSeconds(8));
        Assert.That(await keys.Find(text, default), Is.Null);
    }

    [Test]
    public async Task That_is_in_use_is_looked_up_anew_beside_its_requests()
    {
        var (keys, time, service) = await Keys();
        await using var _ = service;
        var text = await service.AddKey("shop", []);
        await keys.Find(text, default);
        await Run(service, "revoke", text);
        time.Advance(TimeSpan.FromSeconds(4));
        await Testing.Eventually.Holds(async () => await keys.Find(text, default) is null, "it was looked up");
    }

    [Test]
    public async Task Ends_on_its_day_whatever_is_remembered()
    {
        var (keys, time, service) = await Keys();
        await using var _ = service;
        var text = await service.AddKey("shop", [], time.GetUtcNow().AddSeconds(1));
        Assert.That(await keys.Find(text, default), Is.Not.Null);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await keys.Find(text, default), Is.Null);
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
            Assert.That(await keys.Find(unknown, default), Is.Null);
        Assert.That(await keys.Find("orafo_" + new string('x', 56), default), Is.Null, "no key at all");
        Assert.That((keys.LookedUp, keys.Remembered), Is.EqualTo((1, 1)));
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
}
