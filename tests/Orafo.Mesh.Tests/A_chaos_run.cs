using System.Globalization;
using System.Text.RegularExpressions;
using Orafo.Cli.Disturbing;

namespace Orafo.Mesh.Tests;

/// <summary>The command that tries to break the promise.</summary>
public sealed class A_chaos_run
{
    private const int Operations = 200;

    private const string Seed = "236";

    [Test]
    public async Task Does_all_that_clients_do_and_finds_each_order_done_once()
    {
        var before = Testing.Mesh.Leftovers("chaos");
        var (exitCode, output) = await Testing.Mesh.RunLauncherAsync(
            "chaos", "--operations", $"{Operations}", "--every", "3", "--seed", Seed, "--kill", "hand-over", "carrier");
        Assert.That(exitCode, Is.Zero, output);
        using (Assert.EnterMultipleScope())
        {
            var done = Enum.GetValues<OperationKind>().Select(kind => Count(output, $"{kind}")).ToArray();
            Assert.That(done, Has.All.Positive, output);
            Assert.That(done.Sum(), Is.EqualTo(Operations), output);
            foreach (var seen in new[] { "killed [a-z-]+", "cancellations were taken", "Completed", "Rejected", "Cancelled" })
                Assert.That(Count(output, seen), Is.Positive, $"{seen}\n{output}");
            Assert.That(output, Does.Contain("Clean."));
        }

        Assert.That(Testing.Mesh.Leftovers("chaos"), Is.SubsetOf(before));
    }

    [TestCase("--kill", "nobody"), TestCase("--operations", "0"), TestCase("--every", "0"), TestCase("--seed", "x")]
    public async Task Does_not_begin_with_what_it_does_not_understand(params string[] arguments)
    {
        var (exitCode, output) = await Testing.Mesh.RunLauncherAsync(["chaos", .. arguments]);
        Assert.That(exitCode, Is.EqualTo(2), output);
    }

    /// <summary>Sum of the lines of the report that say so.</summary>
    private static int Count(string output, string what) =>
        Regex.Matches(output, $"^ +([0-9]+) {what}\r?$", RegexOptions.Multiline).Sum(line => int.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture));
}
