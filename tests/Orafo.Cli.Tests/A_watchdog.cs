using System.Diagnostics;
using System.Globalization;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Tests;

public sealed class A_watchdog
{
    private readonly string _log = Path.GetTempFileName();

    [TearDown]
    public void Remove() => File.Delete(_log);

    [Test]
    public async Task Stops_what_is_left_when_its_starter_is_killed_whatever_that_ignores()
    {
        // A starter that ends without a word: a shell that holds the watchdog's pipe and is killed.
        var script = Path.Combine(AppContext.BaseDirectory, "Servers", "watchdog.sh");
        using var starter = Process.Start(new ProcessStartInfo("sh",
            ["-c", $"(trap '' TERM; exec setsid sh -c 'trap \"\" TERM; sleep 1000 & echo $$ $!; wait') & sleep 1000 | setsid sh {script}"])
        {
            RedirectStandardOutput = true,
        })!;
        var pids = (await starter.StandardOutput.ReadLineAsync())!.Split(' ').Select(pid => int.Parse(pid, CultureInfo.InvariantCulture)).ToArray();
        var running = pids.Select(pid => (Pid: pid, Start: Proc.StartTime(pid)!.Value)).ToArray();
        starter.Kill(entireProcessTree: true);
        await WaitUntil(() => !running.Any(process => Proc.IsRunning(process.Pid, process.Start)));
    }

    [Test]
    public async Task Kills_the_whole_session_of_what_it_watches()
    {
        int[] pids;
        using (var watchdog = Watchdog.Start())
        {
            var child = ChildProcess.Start("child", ["sh", "-c", "trap '' TERM; sleep 1000 & echo $$ $!; wait; wait"], new Dictionary<string, string?>(), _log, watchdog);
            await WaitUntil(() => File.ReadAllText(_log).EndsWith('\n'));
            pids = [.. File.ReadAllText(_log).Trim().Split(' ').Select(pid => int.Parse(pid, CultureInfo.InvariantCulture))];
            Assert.That(pids[0], Is.EqualTo(child.Pid));
        }

        Assert.That(pids.Select(Proc.StartTime), Is.All.Null);
    }

    [Test]
    public async Task Leaves_alone_what_was_forgotten_and_what_only_has_the_same_pid()
    {
        using var process = Process.Start(new ProcessStartInfo("sleep", ["1000"]))!;
        try
        {
            using (var watchdog = Watchdog.Start())
                watchdog.Register(process.Id, startTime: 1);
            using (var watchdog = Watchdog.Start())
            {
                watchdog.Register(process.Id, Proc.StartTime(process.Id)!.Value);
                watchdog.Forget(process.Id);
            }

            Assert.That(Proc.StartTime(process.Id), Is.Not.Null);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    [Test]
    public void Removes_what_nobody_needs_any_longer()
    {
        var rubbish = Directory.CreateTempSubdirectory("orafo-rubbish-").FullName;
        using (var watchdog = Watchdog.Start())
            watchdog.RemoveAtEnd(rubbish);
        Assert.That(Directory.Exists(rubbish), Is.False);
    }

    private static async Task WaitUntil(Func<bool> holds)
    {
        var started = Stopwatch.GetTimestamp();
        while (!holds())
        {
            Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(TimeSpan.FromMinutes(1)));
            await Task.Delay(50); // The interval of looking.
        }
    }
}
