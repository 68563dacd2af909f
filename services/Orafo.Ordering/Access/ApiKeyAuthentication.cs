using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Orafo.Ordering.Access;

/// <summary>Reads the header <c>X-Api-Key</c>.</summary>
internal sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, ApiKeys keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Name = "ApiKey";
    public const string Header = "X-Api-Key";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers[Header];
        if (header.Count == 0)
            return AuthenticateResult.NoResult();
        // Which of the things that can be wrong with it, a stranger is not told.
        return header is [{ } text] && await keys.Find(text, Context.RequestAborted) is { } key
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(Scopes.Identity(Name, key.Client, key.Scopes)), Name))
            : AuthenticateResult.Fail("No key that lets anybody in.");
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = $"{Name} header=\"{Header}\"";
        return Task.CompletedTask;
    }
}
