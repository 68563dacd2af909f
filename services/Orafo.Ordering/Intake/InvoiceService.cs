using System.Net;
using System.Text;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Orafo.ServiceDefaults;

namespace Orafo.Ordering.Intake;

/// <summary>The invoice service, which is not for clients: what they may read of it, the intake asks for.</summary>
/// <remarks>One that fails three times in a row is left alone for a while, so that nobody waits for it in vain.</remarks>
internal sealed class InvoiceService(
    IHttpClientFactory clients, IOptions<IntakeOptions> intake, IOptions<OperatorOptions> operators, TimeProvider time, ILogger<InvoiceService> logger)
    : IDisposable
{
    public const string HttpClient = "invoice service";

    private const string Who = "The invoice service";
    private const int Parallelism = 32;

    /// <summary>Of a header that is passed on: more than anybody has to say there. What is longer is as good as none.</summary>
    private const int LongestHeader = 1024;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private static readonly string[] PassedOn = [HeaderNames.Accept, HeaderNames.IfNoneMatch];

    private readonly RemoteSystem _service = new(
        "invoice service", Parallelism, new(FailuresInARow: 3, FirstPause: TimeSpan.FromSeconds(1), LongestPause: TimeSpan.FromSeconds(10), LongestRetryAfter: TimeSpan.FromSeconds(10)),
        time, logger);

    /// <summary>Asks as the client asks. The body is not read yet.</summary>
    /// <param name="path">What for.</param>
    /// <param name="client">Says in which form, and what it has already.</param>
    /// <param name="cancellationToken">Nobody waits any longer.</param>
    /// <returns>An answer of 200, 304, 404 or 406; or when to ask again.</returns>
    public async Task<(HttpResponseMessage? Answer, TimeSpan RetryAfter)> Get(string path, HttpRequest client, CancellationToken cancellationToken)
    {
        HttpResponseMessage? answer = null;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(intake.Value.InvoicePatience);
        try
        {
            var left = await _service.TryCall(async () => answer = await Ask(path, client, patience.Token), patience.Token);
            return (answer, left ?? RetryAfter);
        }
        catch (RemoteRefusalException e) when (e.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            // It is there, and busy.
            return (null, e.RetryAfter ?? RetryAfter);
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return (null, _service.Failed(e.DescribeRemoteFailure(Who), retryAfter: null) ?? RetryAfter);
        }
    }

    public void Dispose() => _service.Dispose();

    private async Task<HttpResponseMessage> Ask(string path, HttpRequest client, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        request.Headers.Add(OperatorOptions.Header, operators.Value.Key);
        foreach (var name in PassedOn)
        {
            if (client.Headers[name].ToString() is { Length: > 0 and <= LongestHeader } value && Ascii.IsValid(value))
                request.Headers.TryAddWithoutValidation(name, value);
        }

        var answer = await clients.CreateClient(HttpClient).SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.NotModified or HttpStatusCode.NotFound or HttpStatusCode.NotAcceptable)
            return answer;
        using (answer)
            throw new RemoteRefusalException(
                Who, answer.StatusCode, answer.StatusCode == HttpStatusCode.Unauthorized ? "its Operators:Key is another one" : null, answer.RetryAfter(time));
    }
}
