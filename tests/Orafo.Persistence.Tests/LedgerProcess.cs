using MassTransit;
using Orafo.Cli;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Persistence.Tests;

/// <summary>An instance of the ledger service in a process of its own, which may be killed, or kill itself.</summary>
internal static class LedgerProcess
{
    public const string Database = "LEDGER_DATABASE";
    public const string Broker = "LEDGER_BROKER";
    private static int _count;

    public static string Environment(string variable) => System.Environment.GetEnvironmentVariable(variable)
        ?? throw new InvalidOperationException($"The variable {variable} says where to work; without it this is a test assembly.");

    /// <summary>What it hears.</summary>
    public static void Consumers(IBusRegistrationConfigurator bus)
    {
        LedgerService.Everybody(bus);
        bus.AddConsumer<DangerousConsumer>().Endpoint(endpoint => endpoint.Name = "dangerous");
    }

    public static ChildProcess Start(LedgerService service, string directory) => ChildProcess.Start(
        "ledger", [Repository.Dotnet, typeof(LedgerProcess).Assembly.Location],
        new Dictionary<string, string?> { [Database] = service.Database, [Broker] = service.Broker.Uri },
        Path.Combine(directory, $"ledger-{Interlocked.Increment(ref _count)}.log"), TestServers.Watchdog, workingDirectory: directory);
}
