using System.Net;
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

    private bool _wasLookedFor = true;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers[Header];
        if (header.Count == 0)
            return AuthenticateResult.NoResult();
        var found = header is [{ } text] ? await keys.Find(text, Context.Connection.RemoteIpAddress ?? IPAddress.None, Context.RequestAborted) : new(null);
        _wasLookedFor = found.WasLookedFor;
        // Which of the things that can be wrong with it, a stranger is not told.
        return found.Key is { } key
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(Scopes.Identity(Name, key.Client, key.Scopes)), Name))
            : AuthenticateResult.Fail("No key that lets anybody in.");
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (!_wasLookedFor)
        {
            Response.StatusCode = StatusCodes.Status429TooManyRequests;
            Response.Headers.RetryAfter = "1";
            return Task.CompletedTask;
        }

        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = $"{Name} header=\"{Header}\"";
        return Task.CompletedTask;
    }
}
