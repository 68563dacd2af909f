using System.Diagnostics;
using System.Globalization;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Cli.Tests;

public sealed class A_watchdog
{
    private readonly string _log = Path.GetTempFileName();

    [TearDown]
    public void Remove() => File.Delete(_log);

    [Test]
    public async Task Stops_what_is_left_when_its_starter_is_killed_whatever_that_ignores()
    {
        using var left = Process.Start(new ProcessStartInfo("setsid", ["sh", "-c", "trap '' TERM; sleep 1000 & echo $$ $!; wait"])
        {
            RedirectStandardOutput = true,
        })!;
        var pids = (await left.StandardOutput.ReadLineAsync())!.Split(' ').Select(pid => int.Parse(pid, CultureInfo.InvariantCulture)).ToArray();
        var running = pids.Select(pid => (Pid: pid, Start: Proc.StartTime(pid)!.Value)).ToArray();

        // A starter that ends without a word: what alone holds the watchdog's pipe registers what it started, says who it is and is killed.
        var script = Path.Combine(AppContext.BaseDirectory, "Servers", "watchdog.sh");
        using var shell = Process.Start(new ProcessStartInfo("sh",
            ["-c", "sh -c 'echo \"+ $0\"; echo $$ >&2; exec sleep 1000' \"$1\" | setsid sh \"$0\"", script, $"{running[0].Pid} {running[0].Start}"])
        {
            RedirectStandardError = true,
        })!;
        var starter = int.Parse((await shell.StandardError.ReadLineAsync())!, CultureInfo.InvariantCulture);
        Assert.That(running.All(process => Proc.IsRunning(process.Pid, process.Start)), "as long as the starter lives");
        ChildProcess.Signal(starter, ChildProcess.Kill);
        await Eventually.Holds(() => !running.Any(process => Proc.IsRunning(process.Pid, process.Start)), "nothing of it is left");
    }

    [Test]
    public async Task Kills_the_whole_session_of_what_it_watches()
    {
        int[] pids;
        using (var watchdog = Watchdog.Start())
        {
            var child = ChildProcess.Start("child", ["sh", "-c", "trap '' TERM; sleep 1000 & echo $$ $!; wait; wait"], new Dictionary<string, string?>(), _log, watchdog);
            await Eventually.Holds(() => File.ReadAllText(_log).EndsWith('\n'), "it has said its pids");
            pids = [.. File.ReadAllText(_log).Trim().Split(' ').Select(pid => int.Parse(pid, CultureInfo.InvariantCulture))];
            Assert.That(pids[0], Is.EqualTo(child.Pid));
        }

        // Who is killed is there until it is its turn to die.
        await Eventually.Holds(() => pids.All(pid => Proc.StartTime(pid) is null), "nothing of its session is left");
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
}
