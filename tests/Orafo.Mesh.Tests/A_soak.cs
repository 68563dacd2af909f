using System.Text.Json;

namespace Orafo.Mesh.Tests;

/// <summary>The command that looks for what grows: a short run, to see that it works.</summary>
public sealed class A_soak
{
    [Test]
    public async Task Sees_the_tables_and_says_what_cost_most()
    {
        var json = Path.GetTempFileName();
        try
        {
            var before = Testing.Mesh.Leftovers("soak");
            var (exitCode, output) = await Testing.Mesh.RunLauncherAsync("soak", "--orders", "600", "--rate", "100", "--json", json);
            Assert.That(exitCode, Is.Zero, output);

            var report = JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement;
            using (Assert.EnterMultipleScope())
            {
                Assert.That(report.GetProperty("early").GetProperty("orders").GetInt32(), Is.EqualTo(300));
                Assert.That(report.GetProperty("late").GetProperty("inboxes").GetProperty("ordering").GetProperty("rows").GetInt64(), Is.Positive);
                Assert.That(report.GetProperty("late").GetProperty("tables").GetProperty("invoicing outbox_message").GetProperty("table").GetDouble(), Is.Positive);
                Assert.That(report.GetProperty("expensive").GetArrayLength(), Is.EqualTo(10));
                Assert.That(report.GetProperty("expensive")[0].GetProperty("milliseconds").GetDouble(), Is.Positive);
                Assert.That(report.GetProperty("idleCpuPercent").GetDouble(), Is.Positive);
                Assert.That(Testing.Mesh.Leftovers("soak"), Is.SubsetOf(before));
            }
        }
        finally
        {
            File.Delete(json);
        }
    }
}
