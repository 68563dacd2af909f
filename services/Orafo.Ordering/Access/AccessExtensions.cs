using System.Globalization;
using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using Orafo.Ordering.Intake;

namespace Orafo.Ordering.Access;

/// <summary>Who is let in, and how often.</summary>
public static class AccessExtensions
{
    /// <summary>The limit of streams for each client.</summary>
    internal const string Streams = "streams";

    /// <summary>The limit of documents for each client: who reads slowly keeps nobody else from the invoice service.</summary>
    internal const string Documents = "documents";

    /// <summary>API keys; tokens of an identity provider as well, if <c>Authentication:Jwt:Authority</c> names one.</summary>
    /// <remarks>An endpoint without a rule of its own lets in who has a key, and a test fails for it.</remarks>
    public static WebApplicationBuilder AddAccess(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<ApiKeys>();
        var authentication = services.AddAuthentication(ApiKeyAuthentication.Name)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyAuthentication.Name, configureOptions: null);
        if (builder.Configuration["Authentication:Jwt:Authority"] is { Length: > 0 } authority)
            AddTokens(authentication, authority, builder.Configuration);

        // Nothing here is encrypted with keys of the host: none has to be made, and kept in somebody's home.
        foreach (var ring in services.Where(service => service.ImplementationType?.Name == "DataProtectionHostedService").ToArray())
            services.Remove(ring);

        services.AddAuthorizationBuilder().SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<IntakeOptions>>((limiter, intake) => Limit(limiter, intake.Value));
        return builder;
    }

    /// <summary>A client counts by its name, whoever has none by its address.</summary>
    public static void UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseAuthorization();
    }

    private static void AddTokens(AuthenticationBuilder authentication, string authority, ConfigurationManager configuration)
    {
        const string keyOrToken = "KeyOrToken";
        authentication.AddJwtBearer(jwt =>
        {
            jwt.Authority = authority;
            jwt.Audience = configuration["Authentication:Jwt:Audience"]
                ?? throw new InvalidOperationException("Authentication:Jwt:Authority needs Authentication:Jwt:Audience: a token for somebody else must not open this door.");
            jwt.MapInboundClaims = false;
            var clientClaim = configuration["Authentication:Jwt:ClientClaim"] ?? "client_id";
            jwt.Events = new JwtBearerEvents
            {
                OnTokenValidated = token =>
                {
                    // A token that names no client says nothing about anybody's orders.
                    var claims = token.Principal!;
                    if (claims.FindFirstValue(clientClaim) is { } client && ApiKey.IsClientName(client))
                        token.Principal = new ClaimsPrincipal(Scopes.Identity(token.Scheme.Name, client, ScopesOf(claims)));
                    else
                        token.Fail($"The token's {clientClaim} is not the name of a client.");
                    return Task.CompletedTask;
                },
            };
        });
        authentication.AddPolicyScheme(keyOrToken, displayName: null, policy => policy.ForwardDefaultSelector = context =>
            context.Request.Headers.ContainsKey(ApiKeyAuthentication.Header) || !context.Request.Headers.ContainsKey("Authorization")
                ? ApiKeyAuthentication.Name
                : JwtBearerDefaults.AuthenticationScheme);
        authentication.Services.Configure<AuthenticationOptions>(options => options.DefaultScheme = keyOrToken);
    }

    /// <summary><c>scope</c> is a list with spaces (RFC 8693); some providers say <c>scp</c>, and some repeat it.</summary>
    private static IEnumerable<string> ScopesOf(ClaimsPrincipal token) =>
        token.Claims.Where(claim => claim.Type is "scope" or "scp").SelectMany(claim => claim.Value.Split(' '));

    private static void Limit(RateLimiterOptions limiter, IntakeOptions intake)
    {
        limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        limiter.OnRejected = (rejected, _) =>
        {
            var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter) ? retryAfter : TimeSpan.FromSeconds(1);
            rejected.HttpContext.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            return ValueTask.CompletedTask;
        };
        limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context =>
            context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal)
                ? RateLimitPartition.GetNoLimiter("health")
                : RateLimitPartition.GetTokenBucketLimiter(Name(context), _ => new TokenBucketRateLimiterOptions
                {
                    TokenLimit = intake.Burst,
                    TokensPerPeriod = intake.RequestsPerSecond,
                    ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                    QueueLimit = 0,
                }));
        AtATime(Streams, intake.StreamsPerClient);
        AtATime(Documents, intake.DocumentsPerClient);

        void AtATime(string policy, int most) => limiter.AddPolicy(policy, context => RateLimitPartition.GetConcurrencyLimiter(
            Name(context), _ => new ConcurrencyLimiterOptions { PermitLimit = most, QueueLimit = 0 }));
    }

    private static string Name(HttpContext context) =>
        context.User.FindFirstValue(Scopes.ClientClaim) is { } client ? "client " + client : "address " + context.Connection.RemoteIpAddress;
}
