using System.Collections.Concurrent;

namespace Orafo.HandOver.Shipping;

/// <summary>Shipments that this process has stored, until their bookings begin: to read them again would be a round trip and a commit for each order.</summary>
/// <remarks>
/// One that is recalled meanwhile is still here as it was. Its booking does no harm: the carrier refuses what was recalled, and what changes the shipment says
/// from which state. Bookings that wait for long, or begin in another process, read their shipments.
/// </remarks>
public sealed class FreshShipments
{
    /// <summary>So many orders' addresses are in memory at most, however many bookings wait.</summary>
    public const int Most = 1000;

    private readonly ConcurrentDictionary<Guid, Shipment> _byOrder = [];
    private readonly ConcurrentQueue<Guid> _inTurn = [];

    /// <summary>After its commit.</summary>
    public void Keep(Shipment shipment)
    {
        _byOrder[shipment.OrderId] = shipment;
        _inTurn.Enqueue(shipment.OrderId);
        while (_inTurn.Count > Most && _inTurn.TryDequeue(out var first))
            _byOrder.TryRemove(first, out _);
    }

    /// <summary>Once: whoever tries again looks at what is there by then.</summary>
    public Shipment? Take(Guid orderId) => _byOrder.TryRemove(orderId, out var shipment) ? shipment : null;
}
