using System.Net;
using System.Net.Sockets;

namespace Orafo.ServiceDefaults.Webhooks;

/// <summary>Which addresses are the public internet's, and which lead into our own networks or nowhere (IANA's special-purpose registries).</summary>
public static class PublicAddresses
{
    private static readonly IPNetwork[] Special =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
            "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            // Of IPv6 only 2000::/3 is given out; within it these are special. Teredo and 6to4 carry an IPv4 address, whatever that is.
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        }.Select(network => IPNetwork.Parse(network)),
    ];

    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    /// <summary>An IPv4 address that is written as an IPv6 address is judged as what it is.</summary>
    public static bool IsPublic(this IPAddress address)
    {
        var its = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return (its.AddressFamily == AddressFamily.InterNetwork || GlobalUnicast.Contains(its)) && !Array.Exists(Special, network => network.Contains(its));
    }

    /// <summary>Whether a host leads nowhere but to addresses that are not allowed, as far as is known now. Who connects has to look again: names move.</summary>
    /// <param name="host">A name or an address.</param>
    /// <param name="networks">Allowed although they are not public.</param>
    /// <param name="limit">For the question; a name that is not found in that time is not known to lead anywhere.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<bool> LeadsAstray(string host, IReadOnlyCollection<IPNetwork> networks, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        end.CancelAfter(limit);
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(host, end.Token);
            return addresses.Length > 0 && !Array.Exists(addresses, address => address.IsAllowed(networks));
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Public, or in one of these networks.</summary>
    public static bool IsAllowed(this IPAddress address, IReadOnlyCollection<IPNetwork> networks)
    {
        var its = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return its.IsPublic() || networks.Any(network => network.Contains(its));
    }
}
