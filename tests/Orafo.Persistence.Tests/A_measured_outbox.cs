using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using MassTransit.EntityFrameworkCoreIntegration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Orafo.Contracts;

namespace Orafo.Persistence.Tests;

/// <summary>What an operator sees of inbox and outbox.</summary>
public sealed class A_measured_outbox
{
    [Test]
    public async Task Counts_what_left_what_came_twice_and_what_was_refused()
    {
        using var measured = new Measured();
        await using var service = await LedgerService.Start();
        await service.Publish(new Note("measured", 1), new Note("measured", 2), new Note("measured", 3));
        var twice = Guid.CreateVersion7();
        await service.PublishPast(new Note("measured", 4), twice);
        await service.Effects("measured", 4);
        await service.PublishPast(new Note("measured", 4), twice);
        await service.Publish(new RecallHandOver { OrderId = Guid.CreateVersion7() });

        await service.Eventually(_ => Task.FromResult(measured.Sum("orafo.inbox.duplicates")), duplicates => duplicates == 1);
        await service.Eventually(_ => Task.FromResult(measured.Sum("orafo.outbox.refused")), refused => refused >= 2);
        Assert.That(await service.Effects("measured", 4, isQuiet: false), Is.EquivalentTo([1, 2, 3, 4]));
        // The service sends a message to itself when it starts.
        Assert.That(measured.Sum("orafo.outbox.published"), Is.InRange(3, 4));
        Assert.That(measured.Sum("orafo.inbox.deliveries"), Is.EqualTo(4));
        await service.Eventually(_ => Task.FromResult(measured.Last("orafo.outbox.waiting")), waiting => waiting == 1);
        Assert.That(measured.Last("orafo.outbox.lag"), Is.GreaterThan(0));
    }

    [Test]
    public async Task Is_degraded_while_a_message_waits_for_long()
    {
        await using var service = await LedgerService.Start();
        var health = service.Instances[0].Services.GetRequiredService<HealthCheckService>();
        async Task<HealthStatus> Lag() => (await health.CheckHealthAsync(check => check.Tags.Contains("lag"))).Status;
        Assert.That(await Lag(), Is.EqualTo(HealthStatus.Healthy));

        await service.Publish(new RecallHandOver { OrderId = Guid.CreateVersion7() });
        await service.Eventually(db => db.Set<OutboxMessage>().ExecuteUpdateAsync(message => message.SetProperty(x => x.SentTime, x => x.SentTime.AddMinutes(-5))), rows => rows > 0);
        await service.Eventually(_ => Lag(), status => status == HealthStatus.Degraded);

        await service.Eventually(db => db.Set<OutboxMessage>().ExecuteDeleteAsync(), rows => rows > 0);
        await service.Eventually(_ => Lag(), status => status == HealthStatus.Healthy);
    }

    /// <summary>What the meter has said of the ledger's DbContext.</summary>
    private sealed class Measured : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentQueue<(string Instrument, double Value)> _measurements = [];

        public Measured()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == PersistenceMeter.Name)
                    listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => _measurements.Enqueue((instrument.Name, value)));
            _listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => _measurements.Enqueue((instrument.Name, value)));
            _listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => _measurements.Enqueue((instrument.Name, value)));
            _listener.Start();
        }

        public double Sum(string instrument) => _measurements.Where(measurement => measurement.Instrument == instrument).Sum(measurement => measurement.Value);

        public double Last(string instrument)
        {
            _listener.RecordObservableInstruments();
            return _measurements.LastOrDefault(measurement => measurement.Instrument == instrument).Value;
        }

        public void Dispose() => _listener.Dispose();
    }
}
