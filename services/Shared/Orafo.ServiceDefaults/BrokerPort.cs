using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Orafo.Postgres;

namespace Orafo.ServiceDefaults;

/// <summary>Where the broker should be. A connection to it is tried when something listens there.</summary>
/// <remarks>
/// After one that was refused MassTransit waits for some seconds, after a few for half a minute, and each of its endpoints by itself: a queue would be without
/// a consumer for that long after the broker is back. So a service that starts before its broker, or outlives it, is there a moment after it.
/// </remarks>
internal sealed class BrokerPort : IDisposable
{
    private const int UsualPort = 5672;
    private const int UsualTlsPort = 5671;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>A network that swallows what is sent through it says nothing at all.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly string _host;
    private readonly int _port;
    private readonly ILogger _logger;
    private readonly OncePerMinute _said;
    private readonly CancellationTokenSource _left = new();

    public BrokerPort(Uri broker, TimeProvider time, ILogger<BrokerPort> logger)
    {
        _host = broker.Host;
        _port = broker.Port > 0 ? broker.Port : broker.Scheme is "amqps" ? UsualTlsPort : UsualPort;
        _logger = logger;
        _said = new(time);
        Left = _left.Token;
    }

    /// <summary>Cancelled when nobody is to wait any longer.</summary>
    public CancellationToken Left { get; }

    /// <summary>Returns when something listens.</summary>
    /// <exception cref="OperationCanceledException">Nobody is to wait any longer.</exception>
    public async Task WaitUntilItListens()
    {
        while (await Refusal() is { } refusal)
        {
            if (_said.IsDue())
                ServiceLog.NothingListens(_logger, _host, _port, refusal);
            await Task.Delay(Pause, Left);
        }
    }

    public void Leave() => _left.Cancel();

    public void Dispose()
    {
        if (!_left.IsCancellationRequested)
            _left.Cancel();
        _left.Dispose();
    }

    /// <summary>Why nobody is there; null if somebody is.</summary>
    private async Task<string?> Refusal()
    {
        using var client = new TcpClient();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Left);
        patience.CancelAfter(Patience);
        try
        {
            await client.ConnectAsync(_host, _port, patience.Token);
            return null;
        }
        catch (SocketException e)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!Left.IsCancellationRequested)
        {
            return "no answer";
        }
    }
}
