using System.Text.Json;

namespace Orafo.Mesh.Tests;

/// <summary>The road from one HTTP handler to here. What goes wrong on it really does: it is counted by what came out of a printer.</summary>
public sealed class A_comparison
{
    [Test]
    public async Task Shows_what_each_step_loses_and_a_queue_in_the_database_does_not()
    {
        var directory = Directory.CreateTempSubdirectory("orafo-comparison-").FullName;
        try
        {
            var before = Testing.Mesh.Leftovers("compare");
            var (json, html) = (Path.Combine(directory, "report.json"), Path.Combine(directory, "report.html"));

            async Task<List<JsonElement>> Compare(params string[] how)
            {
                var (exitCode, output) = await Testing.Mesh.RunLauncherAsync(["compare", "--orders", "40", .. how, "--json", json]);
                Assert.That(exitCode, Is.Zero, output);
                return JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement.GetProperty("outcomes").EnumerateArray().ToList();
            }

            List<JsonElement> outcomes =
            [
                .. await Compare("--only", "sync-http-printer", "rabbit-request-response", "async-pgq",
                    "--fault", "reply-lost", "broker-killed", "--html", html),
                // Of these, who is refused is counted, and none of them orders again: on this scale a client waits for its answer for eight seconds.
                .. await Compare("--only", "sync-http", "async-http-printer", "--fault", "reply-lost", "broker-killed", "--time-scale", "0.12"),
            ];
            int Count(string step, string fault, string what) =>
                outcomes.Single(of => of.GetProperty("step").GetString() == step && of.GetProperty("fault").GetString() == fault).GetProperty(what).GetInt32();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(outcomes, Has.Count.EqualTo(10), "a step without a printer has nothing to lose, and one without a broker has none to kill");
                Assert.That(outcomes.Select(of => of.GetProperty("cpuSecondsPer1000Orders").GetDouble()), Has.All.Positive, "whoever is killed has taken time, too");
                Assert.That(Count("sync-http", "none", "accepted"), Is.EqualTo(40));
                Assert.That(Count("sync-http-printer", "reply-lost", "halfDone"), Is.Positive);
                Assert.That(Count("async-http-printer", "none", "printedTwice"), Is.Positive, "two loops find the same row");
                Assert.That(Count("async-http-printer", "reply-lost", "refused"), Is.Zero);
                Assert.That(Count("rabbit-request-response", "reply-lost", "halfDone"), Is.Positive);
                foreach (var fault in new[] { "none", "reply-lost" })
                {
                    Assert.That(Count("async-pgq", fault, "accepted"), Is.EqualTo(40), fault);
                    foreach (var harm in new[] { "lost", "stuck", "halfDone", "printedTwice" })
                        Assert.That(Count("async-pgq", fault, harm), Is.Zero, $"{fault}: {harm}");
                }

                var page = await File.ReadAllTextAsync(html);
                Assert.That(page, Does.Contain("<svg").And.Contain("rabbit-request-response").And.Contain("prefers-color-scheme"));
                Assert.That(page, Does.Not.Contain("src=").And.Not.Contain("href="), "it needs nothing else");
                Assert.That(Testing.Mesh.Leftovers("compare"), Is.SubsetOf(before));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <remarks>RabbitMQ takes back what is not acknowledged in time, while the page is being printed.</remarks>
    [Test]
    public async Task Shows_who_holds_a_delivery_for_longer_than_the_broker_waits()
    {
        var json = Path.GetTempFileName();
        try
        {
            var (exitCode, output) = await Testing.Mesh.RunLauncherAsync(
                "compare", "--orders", "4", "--only", "async-rabbit-printer", "async-pgq", "--fault", "acknowledgement-timeout", "--json", json);
            Assert.That(exitCode, Is.Zero, output);

            var runs = JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement.GetProperty("outcomes").EnumerateArray()
                .Where(of => of.GetProperty("fault").GetString() == "acknowledgement-timeout").ToList();
            int Count(int run, string what) => runs[run].GetProperty(what).GetInt32();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(runs, Has.Count.EqualTo(3));
                Assert.That(Count(0, "stuck"), Is.Positive, "its channel is closed, and nothing is consumed any more");
                Assert.That(Count(1, "printedTwice"), Is.Positive, "its channel is opened again, and the same pages come again");
                foreach (var harm in new[] { "refused", "lost", "stuck", "halfDone", "printedTwice" })
                    Assert.That(Count(2, harm), Is.Zero, $"a queue in the database: {harm}");
            }
        }
        finally
        {
            File.Delete(json);
        }
    }
}
