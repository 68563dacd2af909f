using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>The meter of inboxes and outboxes, and the source of the relay's spans.</summary>
public static class PersistenceMeter
{
    /// <summary>Its name, to be added to whatever collects metrics and traces.</summary>
    public const string Name = "Orafo.Persistence";
}

/// <summary>What one DbContext's inbox and outbox count.</summary>
internal sealed class OutboxInstruments<TDbContext> : IDisposable where TDbContext : DbContext
{
    private static readonly KeyValuePair<string, object?> Whose = new("orafo.db_context", typeof(TDbContext).Name);

    private readonly Meter _meter = new(PersistenceMeter.Name);
    private readonly Counter<long> _published;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _duplicates;
    private readonly Histogram<double> _confirmed;
    private readonly Histogram<int> _deliveries;
    private OutboxReading? _reading;

    public OutboxInstruments()
    {
        _published = _meter.CreateCounter<long>("orafo.outbox.published", "{message}", "Messages that the broker confirmed.");
        _refused = _meter.CreateCounter<long>("orafo.outbox.refused", "{attempt}", "Attempts that the broker answered with no: returned, not confirmed, not to be sent.");
        _confirmed = _meter.CreateHistogram<double>("orafo.outbox.confirm.duration", "s", "From sending a message to the broker's confirm.");
        _duplicates = _meter.CreateCounter<long>("orafo.inbox.duplicates", "{message}", "Deliveries that were dropped because the consumer had handled the message.");
        _deliveries = _meter.CreateHistogram<int>("orafo.inbox.deliveries", "{message}", "Deliveries that shared a transaction.");
        _meter.CreateObservableGauge("orafo.outbox.waiting", () => Reading(reading => reading.Waiting), "{message}", "Messages that are due and have not left.");
        _meter.CreateObservableGauge("orafo.outbox.lag", () => Reading(reading => reading.Lag.TotalSeconds), "s", "Age of the oldest of them.");
        _meter.CreateObservableGauge("orafo.outbox.parked", () => Reading(reading => reading.Parked), "{transaction}", "Transactions whose first message fails whenever it is sent.");
        _meter.CreateObservableGauge("orafo.inbox.size", () => Reading(reading => reading.InboxRows), "{message}", "Messages that are remembered, as the planner estimates.");
    }

    /// <summary>The last look into the tables; null before the first one.</summary>
    public OutboxReading? LastReading
    {
        get => Volatile.Read(ref _reading);
        set
        {
            Volatile.Write(ref _reading, value);
            // A counter is not there before it has counted something, and then its first rise is none.
            _published.Add(0, Whose);
            _refused.Add(0, Whose);
            _duplicates.Add(0, Whose);
        }
    }

    public void Published(TimeSpan confirmedAfter)
    {
        _published.Add(1, Whose);
        _confirmed.Record(confirmedAfter.TotalSeconds, Whose);
    }

    public void Refused(int messages) => _refused.Add(messages, Whose);

    public void Dropped() => _duplicates.Add(1, Whose);

    public void Committed(int deliveries) => _deliveries.Record(deliveries, Whose);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<T>> Reading<T>(Func<OutboxReading, T> value) where T : struct =>
        LastReading is { } reading ? [new Measurement<T>(value(reading), Whose)] : [];
}

/// <summary>What was in the tables.</summary>
/// <param name="Waiting">Messages that are due, or were refused.</param>
/// <param name="Lag">Since the oldest of them was published or scheduled.</param>
/// <param name="InboxRows">Estimated.</param>
/// <param name="Parked">Transactions whose first message fails whenever it is sent.</param>
internal sealed record OutboxReading(long Waiting, TimeSpan Lag, long InboxRows, long Parked);
