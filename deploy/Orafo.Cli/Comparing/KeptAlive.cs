using System.Globalization;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Comparing;

/// <summary>A process that listens on a port of its own, and is started again whenever it ends.</summary>
/// <param name="name">Also its log's.</param>
/// <param name="command">.NET, the program, and its arguments.</param>
/// <param name="directory">Where its log is.</param>
/// <param name="watchdog">Stops it should we be killed.</param>
/// <param name="environment">Added to ours.</param>
/// <param name="group">The control group that it is in, if not in ours.</param>
internal sealed class KeptAlive(
    string name, IReadOnlyList<string> command, string directory, Watchdog watchdog, Dictionary<string, string?> environment, string? group = null) : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly CancellationTokenSource _stopping = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(2) };
    private ChildProcess _process = null!;
    private Task _keeping = Task.CompletedTask;
    private double _cpuBefore;
    private double _cpuOfOthers;
    private double _peakOfOthers;

    public string Url { get; } = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Ports.Free()}");

    /// <summary>How often it has ended.</summary>
    public int Deaths { get; private set; }

    private string Log => Path.Combine(directory, name + ".log");

    /// <summary>Returns when it answers.</summary>
    public async Task Start(CancellationToken stop)
    {
        await Run(stop);
        _keeping = Keep();
    }

    /// <summary>SIGKILL; it comes again.</summary>
    public Task Kill()
    {
        _cpuOfOthers += Proc.CpuSeconds(_process.Pid) - _cpuBefore;
        _cpuBefore = 0;
        _peakOfOthers = Math.Max(_peakOfOthers, Proc.PeakMemoryMiB(_process.Pid));
        return _process.KillAsync();
    }

    /// <summary>Ends it and starts it again with other environment variables; returns when it answers.</summary>
    /// <param name="changes">Instead of those of the same names.</param>
    public async Task Restart(IReadOnlyDictionary<string, string?> changes)
    {
        foreach (var (variable, value) in changes)
            environment[variable] = value;
        await _process.KillAsync();
        await Until.Works(async () => (await _http.GetAsync(new Uri(Url + "/health/ready"))).EnsureSuccessStatusCode().Dispose());
    }

    /// <summary>What it has used up to now is not asked about.</summary>
    public void BeginToCount()
    {
        (_cpuOfOthers, _cpuBefore, _peakOfOthers) = (0, Proc.CpuSeconds(_process.Pid), 0);
        Proc.ForgetPeakMemory(_process.Pid);
    }

    public double CpuSeconds() => _cpuOfOthers + Proc.CpuSeconds(_process.Pid) - _cpuBefore;

    public double PeakMemoryMiB() => Math.Max(_peakOfOthers, _process.Exited.IsCompleted ? 0 : Proc.PeakMemoryMiB(_process.Pid));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _keeping;
        await _process.DisposeAsync();
        _http.Dispose();
        _stopping.Dispose();
    }

    private async Task Run(CancellationToken stop)
    {
        _process = ChildProcess.Start(name, command, new Dictionary<string, string?>(environment, StringComparer.Ordinal) { ["Urls"] = Url }, Log, watchdog, workingDirectory: Path.GetDirectoryName(command[1]), group: group);
        await Until.True(Answers, _process, Log, TimeSpan.FromMinutes(1), stop);
    }

    private async Task Keep()
    {
        while (!_stopping.IsCancellationRequested)
        {
            await _process.Exited.WaitAsync(_stopping.Token).ContinueWith(_ => { }, TaskScheduler.Default);
            if (_stopping.IsCancellationRequested)
                return;
            Deaths++;
            await Task.Delay(Pause, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stopping.IsCancellationRequested)
                return;
            try
            {
                await _process.DisposeAsync();
                await Run(_stopping.Token);
            }
            // It is tried again: what it needs may be away, or the end has come.
            catch (Exception e) when (e is OrafoException or OperationCanceledException)
            {
            }
        }
    }

    private async Task<bool> Answers(CancellationToken stop)
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri(Url + "/health/ready"), stop);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !stop.IsCancellationRequested)
        {
            return false;
        }
    }
}
