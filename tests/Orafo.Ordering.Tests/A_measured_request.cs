using Orafo.Ordering.Monitoring;
using Orafo.Testing;

namespace Orafo.Ordering.Tests;

/// <summary>What the intake's histogram says became of it.</summary>
public sealed class A_measured_request
{
    [TestCase(OrderingInstruments.Refused, false, null, ExpectedResult = "refused")]
    [TestCase(OrderingInstruments.Failed, false, null, ExpectedResult = "failed")]
    [TestCase(OrderingInstruments.Failed, true, null, ExpectedResult = "refused", Description = "Nobody waits for it any longer: that is no fault of ours.")]
    [TestCase(OrderingInstruments.Failed, true, OrderingInstruments.Stored, ExpectedResult = "stored", Description = "The order is there, whoever hears of it.")]
    [TestCase(OrderingInstruments.Failed, false, OrderingInstruments.Repeated, ExpectedResult = "repeated")]
    public string Comes_to(string atLast, bool hungUp, string? end)
    {
        using var instruments = new OrderingInstruments();
        using var measured = new Measured("orafo.intake.duration");
        using (var request = instruments.Begin(new CancellationToken(hungUp)))
        {
            request.Outcome = atLast;
            if (end is not null)
                request.End(end);
        }

        return (string)measured.All.Single().Tags["orafo.outcome"]!;
    }
}
