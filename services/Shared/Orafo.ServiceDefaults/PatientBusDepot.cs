using MassTransit;

namespace Orafo.ServiceDefaults;

/// <summary>Starts the bus, and has it look for its broker no longer when it is to stop.</summary>
internal sealed class PatientBusDepot(IBusDepot depot, BrokerPort port) : IBusDepot
{
    public Task Start(CancellationToken cancellationToken) => depot.Start(port.Left);

    public Task Stop(CancellationToken cancellationToken)
    {
        port.Leave();
        return depot.Stop(cancellationToken);
    }
}
