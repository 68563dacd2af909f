using System.Text.Json;
using Orafo.Testing;

namespace Orafo.Cli.Tests;

/// <summary>The road from one HTTP handler to here. What goes wrong on it really does: it is counted by what came out of a printer.</summary>
public sealed class A_comparison
{
    private static readonly string[] Harms = ["lost", "stuck", "halfDone", "printedTwice"];

    /// <remarks>And a client is not kept waiting for longer than it has patience for.</remarks>
    [Test]
    public async Task Shows_what_a_lost_or_a_missing_answer_of_the_printer_does_to_each_step()
    {
        var before = Testing.Mesh.Leftovers("compare");
        var html = Path.GetTempFileName();
        var report = await Compare(
            "--only", "sync-http", "sync-http-printer", "async-http-printer", "rabbit-request-response", "async-pgq", "--fault", "reply-lost", "no-answer", "--html", html);
        // Of this one, who is refused is counted, and none of them orders again: on this scale a client waits for its answer for eight seconds.
        var patient = await Compare("--only", "async-http-printer", "--fault", "reply-lost", "--time-scale", "0.12");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Outcomes, Has.Count.EqualTo(13), "a step without a printer has nothing to lose");
            Assert.That(report.Outcomes.Select(of => of.GetProperty("cpuSecondsPer1000Orders").GetDouble()), Has.All.Positive);
            Assert.That(report.Count("sync-http", "none", "accepted"), Is.EqualTo(40));
            Assert.That(report.Count("sync-http-printer", "reply-lost", "halfDone"), Is.Positive);
            Assert.That(report.Count("sync-http-printer", "no-answer", "refused"), Is.Positive, "its client is told at last");
            Assert.That(report.Of("sync-http-printer", "no-answer").GetProperty("p99Ms").GetDouble(), Is.GreaterThan(1200), "when the handler has waited for as long as it does");
            Assert.That(report.Count("async-http-printer", "none", "printedTwice"), Is.Positive, "two loops find the same row");
            Assert.That(patient.Count("async-http-printer", "reply-lost", "refused"), Is.Zero);
            Assert.That(report.Count("rabbit-request-response", "reply-lost", "halfDone"), Is.Positive);
            Assert.That(report.Count("async-pgq", "reply-lost", "askedInVain"), Is.Positive, "it asked again for what it does not know to be printed");
            report.IsExact("async-pgq", "none", "reply-lost", "no-answer");
            Assert.That(report.Facts.GetProperty("command").GetString(), Does.StartWith("./orafo compare --orders 40").And.EndWith("--fault reply-lost no-answer"));

