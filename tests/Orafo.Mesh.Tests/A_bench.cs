using System.Text.Json;

namespace Orafo.Mesh.Tests;

/// <summary>The command that everybody's figures come from.</summary>
public sealed class A_bench
{
    [Test]
    public async Task Measures_a_mesh_of_its_own_and_leaves_nothing_behind()
    {
        var json = Path.GetTempFileName();
        try
        {
            var before = Testing.Mesh.Leftovers("bench");
            var (exitCode, output) = await Testing.Mesh.RunLauncherAsync("bench", "--warm-up", "50", "--orders", "50", "--json", json);
            Assert.That(exitCode, Is.Zero, output);

            var figures = JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement;
            using (Assert.EnterMultipleScope())
            {
                foreach (var figure in new[]
                {
                    "ordersPerSecond", "cpuSecondsPer1000Orders", "loneOrderP50Ms", "intakePerSecond", "intakeP99Ms", "commitsPerOrder",
                })
                    Assert.That(figures.GetProperty(figure).GetDouble(), Is.Positive, figure);
                Assert.That(figures.TryGetProperty("sqlRoundTripsPerOrder", out _), "null where ss is not installed, but there");
                Assert.That(Testing.Mesh.Leftovers("bench"), Is.SubsetOf(before));
            }
        }
        finally
        {
            File.Delete(json);
        }
    }

    [Test]
    public async Task Measures_the_intake_by_itself()
    {
        var json = Path.GetTempFileName();
        try
        {
            var before = Testing.Mesh.Leftovers("bench-intake");
            // PostgreSQL counts what a connection commits once a second at most: the orders have to take longer than that.
            var (exitCode, output) = await Testing.Mesh.RunLauncherAsync("bench", "intake", "--orders", "5001", "--clients", "4", "--json", json);
            Assert.That(exitCode, Is.Zero, output);

            var figures = JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement;
            using (Assert.EnterMultipleScope())
            {
                foreach (var figure in new[] { "acceptedPerSecond", "p50Ms", "p99Ms", "commitsPerOrder" })
                    Assert.That(figures.GetProperty(figure).GetDouble(), Is.Positive, figure);
                foreach (var part in new[] { "ordering", "postgresql", "rabbitmq", "clients" })
                    Assert.That(figures.GetProperty("cpuSecondsPer1000OrdersOf").GetProperty(part).GetDouble(), Is.Positive, part);
                Assert.That(figures.GetProperty("memoryMiB").EnumerateArray().Select(memory => memory.GetDouble()), Has.Exactly(3).Items.And.All.Positive);
                Assert.That(Testing.Mesh.Leftovers("bench-intake"), Is.SubsetOf(before));
            }
        }
        finally
        {
            File.Delete(json);
        }
    }

    [Test]
    public async Task Measures_a_queue_of_jobs()
    {
        var json = Path.GetTempFileName();
        try
        {
            var (exitCode, output) = await Testing.Mesh.RunLauncherAsync("bench", "pgq", "--waiting", "1000", "--workers", "2", "--seconds", "1", "--json", json);
            Assert.That(exitCode, Is.Zero, output);

            var figures = JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement;
            using (Assert.EnterMultipleScope())
            {
                foreach (var figure in new[] { "jobsPerSecond", "claimP50Ms", "claimP99Ms", "commitsPerJob" })
                    Assert.That(figures.GetProperty("queues")[0].GetProperty(figure).GetDouble(), Is.Positive, figure);
                Assert.That(figures.GetProperty("idle").GetProperty("workers").GetInt32(), Is.EqualTo(2));
                Assert.That(output, Does.Contain("| 1,000 | 2 |"));
            }
        }
        finally
        {
            File.Delete(json);
        }
    }

    [Test]
    public async Task Measures_the_invoice_service_while_print_jobs_gather()
    {
        var json = Path.GetTempFileName();
        try
        {
            var before = Testing.Mesh.Leftovers("bench-backlog");
            var (exitCode, output) = await Testing.Mesh.RunLauncherAsync("bench", "backlog", "--jobs", "1500", "--json", json);
            Assert.That(exitCode, Is.Zero, output);

            var figures = JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement;
            var samples = figures.GetProperty("samples").EnumerateArray().ToArray();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(samples.Select(sample => sample.GetProperty("waiting").GetInt64()), Is.EqualTo([1000L, 1500L]));
                Assert.That(samples.Select(sample => sample.GetProperty("heapMiB").GetDouble()), Is.All.InRange(1d, 500d));
                Assert.That(figures.GetProperty("printed").GetInt64(), Is.Positive);
                Assert.That(Testing.Mesh.Leftovers("bench-backlog"), Is.SubsetOf(before));
            }
        }
        finally
        {
            File.Delete(json);
        }
    }
}
