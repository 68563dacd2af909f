using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Orafo.Ordering.Monitoring;

/// <summary>What intake and saga count and measure. No tag names an order, a client or an article.</summary>
public sealed class OrderingInstruments : IDisposable
{
    /// <summary>An order was placed, and is stored.</summary>
    internal const string Stored = "stored";

    /// <summary>An Idempotency-Key came again, with its order.</summary>
    internal const string Repeated = "repeated";

    /// <summary>The client's fault, or it hung up; nothing was stored.</summary>
    internal const string Refused = "refused";

    /// <summary>Ours: the database was away, above all.</summary>
    internal const string Failed = "failed";

    /// <summary>Of the meter.</summary>
    internal const string Name = "Orafo.Ordering";

    private readonly Meter _meter = new(Name);
    private readonly Histogram<double> _intake;
    private readonly Histogram<double> _step;
    private readonly Histogram<double> _order;

    public OrderingInstruments()
    {
        _intake = _meter.CreateHistogram<double>("orafo.intake.duration", "s", "From a request to what became of the order in it, without what the client waits for after that.");
        _step = _meter.CreateHistogram<double>("orafo.order.step.duration", "s", "How long an order was in a state, by the one that it came to next.");
        _order = _meter.CreateHistogram<double>("orafo.order.duration", "s", "From placing an order to its end.");
    }

    /// <summary>A request that places an order begins. It is over when it is disposed of, if nobody says so before.</summary>
    /// <param name="hungUp">Cancelled when the client is no longer there.</param>
    internal Intake Begin(CancellationToken hungUp) => new(_intake, hungUp);

    /// <summary>The order has come from one state to another, and that is committed.</summary>
    internal void Passed(string state, string next, TimeSpan? after)
    {
        if (after is { } duration)
            _step.Record(duration.TotalSeconds, new("orafo.state", state), new("orafo.next", next));
    }

    /// <summary>It has come to its end.</summary>
    internal void Ended(string state, TimeSpan after) => _order.Record(after.TotalSeconds, new KeyValuePair<string, object?>("orafo.state", state));

    public void Dispose() => _meter.Dispose();

    /// <summary>One request that places an order.</summary>
    internal sealed class Intake(Histogram<double> duration, CancellationToken hungUp) : IDisposable
    {
        private readonly long _began = Stopwatch.GetTimestamp();
        private bool _isOver;

        /// <summary>What it comes to unless <see cref="End"/> says something else.</summary>
        public string Outcome { get; set; } = Refused;

        public void End(string outcome)
        {
            if (_isOver)
                return;
            _isOver = true;
            duration.Record(Stopwatch.GetElapsedTime(_began).TotalSeconds, new KeyValuePair<string, object?>("orafo.outcome", outcome));
        }

        public void Dispose() => End(hungUp.IsCancellationRequested ? Refused : Outcome);
    }
}
