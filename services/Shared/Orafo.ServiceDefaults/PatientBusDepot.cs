using System.Net.Sockets;
using MassTransit;

namespace Orafo.ServiceDefaults;

/// <summary>
/// Starts the bus when something listens where the broker should be. MassTransit waits at least four seconds after a
/// connection that was refused; so a service may start before its broker, and is there a moment after it.
/// </summary>
internal sealed class PatientBusDepot(IBusDepot depot, Uri broker) : IBusDepot, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private const int UsualPort = 5672;
    private const int UsualTlsPort = 5671;

    private readonly CancellationTokenSource _stopping = new();

    public async Task Start(CancellationToken cancellationToken)
    {
        while (!await Listens())
            await Task.Delay(Pause, _stopping.Token);
        await depot.Start(_stopping.Token);
    }

    public async Task Stop(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await depot.Stop(cancellationToken);
    }

    public void Dispose() => _stopping.Dispose();

    private async Task<bool> Listens()
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(broker.Host, Port, _stopping.Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private int Port => broker.Port > 0 ? broker.Port : broker.Scheme is "amqps" ? UsualTlsPort : UsualPort;
}
