using System.Net;
using Orafo.ServiceDefaults.Webhooks;

namespace Orafo.HandOver.Tests.Webhooks;

public sealed class An_address
{
    [TestCase("1.1.1.1"), TestCase("172.15.255.255"), TestCase("172.32.0.1"), TestCase("198.20.0.1"), TestCase("2606:4700:4700::1111"), TestCase("::ffff:1.1.1.1")]
    public void Of_the_internet_is_public(string address) => Assert.That(IPAddress.Parse(address).IsPublic(), Is.True);

    [TestCase("0.0.0.0"), TestCase("10.0.0.1"), TestCase("100.64.0.1"), TestCase("127.0.0.1"), TestCase("127.255.255.254"), TestCase("169.254.169.254")]
    [TestCase("172.16.0.1"), TestCase("172.31.255.255"), TestCase("192.0.0.1"), TestCase("192.0.2.1"), TestCase("192.168.1.1"), TestCase("198.18.0.1")]
    [TestCase("198.51.100.1"), TestCase("203.0.113.1"), TestCase("224.0.0.1"), TestCase("255.255.255.255")]
    [TestCase("::"), TestCase("::1"), TestCase("::ffff:127.0.0.1"), TestCase("::ffff:10.0.0.1"), TestCase("::127.0.0.1"), TestCase("64:ff9b::7f00:1")]
    [TestCase("fe80::1"), TestCase("fc00::1"), TestCase("fd12::1"), TestCase("ff02::1"), TestCase("2001:db8::1"), TestCase("2001::1"), TestCase("2002:7f00:1::")]
    [TestCase("64:ff9b:1::1"), TestCase("100::1"), TestCase("3fff::1"), TestCase("fec0::1")]
    public void Of_our_own_networks_or_of_none_is_not_public(string address) => Assert.That(IPAddress.Parse(address).IsPublic(), Is.False);

    [Test]
    public void Of_a_network_that_is_allowed_is_allowed_however_it_is_written()
    {
        IPNetwork[] networks = [IPNetwork.Parse("10.1.0.0/16")];
        Assert.That(IPAddress.Parse("10.1.2.3").IsAllowed(networks), Is.True);
        Assert.That(IPAddress.Parse("::ffff:10.1.2.3").IsAllowed(networks), Is.True);
        Assert.That(IPAddress.Parse("10.2.0.1").IsAllowed(networks), Is.False);
        Assert.That(IPAddress.Parse("1.1.1.1").IsAllowed(networks), Is.True);
    }
}
