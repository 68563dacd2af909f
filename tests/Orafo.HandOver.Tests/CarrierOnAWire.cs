using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orafo.Carrier;

namespace Orafo.HandOver.Tests;

/// <summary>The carrier's own books behind a wire that can be held at either end, and cut.</summary>
internal sealed class CarrierOnAWire : HttpMessageHandler
{
    private readonly string _directory = Directory.CreateTempSubdirectory("orafo-carrier-").FullName;
    private int _calls;

    public CarrierOnAWire() => Depot = new(Options.Create(new CarrierOptions { Directory = _directory }), TimeProvider.System, NullLogger<Depot>.Instance);

    public Depot Depot { get; }

    /// <summary>What it answers instead of doing anything; null: it does.</summary>
    public Func<HttpResponseMessage>? Instead { get; set; }

    /// <summary>It does what it is asked, and the connection ends without an answer.</summary>
    public Func<HttpMethod, bool> LosesReply { get; set; } = _ => false;

    /// <summary>Requests of that kind wait before they get there.</summary>
    public Func<HttpMethod, Task> Before { get; set; } = _ => Task.CompletedTask;

    /// <summary>Answers of that kind wait on their way back.</summary>
    public Func<HttpMethod, Task> After { get; set; } = _ => Task.CompletedTask;

    /// <summary>How often it was called at all.</summary>
    public int Calls => Volatile.Read(ref _calls);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _calls);
        // Read before it is gone: who sent it may have given up when it gets there.
        var body = request.Content is null ? null : await request.Content.ReadFromJsonAsync<ParcelRequest>(JsonSerializerOptions.Web, cancellationToken);
        await Before(request.Method);
        if (Instead is { } instead)
            return instead();
        var answer = Do(request.Method, request.RequestUri!.Segments[^1], body);
        await After(request.Method);
        cancellationToken.ThrowIfCancellationRequested();
        return LosesReply(request.Method) ? throw new HttpRequestException("The connection ended.") : answer;
    }

    public void Close()
    {
        Depot.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private HttpResponseMessage Do(HttpMethod method, string key, ParcelRequest? body)
    {
        try
        {
            return method == HttpMethod.Put ? Ok(Depot.Book(key, body?.Recipient?.PostalCode).Parcel)
                : method == HttpMethod.Delete ? Ok(Depot.Recall(key))
                : Depot.Find(key) is { } parcel ? Ok(parcel) : new(HttpStatusCode.NotFound);
        }
        catch (CarrierException e)
        {
            return Problem(e.Status, "/problems/" + e.Type, e.Message);
        }
    }

    private static HttpResponseMessage Ok(Parcel parcel) => new(HttpStatusCode.OK) { Content = JsonContent.Create(parcel) };

    public static HttpResponseMessage Problem(int status, string? type, string title) =>
        new((HttpStatusCode)status) { Content = JsonContent.Create(new { type, title, status }, MediaTypeHeaderValue.Parse("application/problem+json")) };
}
