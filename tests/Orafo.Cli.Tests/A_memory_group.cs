using Orafo.Cli.Comparing;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Cli.Tests;

/// <summary>Processes that have so much memory, all together.</summary>
public sealed class A_memory_group
{
    private const int Killed = 128 + ChildProcess.Kill;

    [Test]
    public async Task Holds_its_processes_to_their_memory()
    {
        var log = Path.GetTempFileName();
        string? left;
        await using (var group = MemoryGroup.Create(64 << 20, processes: 2))
        {
            left = group.Directory;
            if (group.Directory is null)
            {
                // Where no control group may be made, each process has its share.
                Assert.That(group.Environment["DOTNET_GCHeapHardLimit"], Is.EqualTo("2000000"));
                return;
            }

            using (Assert.EnterMultipleScope())
            {
                Assert.That(await Keep(1 << 20), Is.Zero);
                Assert.That(await Keep(256 << 20), Is.EqualTo(Killed));
            }

            // Holds what nobody takes from it, in a pipe that is full.
            const int mebibytes = 32;
            await using (Start($"head -c {mebibytes << 20} /dev/zero | tail -c {mebibytes << 20} | tail -f /dev/null"))
                await Eventually.Holds(() => group.PeakMiB >= mebibytes, "the group has seen what its processes have");
            Assert.That(group.PeakMiB, Is.LessThanOrEqualTo(64));

            async Task<int> Keep(int bytes)
            {
                await using var process = Start($"head -c {bytes} /dev/zero | tail -c {bytes} >/dev/null");
                return await process.Exited;
            }

            ChildProcess Start(string command) => ChildProcess.Start(
                "tail", ["sh", "-c", command], group.Environment.ToDictionary(), log, TestServers.Watchdog, group: group.Directory);
        }

        Assert.That(Directory.Exists(left), Is.False);
        File.Delete(log);
    }
}
