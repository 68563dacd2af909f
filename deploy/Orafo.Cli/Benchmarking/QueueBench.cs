using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Orafo.Cli.Servers;
using Orafo.Pgq;

namespace Orafo.Cli.Benchmarking;

/// <summary>Measures a queue of jobs that take no time, while so many of them wait all the time.</summary>
/// <param name="postgres">Nobody else uses it.</param>
/// <param name="span">How long each measurement is; three times that for idle workers.</param>
/// <param name="screen">Where it says how far it is.</param>
internal sealed class QueueBench(PrivatePostgres postgres, TimeSpan span, TextWriter screen) : IAsyncDisposable
{
    private const string Queue = "bench";
    private const int Parallelism = 8;
    private const int FeedAtOnce = 500;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan BetweenProbes = TimeSpan.FromMilliseconds(50);

    private readonly NpgsqlDataSource _database = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(postgres.ConnectionString()) { MaxPoolSize = 80, MaxAutoPrepare = 50, NoResetOnClose = true }.ConnectionString);
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _probes = [];
    private long _done;
    private bool _isCreated;

    /// <param name="waiting">How many jobs wait.</param>
    /// <param name="workers">How many workers there are, one after another.</param>
    /// <param name="stop">Ends it early.</param>
    public async Task<IReadOnlyList<QueueReport>> Run(int waiting, IReadOnlyList<int> workers, CancellationToken stop)
    {
        await Create(stop);
        List<QueueReport> reports = [];
        foreach (var count in workers)
        {
            await Fill(waiting, stop);
            screen.WriteLine($"{waiting} jobs wait, workers: {count} …");
            reports.Add(await Measure(waiting, count, stop));
        }

        return reports;
    }

    /// <summary>What workers cost that have nothing to do.</summary>
    public async Task<IdleQueueReport> Idle(int workers, CancellationToken stop)
    {
        screen.WriteLine($"no jobs, workers: {workers} …");
        await Create(stop);
        await using var running = await Workers.Start(this, workers, stop);
        // They have made their connections and looked once.
        await Task.Delay(WarmUp, stop);
        var (cpu, commits) = (Proc.CpuSeconds(postgres.Process.Pid), await Commits(stop));
        await Task.Delay(span * 3, stop);
        return new()
        {
            Workers = workers,
            DatabaseCpuPercent = (Proc.CpuSeconds(postgres.Process.Pid) - cpu) * 100 / (span.TotalSeconds * 3),
            CommitsPerSecond = (await Commits(stop) - commits) / (span.TotalSeconds * 3),
        };
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    private async Task Create(CancellationToken stop)
    {
        var schema = new JobQueueSchema(Queue);
        if (_isCreated)
            await Execute(schema.Drop(), stop);
        _isCreated = true;
        await Execute(schema.Create(), stop);
    }

    /// <summary>So many wait: workers that stop have done some that nobody published anew.</summary>
    private async Task Fill(int waiting, CancellationToken stop)
    {
        await Execute(QueueBenchStatements.Fill(Queue, waiting), stop);
        await Execute($"vacuum analyze {Queue}", stop);
        // What filling it left to be written is not the workers' to wait for.
        await Execute("checkpoint", stop);
    }

    private async Task Execute(string sql, CancellationToken stop)
    {
        await using var command = _database.CreateCommand(sql);
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync(stop);
    }

    private async Task<QueueReport> Measure(int waiting, int workers, CancellationToken stop)
    {
        await using var running = await Workers.Start(this, workers, stop);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var feeding = Feed(running.Publisher, ending.Token);
        await Task.Delay(WarmUp, stop);

        var (started, done, cpu, commits) = (Stopwatch.GetTimestamp(), Volatile.Read(ref _done), Proc.CpuSeconds(postgres.Process.Pid), await Commits(stop));
        var latencies = await Probe(running.Publisher, stop);
        var jobs = Volatile.Read(ref _done) - done;
        var report = new QueueReport
        {
            Waiting = waiting,
            Workers = workers,
            JobsPerSecond = jobs / Stopwatch.GetElapsedTime(started).TotalSeconds,
            ClaimP50Ms = latencies[latencies.Count / 2],
            ClaimP99Ms = latencies[latencies.Count * 99 / 100],
            CommitsPerJob = (await Commits(stop) - commits) / (double)jobs,
            DatabaseCpuSecondsPer1000Jobs = (Proc.CpuSeconds(postgres.Process.Pid) - cpu) * 1000 / jobs,
        };
        await ending.CancelAsync();
        await feeding;
        return report;
    }

    /// <summary>As many jobs come as are done.</summary>
    private async Task Feed(JobQueue<BenchJob> queue, CancellationToken stop)
    {
        var fed = Volatile.Read(ref _done);
        while (!stop.IsCancellationRequested)
        {
            if (Volatile.Read(ref _done) - fed < FeedAtOnce)
            {
                await Task.Delay(1, CancellationToken.None);
                continue;
            }

            await queue.PublishAsync([.. Enumerable.Range(0, FeedAtOnce).Select(_ => new NewJob<BenchJob>(new BenchJob()))], CancellationToken.None);
            fed += FeedAtOnce;
        }
    }

    /// <summary>A job of another tenant now and then: from its publish to its handler, in milliseconds, in ascending order.</summary>
    private async Task<List<double>> Probe(JobQueue<BenchJob> queue, CancellationToken stop)
    {
        List<double> latencies = [];
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < span)
        {
            var probe = new NewJob<BenchJob>(new BenchJob { IsProbe = true }) { Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["tenant"] = "probe" } };
            var isClaimed = _probes[probe.Id] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var published = Stopwatch.GetTimestamp();
            await queue.PublishAsync(probe, stop);
            await isClaimed.Task.WaitAsync(TimeSpan.FromMinutes(1), stop);
            latencies.Add(Stopwatch.GetElapsedTime(published).TotalMilliseconds);
            await Task.Delay(BetweenProbes, stop);
        }

        latencies.Sort();
        return latencies;
    }

    private async Task<long> Commits(CancellationToken stop)
    {
        await using var commits = _database.CreateCommand(QueueBenchStatements.Commits);
        return (long)(await commits.ExecuteScalarAsync(stop))!;
    }

    internal sealed record BenchJob
    {
        public bool IsProbe { get; init; }
    }

    private sealed class Handler(QueueBench bench) : IJobHandler<BenchJob>
    {
        public Task<JobOutcome> Handle(Job<BenchJob> job, CancellationToken cancellationToken)
        {
            if (job.Payload.IsProbe && bench._probes.TryRemove(job.Id, out var probe))
                probe.SetResult();
            Interlocked.Increment(ref bench._done);
            return Task.FromResult(JobOutcome.Done());
        }
    }

    /// <summary>Workers that know nothing of each other, as if each were a process.</summary>
    private sealed class Workers(List<ServiceProvider> processes) : IAsyncDisposable
    {
        public JobQueue<BenchJob> Publisher => processes[0].GetRequiredService<JobQueue<BenchJob>>();

        public static async Task<Workers> Start(QueueBench bench, int count, CancellationToken stop)
        {
            List<ServiceProvider> processes = [];
            for (var i = 0; i < count; i++)
            {
                var services = new ServiceCollection().AddLogging().AddSingleton(bench).AddJobQueue<BenchJob>(Queue, queue => queue.DataSource = bench._database);
                services.AddJobHandler<BenchJob, Handler>(worker => worker.Parallelism = Parallelism);
                processes.Add(services.BuildServiceProvider());
                foreach (var service in processes[i].GetServices<IHostedService>())
                    await service.StartAsync(stop);
            }

            return new Workers(processes);
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var process in processes)
            {
                foreach (var service in process.GetServices<IHostedService>())
                    await service.StopAsync(CancellationToken.None);
                await process.DisposeAsync();
            }
        }
    }
}

