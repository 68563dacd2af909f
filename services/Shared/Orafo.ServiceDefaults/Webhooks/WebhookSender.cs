using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Orafo.ServiceDefaults.Webhooks;

/// <summary>Sends signed webhooks to addresses that others chose.</summary>
/// <remarks>
/// Such an address must not lead into our own networks: what a name resolves to is looked at when the connection is made, and that very address is connected
/// to. No proxy, no redirect, no cookie; of the answer only its status and Retry-After are read.
/// </remarks>
public sealed class WebhookSender(HttpClient http, TimeProvider time)
{
    /// <summary>Sends it once.</summary>
    /// <param name="to">Its receiver.</param>
    /// <param name="secrets">All that are valid now.</param>
    /// <param name="id">The same whenever it is sent again.</param>
    /// <param name="mediaType">Of the body.</param>
    /// <param name="body">What it says.</param>
    /// <exception cref="RemoteRefusalException">The receiver did not take it.</exception>
    /// <exception cref="HttpRequestException">The receiver is away, or its address is not allowed; it may have taken it or not.</exception>
    /// <exception cref="TaskCanceledException">No answer within the time-out: it may have taken it or not.</exception>
    public async Task Send(Uri to, IEnumerable<WebhookSecret> secrets, string id, string mediaType, byte[] body, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        using var request = new HttpRequestMessage(HttpMethod.Post, to) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType, "utf-8");
        request.Headers.Add(WebhookSignature.IdHeader, id);
        request.Headers.Add(WebhookSignature.TimestampHeader, now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Sign(secrets, id, now, body));
        // The body may be endless; nobody reads it.
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!answer.IsSuccessStatusCode)
            throw new RemoteRefusalException("The receiver", answer.StatusCode, null, answer.RetryAfter(time));
    }
}

/// <summary>Registers the sender of webhooks.</summary>
public static class WebhookSenderExtensions
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>In KiB: more than a receiver has to say before its body.</summary>
    private const int MostHeaders = 16;

    /// <param name="services">They have the options, which say how long a call may take and which networks are allowed.</param>
    public static IHttpClientBuilder AddWebhookSender<TOptions>(this IServiceCollection services) where TOptions : WebhookOptions =>
        services.AddHttpClient<WebhookSender>((provider, http) => http.Timeout = provider.GetRequiredService<IOptions<TOptions>>().Value.Timeout)
            .ConfigurePrimaryHttpMessageHandler(provider =>
            {
                var networks = provider.GetRequiredService<IOptions<TOptions>>().Value.Networks;
                return new SocketsHttpHandler
                {
                    AllowAutoRedirect = false,
                    UseProxy = false,
                    UseCookies = false,
                    ConnectTimeout = ConnectTimeout,
                    // A name may lead elsewhere by then.
                    PooledConnectionLifetime = TimeSpan.FromMinutes(2),
                    MaxResponseHeadersLength = MostHeaders,
                    // A body that nobody reads is not waited for: the connection is closed.
                    MaxResponseDrainSize = 0,
                    ConnectCallback = (context, cancellationToken) => Connect(context.DnsEndPoint, networks, cancellationToken),
                };
            })
            .RemoveAllLoggers();

    /// <summary>Resolves the name, and connects to an address of it that is allowed.</summary>
    private static async ValueTask<Stream> Connect(DnsEndPoint to, IReadOnlyCollection<IPNetwork> networks, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(to.Host, to.AddressFamily, cancellationToken);
        var allowed = Array.FindAll(addresses, address => address.IsAllowed(networks));
        if (allowed.Length == 0)
            throw new AddressNotAllowedException();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, to.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>A webhook's address leads into a network that webhooks may not go to.</summary>
public sealed class AddressNotAllowedException() : HttpRequestException("The receiver's address is not public, and its network is not allowed.");
