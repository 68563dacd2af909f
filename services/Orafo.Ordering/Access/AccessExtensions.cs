using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;

namespace Orafo.Ordering.Access;

/// <summary>Who is let in, and how often.</summary>
public static class AccessExtensions
{
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
        services.AddSingleton<RequestLimits>();
        return builder;
    }

    /// <summary>A client is known before it is counted.</summary>
    public static void UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        // Not before there is a request: a process that migrates has no settings of the intake.
        app.Use((context, next) => context.RequestServices.GetRequiredService<RequestLimits>().Handle(context, next));
        app.UseAuthorization();
    }

    /// <summary>A client has so many of these open at a time.</summary>
    internal static RouteHandlerBuilder Limit(this RouteHandlerBuilder endpoint, AtATime what) => endpoint.WithMetadata(new LimitedAtATime(what));

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
}
