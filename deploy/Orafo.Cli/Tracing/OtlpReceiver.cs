using System.IO.Compression;
using System.Net;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Tracing;

/// <summary>Takes what services export over HTTP (OTLP 1, binary protobuf), on the loopback interface only.</summary>
/// <remarks>Traces go to whoever asked for them; metrics and logs may come and are given to nobody, unless asked for.</remarks>
public sealed class OtlpReceiver : IAsyncDisposable
{
    /// <summary>OTLP/HTTP's.</summary>
    public const int UsualPort = 4318;

    private const string Protobuf = "application/x-protobuf";
    private const int LargestRequest = 16 * 1024 * 1024;

    private readonly HttpListener _listener;
    private readonly Action<byte[]> _traces;
    private readonly Action<byte[]>? _others;
    private readonly Task _serving;

    private OtlpReceiver(HttpListener listener, string url, Action<byte[]> traces, Action<byte[]>? others)
    {
        (_listener, Url, _traces, _others) = (listener, url, traces, others);
        _serving = Serve();
    }

    /// <summary>For <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>.</summary>
    public string Url { get; }

    /// <summary>What a service has to be told to export here.</summary>
    public IReadOnlyDictionary<string, string?> Environment => new Dictionary<string, string?>(StringComparer.Ordinal)
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Url,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
    };

    /// <param name="traces">Gets each <c>ExportTraceServiceRequest</c>. Called by several threads.</param>
    /// <param name="others">Gets those of metrics and logs.</param>
    /// <param name="port">Another one, if somebody has it.</param>
    public static OtlpReceiver Start(Action<byte[]> traces, Action<byte[]>? others = null, int port = UsualPort)
    {
        for (var attempt = 1; ; attempt++)
        {
            var url = $"http://127.0.0.1:{Ports.FreeOr(port)}";
            var listener = new HttpListener { Prefixes = { url + "/" } };
            try
            {
                listener.Start();
                return new(listener, url, traces, others);
            }
            // Somebody else was quicker to take it.
            catch (HttpListenerException) when (attempt < 3)
            {
                listener.Close();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private async Task Serve()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            _ = Task.Run(() => Answer(context));
        }
    }

    private async Task Answer(HttpListenerContext context)
    {
        try
        {
            // An empty response is an Export…ServiceResponse that says that all was taken.
            (context.Response.StatusCode, context.Response.ContentType) = ((int)await Take(context.Request), Protobuf);
            context.Response.Close();
        }
        // Whoever exported has hung up, or this is being closed.
        catch (Exception e) when (e is IOException or HttpListenerException or ObjectDisposedException)
        {
        }
    }

    private async Task<HttpStatusCode> Take(HttpListenerRequest request)
    {
        if (request.Url?.AbsolutePath is not ("/v1/traces" or "/v1/metrics" or "/v1/logs"))
            return HttpStatusCode.NotFound;
        if (request.HttpMethod != "POST")
            return HttpStatusCode.MethodNotAllowed;
        if (request.ContentType != Protobuf)
            return HttpStatusCode.UnsupportedMediaType;
        if (await Read(request) is not { } body)
            return HttpStatusCode.RequestEntityTooLarge;
        if (request.Url.AbsolutePath != "/v1/traces")
            _others?.Invoke(body);
        else if (Span.WholePart(body) == body.Length)
            _traces(body);
        else
            return HttpStatusCode.BadRequest;
        return HttpStatusCode.OK;
    }

    /// <remarks>Who sends too much hears so when all of it was sent: a connection that is cut before says nothing. What is beyond twice the limit is cut.</remarks>
    /// <returns>Null if it is too large.</returns>
    private static async Task<byte[]?> Read(HttpListenerRequest request)
    {
        await using var plain = request.Headers["Content-Encoding"] == "gzip" ? new GZipStream(request.InputStream, CompressionMode.Decompress) : request.InputStream;
        using var body = new MemoryStream();
        var buffer = new byte[81920];
        var length = 0;
        while (length <= 2 * LargestRequest && await plain.ReadAsync(buffer) is > 0 and var read)
        {
            length += read;
            if (length <= LargestRequest)
                body.Write(buffer, 0, read);
        }

        return length <= LargestRequest ? body.ToArray() : null;
    }
}
