using System.Globalization;
using Npgsql;
using Orafo.Cli;
using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>A worker in a process of its own, which may be killed. It writes each job down in the transaction that ends it.</summary>
internal static class WorkerProcess
{
    public const string Database = "WORKER_DATABASE";
    public const string MaxAttempts = "WORKER_MAX_ATTEMPTS";
    public const string Lease = "WORKER_LEASE";

    /// <summary>In milliseconds, as a job's payload, it kills its process.</summary>
    public const int Deadly = -1;

    private static int _count;

    public static string Environment(string variable) => System.Environment.GetEnvironmentVariable(variable)
        ?? throw new InvalidOperationException($"The variable {variable} says where to work; without it this is a test assembly.");

    public static IHost Build(string database, int maxAttempts, TimeSpan lease)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddSingleton(NpgsqlDataSource.Create(database));
        builder.Services.AddJobQueue<int>("work");
        builder.Services.AddJobHandler<int, Ledger>(worker =>
        {
            worker.Lease = lease;
            worker.PollingInterval = TimeSpan.FromSeconds(1);
            worker.MaxAttempts = maxAttempts;
        });
        return builder.Build();
    }

    public static ChildProcess Start(string database, string directory, int maxAttempts, int lease = 2) => ChildProcess.Start(
        "worker", [Repository.Dotnet, typeof(WorkerProcess).Assembly.Location],
        new Dictionary<string, string?> { [Database] = database, [MaxAttempts] = maxAttempts.ToString(CultureInfo.InvariantCulture), [Lease] = lease.ToString(CultureInfo.InvariantCulture) },
        Path.Combine(directory, $"worker-{Interlocked.Increment(ref _count)}.log"), TestServers.Watchdog, workingDirectory: directory);

    private sealed class Ledger(NpgsqlDataSource database) : IJobHandler<int>
    {
        public async Task<JobOutcome> Handle(Job<int> job, CancellationToken cancellationToken)
        {
            if (job.Payload == Deadly)
                System.Environment.FailFast("A deadly job.");
            await Task.Delay(job.Payload, cancellationToken); // The job itself.
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var write = new NpgsqlCommand("insert into effect (job_id) values ($1)", connection, transaction) { Parameters = { new() { Value = job.Id } } };
            await write.ExecuteNonQueryAsync(cancellationToken);
            await job.EndAsync(transaction, JobOutcome.Done(), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return JobOutcome.Done();
        }
    }
}
