using System.Security.Claims;

namespace Orafo.Ordering.Access;

/// <summary>What a client may do.</summary>
public static class Scopes
{
    /// <summary>Place orders and cancel them, and say where the client is called back.</summary>
    public const string Write = "orders:write";

    public const string Read = "orders:read";

    /// <summary>Everything, with the orders of all clients.</summary>
    public const string Admin = "orders:admin";

    public static readonly IReadOnlyList<string> All = [Write, Read, Admin];

    /// <summary>The claims that every way in ends with.</summary>
    internal const string ClientClaim = "orafo-client";

    internal const string ScopeClaim = "orafo-scope";

    /// <summary>Lets in whoever has the scope, and nobody else.</summary>
    internal static TBuilder RequireScope<TBuilder>(this TBuilder endpoint, string scope) where TBuilder : IEndpointConventionBuilder => endpoint
        .RequireAuthorization(policy => policy.RequireAuthenticatedUser().RequireAssertion(context => context.User.Has(scope)))
        .WithMetadata(new RequiredScope(scope));

    /// <summary>Who asks. Known of everybody who has a scope.</summary>
    internal static string Client(this ClaimsPrincipal user) => user.FindFirstValue(ClientClaim)!;

    /// <summary>Whose orders the caller sees; null: all.</summary>
    internal static string? Owner(this ClaimsPrincipal user) => user.HasClaim(ScopeClaim, Admin) ? null : user.Client();

    internal static ClaimsIdentity Identity(string scheme, string client, IEnumerable<string> scopes) =>
        new([new Claim(ClientClaim, client), .. scopes.Intersect(All).Select(scope => new Claim(ScopeClaim, scope))], scheme);

    private static bool Has(this ClaimsPrincipal user, string scope) =>
        user.HasClaim(claim => claim.Type == ClientClaim) && (user.HasClaim(ScopeClaim, scope) || user.HasClaim(ScopeClaim, Admin));
}

/// <summary>What an endpoint asks of its callers, for those who describe it.</summary>
internal sealed record RequiredScope(string Scope);
