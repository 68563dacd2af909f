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
            var (exitCode, output) = await Testing.Mesh.RunLauncherAsync("bench", "--orders", "50", "--json", json);
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
}
