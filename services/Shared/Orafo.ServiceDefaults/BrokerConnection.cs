using System.Net.Sockets;
using System.Runtime.CompilerServices;
using MassTransit;
using RabbitMQ.Client;

namespace Orafo.ServiceDefaults;

/// <summary>A connection to RabbitMQ that is over when its stream is.</summary>
/// <remarks>
/// RabbitMQ.Client 7.2, when the stream ends within a frame, asks again and again for the rest: it keeps a core busy, and who waits
/// for an answer learns of the end only from heartbeats that do not come. So here the stream throws where it ends.
/// </remarks>
public static class BrokerConnection
{
    /// <summary>Has each connection tried when something listens, and whoever uses it learn at once that it was cut.</summary>
    internal static void ConnectWhenItListens(this IRabbitMqHostConfigurator host, BrokerPort port) => host.OnRefreshConnectionFactory = factory =>
    {
        factory.NoticeItsEnd();
        return port.WaitUntilItListens();
    };

    /// <summary>Has whoever uses the connection learn at once that it was cut.</summary>
    public static void NoticeItsEnd(this ConnectionFactory factory) =>
        factory.SocketFactory = family => new TcpClient(ConnectionFactoryBase.DefaultSocketFactory(family).Client);

    private sealed class TcpClient(Socket socket) : TcpClientAdapter(socket)
    {
        public override NetworkStream GetStream() => new EndingStream(Client);
    }

    private sealed class EndingStream(Socket socket) : NetworkStream(socket)
    {
        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await base.ReadAsync(buffer, cancellationToken);
            return read > 0 || buffer.IsEmpty ? read : throw new EndOfStreamException("RabbitMQ, or the network, has ended the connection.");
        }
    }
}
