using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Orafo.Testing;

/// <summary>What the instruments of a name measure from now on, in this process.</summary>
public sealed class Measured : IDisposable
{
    private readonly ConcurrentQueue<(double Value, Dictionary<string, object?> Tags)> _all = [];
    private readonly MeterListener _listener = new();

    public Measured(string instrument)
    {
        _listener.InstrumentPublished = (published, listener) =>
        {
            if (published.Name == instrument)
                listener.EnableMeasurementEvents(published);
        };
        _listener.SetMeasurementEventCallback<int>((_, value, tags, _) => Add(value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, _) => Add(value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, _) => Add(value, tags));
        _listener.Start();
    }

    /// <summary>In the order in which it came.</summary>
    public IReadOnlyList<(double Value, Dictionary<string, object?> Tags)> All => [.. _all];

    /// <summary>What a counter has counted.</summary>
    public double Sum => _all.Sum(one => one.Value);

    /// <summary>What a gauge shows now.</summary>
    public IReadOnlyList<(double Value, Dictionary<string, object?> Tags)> Look()
    {
        _all.Clear();
        _listener.RecordObservableInstruments();
        return All;
    }

    public void Dispose() => _listener.Dispose();

    private void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => _all.Enqueue((value, new(tags.ToArray(), StringComparer.Ordinal)));
}
