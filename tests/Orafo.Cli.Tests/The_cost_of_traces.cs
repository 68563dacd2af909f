using Orafo.Cli.Benchmarking;

namespace Orafo.Cli.Tests;

/// <summary>What <c>bench trace</c> makes of its measurements.</summary>
public sealed class The_cost_of_traces
{
    [TestCase(100, 85.1, 0, true)]
    [TestCase(100, 110, 0, true)]
    [TestCase(100, 85, 0, false)]
    [TestCase(100, 95, 1, false)]
    public void Is_less_than_15_percent_and_no_span(double untraced, double traced, long dropped, bool isAsPromised) =>
        Assert.That(new TraceReport(untraced, traced, 20, 20, 36.5, dropped).IsAsPromised, Is.EqualTo(isAsPromised));

    [Test]
    public void Is_told_in_percent_of_what_goes_through_without() =>
        Assert.That(new TraceReport(100, 88, 18.72, 20.86, 36.5, 0).Table(), Does.Contain("88 orders/s (12.0 % less)"));
}
