using System.Net;
using System.Text;

namespace Orafo.Testing;

/// <summary>What was posted to a <see cref="WebhookListener"/>, header by header.</summary>
public sealed record Said(string Id, string Timestamp, string Signature, string? ContentType, string Body);

/// <summary>Somebody who is told by webhooks, at the other end of a real wire.</summary>
public sealed class WebhookListener : IAsyncDisposable
{
    private readonly HttpListener _listener;
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _serving;
    private volatile IReadOnlyList<Said> _said = [];

    public WebhookListener()
    {
        (_listener, Url) = Listen();
        _serving = Serve();
    }

    public Uri Url { get; }

    /// <summary>The status of the answer, by what was said so far.</summary>
    public Func<IReadOnlyList<Said>, int> Answers { get; set; } = _ => 204;

    /// <summary>Its answer has a body without an end.</summary>
    public bool NeverEnds { get; init; }

    /// <summary>It does not answer at all.</summary>
    public bool IsSilent { get; init; }

    /// <summary>In the order in which it came.</summary>
    public IReadOnlyList<Said> Said => _said;

    /// <summary>What was said last, as soon as that much was said.</summary>
    public async Task<Said> Hears(int count)
    {
        await Eventually.Holds(() => _said.Count >= count, $"it hears {count} webhooks");
        return _said[count - 1];
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _listener.Close();
        await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _closing.Dispose();
    }

    /// <summary>On another port, if somebody was quicker.</summary>
    private static (HttpListener Listener, Uri Url) Listen()
    {
        for (var attempts = 1; ; attempts++)
        {
            var listener = new HttpListener();
            var url = new Uri($"http://127.0.0.1:{Cli.Servers.Ports.Free()}/hooks/");
            listener.Prefixes.Add(url.ToString());
            try
            {
                listener.Start();
                return (listener, url);
            }
            catch (HttpListenerException) when (attempts < 10)
            {
            }
        }
    }

    private async Task Serve()
    {
        while (!_closing.IsCancellationRequested)
        {
            var call = await _listener.GetContextAsync();
            try
            {
                await Answer(call);
            }
            // Whoever called hung up; others call, too.
            catch (Exception e) when (e is HttpListenerException or IOException && !_closing.IsCancellationRequested)
            {
            }
        }
    }

    private async Task Answer(HttpListenerContext call)
    {
        using var reader = new StreamReader(call.Request.InputStream, Encoding.UTF8);
        var headers = call.Request.Headers;
        _said = [.. _said, new(headers["webhook-id"]!, headers["webhook-timestamp"]!, headers["webhook-signature"]!, call.Request.ContentType, await reader.ReadToEndAsync())];
        if (IsSilent)
            return;
        call.Response.StatusCode = Answers(_said);
        if (call.Response.StatusCode == 302)
            call.Response.RedirectLocation = Url.ToString();
        if (!NeverEnds)
        {
            call.Response.Close();
            return;
        }

        call.Response.StatusCode = 200;
        call.Response.SendChunked = true;
        await call.Response.OutputStream.WriteAsync(new byte[1000]);
        await call.Response.OutputStream.FlushAsync();
    }
}
