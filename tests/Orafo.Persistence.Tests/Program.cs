using Orafo.Persistence.Tests;

// The test assembly as a process of its own, for tests that kill it. The test runner does not come by here.
await using var instance = LedgerService.BuildInstance(
    LedgerProcess.Environment(LedgerProcess.Database), LedgerProcess.Environment(LedgerProcess.Broker), LedgerProcess.Consumers);
await instance.RunAsync();
