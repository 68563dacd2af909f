using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Orafo.Cli.Tracing;

namespace Orafo.Ordering.Tests.Intake;

/// <summary>A receiver of OTLP at the other end of a real wire, over gRPC or over HTTP.</summary>
internal sealed class OtlpOnAWire : IAsyncDisposable
{
    /// <summary>A flag (compressed or not) and a length, before the message (gRPC over HTTP2).</summary>
    private const int Prefix = 5;

    private readonly WebApplication _app;

    private OtlpOnAWire(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    public ConcurrentQueue<Span> Spans { get; } = [];

    /// <summary>What each export said in the header <c>x-tenant</c>.</summary>
    public ConcurrentQueue<string> Tenants { get; } = [];

    public static async Task<OtlpOnAWire> Start(bool isGrpc)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(endpoint =>
            endpoint.Protocols = isGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        var wire = new OtlpOnAWire(builder.Build());
        wire._app.MapPost("/v1/traces", wire.TakeTraces);
        wire._app.MapPost("/opentelemetry.proto.collector.trace.v1.TraceService/Export", wire.TakeTracesByGrpc);
        await wire._app.StartAsync();
        return wire;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeTraces(HttpContext context)
    {
        Take(await Body(context), context);
        context.Response.ContentType = "application/x-protobuf";
    }

    private async Task TakeTracesByGrpc(HttpContext context)
    {
        Take((await Body(context)).AsSpan(Prefix), context);
        context.Response.ContentType = "application/grpc";
        await context.Response.Body.WriteAsync(new byte[Prefix]);
        context.Response.AppendTrailer("grpc-status", "0");
    }

    private void Take(ReadOnlySpan<byte> request, HttpContext context)
    {
        foreach (var span in Span.ReadAll(request))
            Spans.Enqueue(span);
        Tenants.Enqueue(context.Request.Headers["x-tenant"].ToString());
    }

    private static async Task<byte[]> Body(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }
}
