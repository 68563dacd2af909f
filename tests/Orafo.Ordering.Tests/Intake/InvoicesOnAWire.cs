using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;

namespace Orafo.Ordering.Tests.Intake;

/// <summary>An invoice service at the other end of a real wire: what the intake asks it, and what it answers.</summary>
internal sealed class InvoicesOnAWire : IAsyncDisposable
{
    public static readonly byte[] Pdf = [.. "%PDF-1.7\n"u8, .. Enumerable.Range(0, 100_000).Select(i => (byte)i)];
    private readonly WebApplication _app;

    private InvoicesOnAWire(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    /// <summary>In the order in which it came.</summary>
    public ConcurrentQueue<Asked> Asked { get; } = new();

    /// <summary>A PDF for whoever has the key, unless told otherwise.</summary>
    public Func<HttpContext, Task> Answers { get; set; } = GivePdf;

    public static async Task<InvoicesOnAWire> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var wire = new InvoicesOnAWire(builder.Build());
        wire._app.Run(async context =>
        {
            var headers = context.Request.Headers;
            wire.Asked.Enqueue(new(context.Request.Method, context.Request.Path, headers["X-Api-Key"].ToString(), headers.Accept.ToString()));
            await wire.Answers(context);
        });
        await wire._app.StartAsync();
        return wire;
    }

    /// <summary>An intake that asks here.</summary>
    public Task<IntakeService> StartIntake(params (string Name, string Value)[] settings) => IntakeService.Start(
        settings.Append(("Intake:InvoiceService", Url)).ToDictionary(setting => setting.Item1, setting => setting.Item2));

    public static Task GivePdf(HttpContext context)
    {
        context.Response.Headers.ContentDisposition = "inline; filename=2026-000001.pdf";
        context.Response.Headers.Vary = "Accept";
        return Results.Bytes(Pdf, "application/pdf", entityTag: new EntityTagHeaderValue("\"the-hash\"")).ExecuteAsync(context);
    }

    public static Func<HttpContext, Task> Refuses(int status, string? detail = null, string? retryAfter = null) => async context =>
    {
        context.Response.StatusCode = status;
        if (retryAfter is not null)
            context.Response.Headers.RetryAfter = retryAfter;
        context.Response.ContentType = "application/problem+json";
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($$"""{"title":"No.","status":{{status}}{{(detail is null ? "" : $",\"detail\":\"{detail}\"")}}}"""));
    };

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}

internal sealed record Asked(string Method, string Path, string Key, string Accept);
