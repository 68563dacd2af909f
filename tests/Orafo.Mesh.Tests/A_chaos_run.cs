namespace Orafo.Mesh.Tests;

/// <summary>The command that tries to break the promise.</summary>
public sealed class A_chaos_run
{
    [Test]
    public async Task Kills_and_finds_each_order_done_once()
    {
        var before = Testing.Mesh.Leftovers("chaos");
        var (exitCode, output) = await Testing.Mesh.RunLauncherAsync("chaos", "--orders", "300", "--every", "1", "--kill", "ordering", "invoicing", "hand-over");
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("killed ").And.Contain("300 orders").And.Contain("270 Completed").And.Contain("30 Rejected").And.Contain("Clean."));
        Assert.That(Testing.Mesh.Leftovers("chaos"), Is.SubsetOf(before));
    }

    [TestCase("--kill", "nobody"), TestCase("--orders", "0"), TestCase("--every", "0"), TestCase("--seed", "x")]
    public async Task Does_not_begin_with_what_it_does_not_understand(params string[] arguments)
    {
        var (exitCode, output) = await Testing.Mesh.RunLauncherAsync(["chaos", .. arguments]);
        Assert.That(exitCode, Is.EqualTo(2), output);
    }
}