/// <summary>What was measured with so many jobs and workers, of eight hands each.</summary>
internal sealed record QueueReport
{
    public required int Waiting { get; init; }
    public required int Workers { get; init; }

    /// <summary>Claimed, handed to a handler that does nothing, and ended; as many are published meanwhile.</summary>
    public required double JobsPerSecond { get; init; }

    /// <summary>A job of another tenant, while all workers are busy with the others: from its publish to its handler.</summary>
    public required double ClaimP50Ms { get; init; }

    public required double ClaimP99Ms { get; init; }

    /// <summary>Publishing included.</summary>
    public required double CommitsPerJob { get; init; }

    public required double DatabaseCpuSecondsPer1000Jobs { get; init; }

    public static string Table(IEnumerable<QueueReport> reports) => string.Join('\n',
    [
        "| jobs waiting | workers | jobs/s | claim p50, ms | claim p99, ms | commits per job | PostgreSQL CPU-s per 1000 jobs |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        .. reports.Select(report => string.Create(CultureInfo.InvariantCulture,
            $"| {report.Waiting:N0} | {report.Workers} | {report.JobsPerSecond:N0} | {report.ClaimP50Ms:0.0} | {report.ClaimP99Ms:0.0} | {report.CommitsPerJob:0.00} | {report.DatabaseCpuSecondsPer1000Jobs:0.00} |")),
        "",
    ]);
}

/// <summary>What workers cost that have nothing to do.</summary>
internal sealed record IdleQueueReport
{
    public required int Workers { get; init; }
    public required double DatabaseCpuPercent { get; init; }
    public required double CommitsPerSecond { get; init; }
}
