using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Orafo.ServiceDefaults;

/// <summary>Section <c>Operators</c> of the configuration: the one key of an installation that opens the services which are not for clients.</summary>
public sealed class OperatorOptions
{
    public const string Header = "X-Api-Key";
    private const int ShortestKey = 32;
    private const int FewestCharacters = 10;

    internal const string Missing =
        "Operators:Key is missing or too weak. Set Operators__Key, the same for all services, to 32 random characters at least (openssl rand -hex 32), or start the mesh with ./orafo up.";

    /// <summary>32 random characters at least. It is no client's, and stands in no log.</summary>
    public string? Key { get; set; }

    /// <summary>Visible ASCII, as a header has it. What is typed for want of something better (a character again and again) is no secret.</summary>
    internal bool IsSound => Key is { Length: >= ShortestKey } && Key.All(c => c is > ' ' and < '\x7f') && Key.Distinct().Count() >= FewestCharacters;
}

/// <summary>Lets in whoever has the operators' key, and nobody else.</summary>
public static class OperatorKeyExtensions
{
    /// <summary>The key, to be asked for or to be sent. Without one the service does not start.</summary>
    public static WebApplicationBuilder AddOperatorKey(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<OperatorOptions>().BindConfiguration("Operators").Validate(operators => operators.IsSound, OperatorOptions.Missing).ValidateOnStart();
        return builder;
    }

    /// <summary>Asks for it, whatever the address, unless the endpoint says that it is open to all (<c>AllowAnonymous</c>): of those there are <c>/health/*</c>.</summary>
    public static void UseOperatorKey(this WebApplication app) => app.UseMiddleware<OperatorKeyCheck>();
}

/// <summary>Compares hashes: how long that takes says nothing about the key.</summary>
internal sealed class OperatorKeyCheck(RequestDelegate next, IOptions<OperatorOptions> operators)
{
    private const string Bearer = "Bearer ";

    /// <summary>Not before somebody asks: who migrates the database has no key, and needs none.</summary>
    private readonly Lazy<byte[]> _hash = new(() => Hash(operators.Value.Key!));

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null
            || (SentKey(context.Request.Headers) is { } key && CryptographicOperations.FixedTimeEquals(Hash(key), _hash.Value)))
        {
            await next(context);
            return;
        }

        context.Response.Headers.WWWAuthenticate = $"ApiKey header=\"{OperatorOptions.Header}\"";
        await TypedResults.Problem(statusCode: StatusCodes.Status401Unauthorized, title: "The operators' key is needed.").ExecuteAsync(context);
    }

    /// <summary>In a header of its own; or as a bearer token (RFC 6750), which is what every version of Prometheus can send.</summary>
    private static string? SentKey(IHeaderDictionary headers) =>
        headers[OperatorOptions.Header] is [{ } key] ? key
        : headers.Authorization is [{ } authorization] && authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? authorization[Bearer.Length..]
        : null;

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
