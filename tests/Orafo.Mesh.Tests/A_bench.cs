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
            var before = Leftovers();
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
                Assert.That(Leftovers(), Is.EqualTo(before));
            }
        }
        finally
        {
            File.Delete(json);
        }
    }

    private static string[] Leftovers() => [.. Directory.EnumerateDirectories(Path.GetTempPath(), "orafo-bench-*").Order(StringComparer.Ordinal)];
}
