using MassTransit;

namespace Orafo.ServiceDefaults;

/// <summary>Starts the bus when there is a database to work on, and has it look for its broker no longer when it is to stop.</summary>
/// <param name="depot">Of MassTransit.</param>
/// <param name="port">The broker's.</param>
/// <param name="database">Ends when it has all migrations: before that each message would fail, and be put aside.</param>
internal sealed class PatientBusDepot(IBusDepot depot, BrokerPort port, Func<CancellationToken, Task> database) : IBusDepot
{
    public async Task Start(CancellationToken cancellationToken)
    {
        await database(port.Left);
        await depot.Start(port.Left);
    }

    public Task Stop(CancellationToken cancellationToken)
    {
        port.Leave();
        return depot.Stop(cancellationToken);
    }
}
