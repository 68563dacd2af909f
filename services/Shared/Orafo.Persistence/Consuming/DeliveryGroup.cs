using System.Diagnostics.CodeAnalysis;
using Microsoft.EntityFrameworkCore;

namespace MassTransit.EntityFrameworkCoreIntegration;

/// <summary>Deliveries that share a transaction for as long as none of them holds the others up.</summary>
internal sealed class DeliveryGroup<TDbContext>(Delivery<TDbContext>[] deliveries) where TDbContext : DbContext
{
    private readonly Lock _lock = new();
    private int _taken;
    private bool _isRestarted;

    /// <summary>All that have not left it.</summary>
    public Delivery<TDbContext>[] Deliveries { get; private set; } = deliveries;

    /// <summary>The next one, if there is one.</summary>
    public bool TryTake([NotNullWhen(true)] out Delivery<TDbContext>? delivery)
    {
        lock (_lock)
        {
            delivery = _taken < Deliveries.Length ? Deliveries[_taken++] : null;
            return delivery is not null;
        }
    }

    /// <summary>From the first one again. Nobody leaves any longer: what was taken once has the group's DbContext.</summary>
    public void Restart()
    {
        lock (_lock)
            (_taken, _isRestarted) = (0, true);
    }

    /// <summary>Those that were never taken leave it.</summary>
    public Delivery<TDbContext>[] Close()
    {
        lock (_lock)
        {
            if (_isRestarted)
                return [];
            var left = Deliveries[_taken..];
            Deliveries = Deliveries[.._taken];
            return left;
        }
    }
}
