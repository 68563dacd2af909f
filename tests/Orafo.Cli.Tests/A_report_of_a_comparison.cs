using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using Orafo.Cli.Commands;
using Orafo.Cli.Comparing;

namespace Orafo.Cli.Tests;

/// <summary>What a comparison found, for a terminal, a program and a reader.</summary>
public sealed class A_report_of_a_comparison
{
    private static readonly IReadOnlyList<Outcome> Outcomes =
    [
        Run("sync-http-printer", Fault.None) with { P50Ms = 407.4, P99Ms = 418 },
        Run("sync-http-printer", "reply-lost") with { Accepted = 84, Refused = 16, HalfDone = 16, SecondsToRecover = 0.14 },
        Run("async-rabbit-printer", Fault.None),
        Run("async-rabbit-printer", "broker-hangs") with { Accepted = 70, Refused = 30, Lost = 44 },
        Run("async-rabbit-printer", "redelivery") with { Variant = "rejects", Stuck = 30, AskedInVain = 31 },
        Run("async-rabbit-printer", "out-of-memory") with { Variant = "no limit to prefetch", Deaths = 9, CpuSecondsPer1000Orders = null },
        Run("mesh", Fault.None),
        Run("mesh", "broker-hangs") with { SecondsToRecover = 9.6 },
    ];

    private static readonly ComparisonFacts Facts = new(
        new DateOnly(2026, 11, 28), "./orafo compare --orders 100 --time-scale 0.02", 100, 0.02, 2, "A <processor> & more", 23, "Linux", ".NET 10", "PostgreSQL 15, RabbitMQ 3", "cgroup v2");

    [Test]
    public void Has_a_figure_for_each_heading_in_each_row_of_its_table()
    {
        var rows = Outcome.Table(Outcomes).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(row => row.Trim('|').Split('|')).ToList();
        string Figure(int run, string heading) => rows[run + 2][Array.FindIndex(rows[0], cell => cell.Trim() == heading)].Trim();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(rows, Has.Count.EqualTo(Outcomes.Count + 2));
            Assert.That(rows.Select(row => row.Length), Has.All.EqualTo(Outcome.Columns.Count));
            Assert.That((Figure(1, "half done"), Figure(1, "recovers in, s"), Figure(0, "recovers in, s")), Is.EqualTo(("16", "0.1", "")));
            Assert.That((Figure(3, "lost"), Figure(4, "asked in vain"), Figure(5, "CPU-s per 1000"), Figure(5, "deaths")), Is.EqualTo(("44", "31", "", "9")));
            Assert.That(Figure(4, "step"), Is.EqualTo("async-rabbit-printer, rejects"));
        }
    }

    [Test]
    public void Shows_each_harm_on_a_page_that_needs_nothing_else()
    {
        var page = new ComparisonPage(Outcomes, Pitfall.All(100, 0.02), Facts).ToString();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(page, Does.Contain("16 half done").And.Contain("44 lost").And.Contain("30 stuck, asked in vain 31 times").And.Contain("407, p99 418"));
            Assert.That(page, Does.Contain("not in 30&nbsp;s"), "a step that did not recover is not passed over");
            Assert.That(page, Does.Contain("9 deaths").And.Contain("Held to it by cgroup v2."));
            Assert.That(page, Does.Contain("A &lt;processor&gt; &amp; more").And.Contain(Facts.Command));
            Assert.That(page, Does.Contain("When more waits than memory holds").And.Not.Contain("When a page takes longer"), "what did not run has no chart");
            Assert.That(page, Does.Not.Contain("src=").And.Not.Contain("href="));
            Assert.That(page, Does.Contain("prefers-color-scheme: dark"));
        }
    }

    /// <remarks>The viewer cuts off what is beyond.</remarks>
    [Test]
    public void Has_no_bar_or_label_beyond_its_edge()
    {
        const double perLetter = 7.2;
        var page = new ComparisonPage(Outcomes, Pitfall.All(100, 0.02), Facts).ToString();
        var charts = page.Split("<svg viewBox=\"").Skip(1).Select(rest => XElement.Parse("<svg viewBox=\"" + rest[..(rest.IndexOf("</svg>", StringComparison.Ordinal) + 6)])).ToList();
        Assert.That(charts, Is.Not.Empty);
        foreach (var chart in charts)
        {
            var width = double.Parse(((string)chart.Attribute("viewBox")!).Split(' ')[2], CultureInfo.InvariantCulture);
            foreach (var bar in chart.Elements("rect").Where(bar => bar.Attribute("x") is not null))
                Assert.That((double)bar.Attribute("x")! + (double)bar.Attribute("width")!, Is.LessThanOrEqualTo(width + 0.1), (string?)chart.Attribute("aria-label"));
            foreach (var label in chart.Elements("text"))
                Assert.That((double)label.Attribute("x")! + label.Value.Length * perLetter, Is.LessThanOrEqualTo(width), label.Value);
        }
    }

    [Test]
    public void Says_by_what_it_can_be_measured_again()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(CompareCommand.Command(100, 0.02, [], CompareCommand.EveryFault), Is.EqualTo("./orafo compare --orders 100 --time-scale 0.02"));
            Assert.That(
                CompareCommand.Command(40, 0.1, ["mesh", "async-pgq"], ["offline", "out-of-memory"]),
                Is.EqualTo("./orafo compare --orders 40 --time-scale 0.1 --only mesh async-pgq --fault offline out-of-memory"));
        }
    }

    [Test]
    public void Has_each_fault_befall_the_steps_that_have_what_it_happens_to()
    {
        int Faults(string name) => Fault.All.Count(fault => fault.CanBefall(Step.All.Single(step => step.Name == name)));
        Assert.That(
            Step.All.Select(step => Faults(step.Name)),
            Is.EqualTo(new[] { 1, 8, 8, 11, 11, 8, 11 }), "without a printer only a death, without a broker nothing of the broker's");
    }

    /// <summary>As a program finds it: the names are those of the columns.</summary>
    [Test]
    public void Is_the_same_in_JSON()
    {
        var run = JsonSerializer.SerializeToElement(Outcomes[1], JsonSerializerOptions.Web);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.GetProperty("step").GetString(), Is.EqualTo("sync-http-printer"));
            Assert.That(run.GetProperty("halfDone").GetInt32(), Is.EqualTo(16));
            Assert.That(run.GetProperty("secondsToRecover").GetDouble(), Is.EqualTo(0.14));
            Assert.That(run.TryGetProperty("variant", out _), Is.False);
        }
    }

    private static Outcome Run(string step, string fault) => new()
    {
        Step = step,
        Fault = fault,
        Orders = 100,
        Accepted = 100,
        Refused = 0,
        Lost = 0,
        Stuck = 0,
        HalfDone = 0,
        PrintedTwice = 0,
        AskedInVain = 0,
        P50Ms = 7,
        P99Ms = 20,
        OrdersPerSecond = 16.1,
        SecondsToLastPage = 5.1,
        SecondsToRecover = null,
        CpuSecondsPer1000Orders = 10,
        PeakMemoryMiB = 100,
        Deaths = 0,
    };
}
