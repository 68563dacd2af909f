using System.Text.Json;
using Orafo.Testing;

namespace Orafo.Cli.Tests;

/// <summary>What Grafana is given. Which metrics there are, a mesh says: <c>What_an_operator_sees</c>.</summary>
public sealed class The_dashboards
{
    private static IEnumerable<string> All => Observability.Dashboards.Keys;

    [Test]
    public void Are_three_that_can_be_told_apart()
    {
        Assert.That(All, Is.EquivalentTo(new[] { "mesh", "messages", "services" }));
        foreach (var key in new[] { "uid", "title", "description" })
            Assert.That(Observability.Dashboards.Values.Select(dashboard => dashboard.GetProperty(key).GetString()), Is.Unique.And.All.Not.Empty);
    }

    [TestCaseSource(nameof(All))]
    public void Have_panels_that_do_not_overlap_and_ask_the_source_that_is_chosen(string name)
    {
        var dashboard = Observability.Dashboards[name];
        Assert.That(dashboard.GetProperty("templating").GetProperty("list").EnumerateArray().Select(variable => (variable.GetProperty("name").GetString(), variable.GetProperty("query").GetString())),
            Is.EqualTo(new[] { ("datasource", "prometheus") }));
        var all = dashboard.GetProperty("panels").EnumerateArray().ToArray();
        Assert.That(all.Select(panel => panel.GetProperty("id").GetInt32()), Is.Unique);
        Assert.That(all.SelectMany(Cells), Is.Unique);
        Assert.That(all.SelectMany(Cells), Has.All.Matches<(int X, int Y)>(cell => cell.X is >= 0 and < 24 && cell.Y >= 0));
        foreach (var panel in Observability.Panels(dashboard))
        {
            var title = panel.GetProperty("title").GetString();
            Assert.That(title, Is.Not.Empty);
            Assert.That(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("unit").GetString(), Is.Not.Empty, title);
            Assert.That(Observability.Expressions(panel), Is.Not.Empty, title);
            Assert.That(panel.GetProperty("targets").EnumerateArray().Append(panel).Select(asks => asks.GetProperty("datasource").GetProperty("uid").GetString()), Is.All.EqualTo("${datasource}"), title);
            Assert.That(panel.GetProperty("targets").EnumerateArray().Select(target => target.GetProperty("refId").GetString()), Is.Unique, title);
        }
    }

    [Test]
    public async Task Ask_what_Prometheus_understands()
    {
        var expressions = Observability.Dashboards.Values.SelectMany(Observability.Panels).SelectMany(Observability.Expressions).ToArray();
        var rules = Path.GetTempFileName();
        try
        {
            // As JSON, which is YAML too. Grafana puts an interval in.
            await File.WriteAllTextAsync(rules, JsonSerializer.Serialize(new
            {
                groups = new[]
                {
                    new { name = "panels", rules = expressions.Select((expression, number) => new { record = $"panel:{number}", expr = expression.Replace("$__rate_interval", "5m", StringComparison.Ordinal) }) },
                },
            }));
            Assert.That(await The_alerts.Promtool("check", "rules", rules), Does.Contain($"SUCCESS: {expressions.Length} rules found"));
        }
        finally
        {
            File.Delete(rules);
        }
    }

    private static IEnumerable<(int X, int Y)> Cells(JsonElement panel)
    {
        var at = panel.GetProperty("gridPos");
        int Of(string key) => at.GetProperty(key).GetInt32();
        return from x in Enumerable.Range(Of("x"), Of("w")) from y in Enumerable.Range(Of("y"), Of("h")) select (x, y);
    }
}