            var page = await File.ReadAllTextAsync(html);
            Assert.That(page, Does.Contain("<svg").And.Contain("rabbit-request-response"));
            Assert.That(Testing.Mesh.Leftovers("compare"), Is.SubsetOf(before));
        }

        File.Delete(html);
    }

    /// <remarks>A broker that hangs and dies takes with it what was sent to it and never confirmed.</remarks>
    [Test]
    public async Task Shows_that_the_mesh_loses_nothing_where_a_publish_without_a_confirm_does()
    {
        var report = await Compare("--only", "async-rabbit-printer", "mesh", "--fault", "broker-killed", "broker-hangs", "killed");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Count("async-rabbit-printer", "broker-hangs", "lost"), Is.Positive, "accepted, and nowhere");
            Assert.That(report.Count("async-rabbit-printer", "killed", "refused"), Is.Positive);
            Assert.That(report.Count("mesh", "killed", "deaths"), Is.EqualTo(2), "the service that prints and the one that takes orders");
            report.IsExact("mesh", "none", "broker-killed", "broker-hangs", "killed");
            Assert.That(report.Outcomes.Select(of => of.GetProperty("cpuSecondsPer1000Orders").GetDouble()), Has.All.Positive, "whoever is killed has taken time, too");
        }
    }

    [Test]
    public async Task Shows_a_step_that_never_hears_a_reply_again_once_its_connection_was_cut()
    {
        // So many that orders come while and after it is cut, which takes a while on a slow machine.
        var report = await Compare("--only", "rabbit-request-response", "--fault", "disconnected", "--orders", "300");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Count("rabbit-request-response", "disconnected", "halfDone"), Is.Positive, "the page is out, the reply is for a queue that is gone");
            Assert.That(report.Of("rabbit-request-response", "disconnected").GetProperty("secondsToRecover").ValueKind, Is.EqualTo(JsonValueKind.Null));
        }
    }

    [Test]
    public async Task Shows_that_a_queue_in_the_database_comes_through_every_fault_of_the_printer_and_its_own_death()
    {
        string[] faults = ["offline", "busy", "out-of-ink", "jam", "crash", "killed"];
        var report = await Compare(["--only", "async-pgq", "--fault", .. faults]);
        using (Assert.EnterMultipleScope())
        {
            report.IsExact("async-pgq", ["none", .. faults]);
            foreach (var fault in faults[..4])
                Assert.That(report.Count("async-pgq", fault, "askedInVain"), Is.Positive, fault);
            Assert.That(report.Count("async-pgq", "killed", "deaths"), Is.EqualTo(1));
        }
    }

    /// <remarks>Where no control group may be made, who dies is not for sure: then only that nothing is lost by whoever does not take more than it can hold.</remarks>
    [Test]
    public async Task Shows_who_takes_more_than_memory_holds()
    {
        var runs = await Experiment("out-of-memory");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(runs, Has.Count.EqualTo(3));
            Assert.That(runs[0].GetProperty("deaths").GetInt32(), Is.Positive, "the broker sends it all there is");
            Assert.That(runs[1..].Select(run => run.GetProperty("deaths").GetInt32()), Has.All.Zero);
            foreach (var run in runs[1..])
                IsExact(run);
        }
    }

    [Test]
    public async Task Shows_what_becomes_of_a_page_that_failed()
    {
        var runs = await Experiment("redelivery");
        int Count(int run, string what) => runs[run].GetProperty(what).GetInt32();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(runs.Select(run => run.GetProperty("step").GetString()), Is.EqualTo(new[] { "async-rabbit-printer", "async-rabbit-printer", "async-pgq" }));
            Assert.That(Count(0, "askedInVain"), Is.GreaterThan(Count(2, "askedInVain")), "what is given back comes again at once, round and round");
            Assert.That(Count(1, "stuck"), Is.Positive, "what is rejected is with the dead letters");
            Assert.That(Count(1, "askedInVain"), Is.LessThanOrEqualTo(2 * Count(1, "stuck")), "and does not come again; a connection may");
            IsExact(runs[0]);
            IsExact(runs[2]);
        }
    }

    /// <remarks>RabbitMQ takes back what is not acknowledged in time, while the page is being printed.</remarks>
    [Test]
    public async Task Shows_who_holds_a_delivery_for_longer_than_the_broker_waits()
    {
        var runs = await Experiment("acknowledgement-timeout");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(runs, Has.Count.EqualTo(3));
            Assert.That(runs[0].GetProperty("stuck").GetInt32(), Is.Positive, "its channel is closed, and nothing is consumed any more");
            Assert.That(runs[1].GetProperty("printedTwice").GetInt32(), Is.Positive, "its channel is opened again, and the same pages come again");
            Assert.That(runs[2].GetProperty("refused").GetInt32(), Is.Zero);
            IsExact(runs[2]);
        }
    }

    /// <summary>The runs of one, with the two variants of a step and with a queue in the database.</summary>
    private static async Task<List<JsonElement>> Experiment(string name) =>
        [.. (await Compare("--only", "async-rabbit-printer", "async-pgq", "--fault", name)).Outcomes.Where(of => of.GetProperty("fault").GetString() == name)];

    private static async Task<Report> Compare(params string[] how)
    {
        var json = Path.GetTempFileName();
        try
        {
            var (exitCode, output) = await Testing.Mesh.RunLauncherAsync(["compare", .. how.Contains("--orders") ? how : ["--orders", "40", .. how], "--json", json]);
            Assert.That(exitCode, Is.Zero, output);
            return new(JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement);
        }
        finally
        {
            File.Delete(json);
        }
    }

    private static void IsExact(JsonElement run)
    {
        foreach (var harm in Harms)
            Assert.That(run.GetProperty(harm).GetInt32(), Is.Zero, $"{run.GetProperty("step").GetString()}, {run.GetProperty("fault").GetString()}: {harm}");
    }

    private sealed record Report(JsonElement Json)
    {
        public JsonElement Facts => Json.GetProperty("facts");
        public List<JsonElement> Outcomes => [.. Json.GetProperty("outcomes").EnumerateArray()];

        public JsonElement Of(string step, string fault) =>
            Outcomes.Single(of => of.GetProperty("step").GetString() == step && of.GetProperty("fault").GetString() == fault);

        public int Count(string step, string fault, string what) => Of(step, fault).GetProperty(what).GetInt32();

        /// <summary>Every order is accepted, and printed once.</summary>
        public void IsExact(string step, params string[] faults)
        {
            foreach (var fault in faults)
            {
                Assert.That(Count(step, fault, "accepted"), Is.EqualTo(40), $"{step}, {fault}");
                A_comparison.IsExact(Of(step, fault));
            }
        }
    }
}
