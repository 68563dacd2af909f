using System.Globalization;
using Orafo.Pgq.Tests;

// The test assembly as a process of its own, for tests that kill it. The test runner does not come by here.
using var worker = WorkerProcess.Build(
    WorkerProcess.Environment(WorkerProcess.Database),
    int.Parse(WorkerProcess.Environment(WorkerProcess.MaxAttempts), CultureInfo.InvariantCulture),
    TimeSpan.FromSeconds(int.Parse(WorkerProcess.Environment(WorkerProcess.Lease), CultureInfo.InvariantCulture)));
await worker.RunAsync();
