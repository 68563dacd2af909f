using System.Net;
using System.Net.Sockets;

namespace Orafo.Cli.Servers;

/// <summary>Ports on the loopback interface.</summary>
public static class Ports
{
    /// <summary>The port itself if nobody listens on it, otherwise some other that is free.</summary>
    public static int FreeOr(int usual) => IsFree(usual) ? usual : Free();

    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static bool IsFree(int port)
    {
        try
        {
            // On all interfaces: somebody who listens on any of them keeps us from it.
            using var listener = new TcpListener(IPAddress.Any, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
