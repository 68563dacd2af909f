using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Orafo.Pgq;

/// <summary>The meter and the source of spans of all queues.</summary>
public static class PgqMeter
{
    /// <summary>Its name, to be added to whatever collects metrics and traces.</summary>
    public const string Name = "Orafo.Pgq";

    internal static ActivitySource Spans { get; } = new(Name);
}

/// <summary>What the queues of a process count. The tag <c>orafo.queue</c> names the queue.</summary>
internal sealed class PgqInstruments : IDisposable
{
    private readonly Meter _meter = new(PgqMeter.Name);
    private readonly Counter<long> _published;
    private readonly Counter<long> _finished;
    private readonly Counter<long> _retried;
    private readonly Counter<long> _parked;
    private readonly Counter<long> _lost;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _latency;
    private readonly ConcurrentDictionary<string, QueueReading> _readings = new(StringComparer.Ordinal);

    public PgqInstruments()
    {
        _published = _meter.CreateCounter<long>("orafo.pgq.published", "{job}", "Jobs that were written, whether or not their transaction committed.");
        _finished = _meter.CreateCounter<long>("orafo.pgq.finished", "{job}", "Jobs that came to their end, by outcome.");
        _retried = _meter.CreateCounter<long>("orafo.pgq.retried", "{job}", "Attempts after which a job is tried again.");
        _parked = _meter.CreateCounter<long>("orafo.pgq.parked", "{job}", "Jobs that wait for an operator from then on.");
        _lost = _meter.CreateCounter<long>("orafo.pgq.lease.lost", "{lease}", "Leases that ran out before the job came to its end.");
        _duration = _meter.CreateHistogram<double>("orafo.pgq.job.duration", "s", "How long a handler took.");
        _latency = _meter.CreateHistogram<double>("orafo.pgq.claim.latency", "s", "From when a job was due to when it was claimed, by the database's clock.");
        _meter.CreateObservableGauge("orafo.pgq.jobs", Jobs, "{job}", "Jobs in the table by state, counted to 100,000.");
        _meter.CreateObservableGauge("orafo.pgq.lag", () => _readings.Select(of => new Measurement<double>(of.Value.Lag, Of(of.Key))), "s", "For how long the first in line has been due.");
    }

    public void Published(string queue, int jobs) => _published.Add(jobs, Of(queue));

    public void Finished(string queue, string outcome, TimeSpan? duration)
    {
        _finished.Add(1, Of(queue), new("orafo.outcome", outcome));
        if (duration is { } took)
            _duration.Record(took.TotalSeconds, Of(queue));
    }

    public void Retried(string queue) => _retried.Add(1, Of(queue));

    public void Parked(string queue) => _parked.Add(1, Of(queue));

    public void Lost(string queue, int leases = 1) => _lost.Add(leases, Of(queue));

    public void Claimed(string queue, double latency) => _latency.Record(latency, Of(queue));

    public void Read(string queue, QueueReading reading)
    {
        _readings[queue] = reading;
        // A counter is not there before it has counted something, and then its first rise is none.
        foreach (var counter in (ReadOnlySpan<Counter<long>>)[_published, _retried, _parked, _lost])
            counter.Add(0, Of(queue));
    }

    /// <summary>What is in the table is not known now: a gap is better than what was true once.</summary>
    public void Forget(string queue) => _readings.TryRemove(queue, out _);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Jobs()
    {
        foreach (var (queue, reading) in _readings)
        {
            yield return new(reading.Waiting, Of(queue), new("orafo.state", JobStates.Waiting));
            yield return new(reading.Scheduled, Of(queue), new("orafo.state", JobStates.Scheduled));
            yield return new(reading.Running, Of(queue), new("orafo.state", JobStates.Running));
            yield return new(reading.Suspects, Of(queue), new("orafo.state", JobStates.Suspect));
            yield return new(reading.Parked, Of(queue), new("orafo.state", JobStates.Parked));
        }
    }

    private static KeyValuePair<string, object?> Of(string queue) => new("orafo.queue", queue);
}

/// <summary>What was in the table.</summary>
/// <param name="Lag">In seconds.</param>
internal sealed record QueueReading(long Waiting, long Scheduled, long Running, long Suspects, long Parked, double Lag);
