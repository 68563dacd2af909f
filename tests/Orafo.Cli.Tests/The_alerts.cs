using System.Diagnostics;
using System.Text.RegularExpressions;
using Orafo.Cli.Servers;
using Orafo.Testing;
using YamlDotNet.RepresentationModel;

namespace Orafo.Cli.Tests;

/// <summary>The rules that Prometheus is given, tried by its own tool, and the book that says what to do.</summary>
public sealed partial class The_alerts
{
    private static readonly string[] Names = [.. Observability.Alerts.Select(alert => alert.alert)];

    [Test]
    public async Task Are_accepted_by_Prometheus()
    {
        Assert.That(await Promtool("check", "rules", "alerts.yml"), Does.Contain($"SUCCESS: {Names.Length} rules found"));
        Assert.That(await Promtool("check", "config", "--syntax-only", "prometheus.yml"), Does.Contain("SUCCESS"));
    }

    [Test]
    public async Task Fire_when_they_should_and_are_silent_otherwise() => Assert.That(await Promtool("test", "rules", "alerts.test.yml"), Does.Contain("SUCCESS"));

    [Test]
    public void Have_a_case_in_which_they_fire_and_one_in_which_they_do_not()
    {
        var file = new YamlStream();
        file.Load(new StringReader(File.ReadAllText(Path.Combine(Observability.Directory, "alerts.test.yml"))));
        var cases = (
            from test in (YamlSequenceNode)file.Documents[0].RootNode["tests"]
            from asked in (YamlSequenceNode)test["alert_rule_test"]
            select (Alert: ((YamlScalarNode)asked["alertname"]).Value, Fires: ((YamlSequenceNode)asked["exp_alerts"]).Children.Count > 0)).ToHashSet();
        Assert.That(cases, Is.EquivalentTo(Names.SelectMany(name => new[] { ((string?)name, true), (name, false) })));
    }

    [Test]
    public void Are_each_explained_in_the_runbook()
    {
        var entries = Heading().Split(File.ReadAllText(Path.Combine(Observability.Directory, "runbook.md")));
        // What is before the first one, and then name and text in turn.
        var texts = Enumerable.Range(0, entries.Length / 2).ToDictionary(entry => entries[(2 * entry) + 1], entry => entries[(2 * entry) + 2], StringComparer.Ordinal);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(texts.Keys, Is.EquivalentTo(Names));
            Assert.That(texts.Values, Has.All.Match(@"(?s)^\s*\*\*Means\.\*\* \S.*\n\*\*Look at\.\*\* \S.*\n\*\*Do\.\*\* \S"));
            foreach (var alert in Observability.Alerts)
            {
                Assert.That(alert.annotations.GetValueOrDefault("runbook"), Is.EqualTo("runbook.md#" + alert.alert.ToLowerInvariant()));
                Assert.That(alert.annotations.GetValueOrDefault("summary"), Is.Not.Null.And.Not.Empty);
            }
        }
    }

    [TestCase("sum by (le, a) (rate(x_total{b=~\"c|d{e}\"}[5m])) / on (f) g > 1 and h:i", "x_total", "g", "h:i")]
    [TestCase("max(a) or vector(0)", "a")]
    public void Name_metrics_that_a_test_can_read(string expression, params string[] metrics) => Assert.That(Observability.MetricsOf(expression), Is.EqualTo(metrics));

    /// <summary>What it says; a failure of the test if it is not content.</summary>
    internal static async Task<string> Promtool(params string[] arguments)
    {
        var start = new ProcessStartInfo(await Installation.PromtoolAsync(Console.Error.WriteLine, CancellationToken.None), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Observability.Directory,
        };
        using var promtool = Process.Start(start)!;
        var output = promtool.StandardOutput.ReadToEndAsync();
        var errors = promtool.StandardError.ReadToEndAsync();
        await promtool.WaitForExitAsync();
        var said = await output + await errors;
        Assert.That(promtool.ExitCode, Is.Zero, said);
        return said;
    }

    [GeneratedRegex(@"^## (?<name>\w+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Heading();
}
