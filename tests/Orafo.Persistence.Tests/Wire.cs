using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;

namespace Orafo.Persistence.Tests;

internal enum Direction
{
    ToServer,
    FromServer,
}

/// <summary>Where a connection is to be cut: at certain bytes on their way.</summary>
/// <param name="Direction">Whose bytes.</param>
/// <param name="Bytes">What they are; a text that is written into a statement or a message, or the head of a frame.</param>
/// <param name="IsAnswerLost">They still arrive, and are answered, but the answer does not arrive. Otherwise they do not, but what was sent before them does.</param>
internal sealed record Cut(Direction Direction, byte[] Bytes, bool IsAnswerLost)
{
    /// <summary>A method frame <c>basic.ack</c> (AMQP 0-9-1, 2.3.5 and 1.8.3): of a consumer, or the broker's confirm.</summary>
    public static byte[] Ack => [0, 0, 0, 13, 0, 60, 0, 80];

    public static Cut Before(string text) => new(Direction.ToServer, Encoding.UTF8.GetBytes(text), IsAnswerLost: false);

    public static Cut After(string text) => new(Direction.ToServer, Encoding.UTF8.GetBytes(text), IsAnswerLost: true);

    public static Cut AnswerWith(string text) => new(Direction.FromServer, Encoding.UTF8.GetBytes(text), IsAnswerLost: false);

    public static Cut AckOf(Direction direction) => new(direction, Ack, IsAnswerLost: false);
}

/// <summary>A piece of network between an instance and one of its servers.</summary>
internal sealed class Wire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _server;
    private readonly Lock _lock = new();
    private readonly HashSet<Connection> _connections = [];
    private readonly Task _accepting;
    private Cut? _cut;
    private int _left;
    private int _cuts;

    /// <param name="server">The server's port on this machine.</param>
    public Wire(int server)
    {
        _server = server;
        _listener.Start();
        _accepting = Accept();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How often <see cref="CutAt"/> has come true.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    public void CutAt(Cut cut, int times)
    {
        lock (_lock)
            (_cut, _left) = (cut, times);
    }

    /// <summary>Ends all connections, whatever goes over them.</summary>
    public void CutAll()
    {
        Connection[] connections;
        lock (_lock)
            connections = [.. _connections];
        foreach (var connection in connections)
            connection.Break();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        CutAll();
    }

    private async Task Accept()
    {
        try
        {
            while (true)
            {
                var connection = new Connection(this, await _listener.AcceptTcpClientAsync());
                lock (_lock)
                    _connections.Add(connection);
                _ = connection.Run();
            }
        }
        // The listener was stopped.
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    /// <summary>Looks for the bytes; whoever finds them has them counted.</summary>
    private Cut? Find(Direction direction, ReadOnlySpan<byte> bytes, out int index)
    {
        index = -1;
        lock (_lock)
        {
            if (_left == 0 || _cut!.Direction != direction || (index = bytes.IndexOf(_cut.Bytes)) < 0)
                return null;
            _left--;
            _cuts++;
            return _cut;
        }
    }

    private sealed class Connection(Wire wire, TcpClient client)
    {
        /// <summary>Bytes that might be the beginning of what is looked for; longer than any.</summary>
        private const int Tail = 64;

        private readonly TcpClient _server = new() { NoDelay = true };
        private volatile bool _isAnswerLost;
        private int _isBroken;

        public async Task Run()
        {
            client.NoDelay = true;
            try
            {
                await _server.ConnectAsync(IPAddress.Loopback, wire._server);
                await Task.WhenAny(Pump(Direction.ToServer, client.GetStream(), _server.GetStream()), Pump(Direction.FromServer, _server.GetStream(), client.GetStream()));
            }
            // The server is away.
            catch (SocketException)
            {
            }
            finally
            {
                Break();
                lock (wire._lock)
                    wire._connections.Remove(this);
            }
        }

        /// <summary>The client notices at once; the server reads to the end what it got.</summary>
        public void Break()
        {
            if (Interlocked.Exchange(ref _isBroken, 1) != 0)
                return;
            client.LingerState = new LingerOption(true, 0);
            client.Dispose();
            _server.Dispose();
        }

        private async Task Pump(Direction direction, NetworkStream from, NetworkStream to)
        {
            var buffer = new byte[Tail + 65536];
            var tail = 0;
            try
            {
                while (await from.ReadAsync(buffer.AsMemory(tail, 65536)) is > 0 and var read)
                {
                    if (direction == Direction.FromServer && _isAnswerLost)
                        return;
                    var found = wire.Find(direction, buffer.AsSpan(0, tail + read), out var index);
                    _isAnswerLost |= found is { IsAnswerLost: true };
                    var isCut = found is { IsAnswerLost: false };
                    var end = isCut ? Math.Max(index, tail) : tail + read;
                    await to.WriteAsync(buffer.AsMemory(tail, end - tail));
                    if (isCut)
                        return;
                    var kept = Math.Min(Tail, tail + read);
                    buffer.AsSpan(tail + read - kept, kept).CopyTo(buffer);
                    // What was found is not looked for again.
                    tail = found is null ? kept : 0;
                }
            }
            // Somebody else ended the connection.
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
            }
        }
    }
}

/// <summary>Both wires of an instance.</summary>
internal sealed class Wires : IAsyncDisposable
{
    public Wires(LedgerService service) =>
        (Database, Broker) = (new(new NpgsqlConnectionStringBuilder(service.Database).Port), new(new Uri(service.Broker.Uri).Port));

    public Wire Database { get; }
    public Wire Broker { get; }

    /// <remarks>Statements are not prepared, so that each has its text with it.</remarks>
    public string Reroute(string database) =>
        new NpgsqlConnectionStringBuilder(database) { Host = "127.0.0.1", Port = Database.Port, AutoPrepareMinUsages = int.MaxValue }.ConnectionString;

    public string Reroute(Uri broker) => new UriBuilder(broker) { Host = "127.0.0.1", Port = Broker.Port }.Uri.AbsoluteUri;

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await Broker.DisposeAsync();
    }
}
