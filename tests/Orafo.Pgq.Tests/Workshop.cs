using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>A queue called <c>work</c> in a database of its own, and processes with or without workers.</summary>
/// <remarks>A handler does with a job what the test says; without a word it is done.</remarks>
internal sealed class Workshop : IAsyncDisposable
{
    private readonly List<IHost> _hosts = [];

    private Workshop(NpgsqlDataSource database, string connectionString) => (Database, ConnectionString) = (database, connectionString);

    public NpgsqlDataSource Database { get; }

    public string ConnectionString { get; }

    /// <summary>The attempts that were made, in their order.</summary>
    public ConcurrentQueue<Job<string>> Attempts { get; } = [];

    /// <summary>What is logged, with what stands beside it: <c>Warning: … | name=value</c>.</summary>
    public ConcurrentQueue<string> Log { get; } = [];

    /// <summary>What becomes of an attempt.</summary>
    public Func<Job<string>, CancellationToken, Task<JobOutcome>> Handle { get; set; } = (_, _) => Task.FromResult(JobOutcome.Done());

    public static async Task<Workshop> OpenAsync(JobQueueSchema? schema = null)
    {
        var connectionString = await TestServers.CreateDatabaseAsync("pgq");
        var database = NpgsqlDataSource.Create(connectionString);
        await using var connection = await database.OpenConnectionAsync();
        await (schema ?? new JobQueueSchema("work")).CreateAsync(connection);
        return new Workshop(database, connectionString);
    }

    /// <summary>A process that only publishes.</summary>
    public Task<JobQueue<string>> Publisher(Action<JobQueueOptions>? configure = null) => Start(services => services.AddJobQueue<string>("work", configure));

    /// <summary>A process with workers, who hear of jobs, or know when they are due: no test has the patience for them to look by themselves.</summary>
    public Task<JobQueue<string>> Worker(Action<JobWorkerOptions>? configure = null) => Start(services => services
        .AddJobQueue<string>("work")
        .AddJobHandler<string, Handler>(worker =>
        {
            worker.PollingInterval = TimeSpan.FromHours(2);
            worker.FirstPause = TimeSpan.FromMilliseconds(100);
            configure?.Invoke(worker);
        }));

    /// <summary>Returns when a worker hears of news: it looks at that moment, and then only when it is told.</summary>
    public Task Listens() => Eventually.Holds(
        async () => await Scalar<long>("select count(*) from pg_stat_activity where datname = current_database() and state = 'idle' and query like '%listen%'") > 0, "it listens");

    /// <summary>Stops the last process that was started, in an orderly way.</summary>
    public async Task StopLastAsync()
    {
        var last = _hosts[^1];
        _hosts.Remove(last);
        await last.StopAsync();
        last.Dispose();
    }

    public async Task<T> Scalar<T>(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task Execute(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Locks the job's row, until it is disposed.</summary>
    public async Task<NpgsqlConnection> Lock(Guid id)
    {
        var connection = await Database.OpenConnectionAsync();
        await using var take = new NpgsqlCommand($"begin; select from work where id = '{id}' for update", connection);
        await take.ExecuteNonQueryAsync();
        return connection;
    }

    /// <summary>How many jobs are in that state, or came to that end.</summary>
    public Task<long> Count(string state) =>
        Scalar<long>($"select (select count(*) from work where state = '{state}') + (select count(*) from work_history where outcome = '{state}')");

    /// <summary>Returns when so many jobs are in that state, or came to that end.</summary>
    public async Task Until(string state, long jobs)
    {
        var there = "";
        await Eventually.Holds(
            async () =>
            {
                if (await Count(state) == jobs)
                    return true;
                there = await Scalar<string>("""
                    select coalesce(string_agg(concat_ws(' ', jobs, state, last_error), ', '), 'no job waits') from (
                        select state, last_error, count(*) as jobs from work group by state, last_error) as of_each
                    """);
                return false;
            },
            () => $"{jobs} jobs are {state}; there are {there}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.StopAsync();
            host.Dispose();
        }

        await Database.DisposeAsync();
    }

    private async Task<JobQueue<string>> Start(Action<IServiceCollection> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(new Listener(Log));
        builder.Services.AddSingleton(this).AddSingleton(Database);
        builder.Services.AddDbContext<WorkDb>((services, options) => options.UseNpgsql(services.GetRequiredService<NpgsqlDataSource>()).UseJobQueues());
        configure(builder.Services);
        // The data source is the workshop's.
        var host = builder.Build();
        _hosts.Add(host);
        await host.StartAsync();
        Services = host.Services;
        return host.Services.GetRequiredService<JobQueue<string>>();
    }

    /// <summary>Of the last process that was started.</summary>
    public IServiceProvider Services { get; private set; } = null!;

    internal sealed class Handler(Workshop workshop) : IJobHandler<string>
    {
        public Task<JobOutcome> Handle(Job<string> job, CancellationToken cancellationToken)
        {
            workshop.Attempts.Enqueue(job);
            return workshop.Handle(job, cancellationToken);
        }
    }

    private sealed class Listener(ConcurrentQueue<string> lines) : ILoggerProvider, ISupportExternalScope, ILogger
    {
        private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

        public ILogger CreateLogger(string categoryName) => this;

        public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => _scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            List<string> beside = [];
            _scopes.ForEachScope((scope, all) => all.AddRange((scope as IEnumerable<KeyValuePair<string, object?>> ?? []).Select(item => $"{item.Key}={item.Value}")), beside);
            lines.Enqueue($"{logLevel}: {formatter(state, exception)} | {string.Join(' ', beside)}");
        }

        public void Dispose()
        {
            // There is nothing to give back.
        }
    }
}

/// <summary>A DbContext that publishes and ends jobs with what else it writes.</summary>
internal sealed class WorkDb(DbContextOptions<WorkDb> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddJobQueue("work");
        modelBuilder.Entity<Effect>(effect =>
        {
            effect.ToTable("effect");
            effect.HasKey(x => x.JobId);
            effect.Property(x => x.JobId).HasColumnName("job_id");
        });
    }
}

/// <summary>What a job did.</summary>
internal sealed class Effect
{
    public required Guid JobId { get; init; }
}
