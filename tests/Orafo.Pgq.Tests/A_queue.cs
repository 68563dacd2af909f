using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Npgsql;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>What an operator sees of it, and what it leaves behind.</summary>
public sealed class A_queue
{
    [Test]
    public async Task Has_a_history_by_days_that_is_kept_for_a_while()
    {
        await using var shop = await Workshop.OpenAsync();
        const string Partitions = "select count(*) from pg_inherits where inhparent = 'work_history'::regclass";
        Assert.That(await shop.Scalar<long>(Partitions), Is.EqualTo(9), "eight days and the rest");

        await shop.Execute("create table work_history_20200101 partition of work_history for values from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00')");
        await shop.Execute("""
            insert into work_history (id, outcome, priority, group_key, payload, metadata, attempts, created_at, due, finished_at)
            select gen_random_uuid(), 'done', 0, '', '1', '{}', 1, day, day, day from unnest(array['2020-01-01 12:00+00', '2020-03-01 12:00+00', '2200-01-01 00:00+00']::timestamptz[]) day
            """);
        await shop.Worker();
        await Eventually.Holds(async () => await shop.Scalar<long>(Partitions) == 9, "the old partition is dropped");
        await Eventually.Holds(async () => await shop.Scalar<long>("select count(*) from work_history") == 1, "and what was old in the rest");
    }

    [Test]
    public async Task Is_run_by_a_role_that_may_not_create_or_drop_anything()
    {
        await using var shop = await Workshop.OpenAsync();
        var (runner, stranger) = ($"runner_{Guid.CreateVersion7():n}", $"stranger_{Guid.CreateVersion7():n}");
        await shop.Execute($"create role {runner} login password 'secret'; create role {stranger} login password 'secret'");
        await shop.Execute($"revoke create on schema public from public; grant select, insert, update, delete on work, work_history to {runner}");
        try
        {
            await using var database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(shop.ConnectionString) { Username = runner, Password = "secret" }.ConnectionString);
            var builder = Host.CreateApplicationBuilder();
            builder.Services.AddSingleton(shop).AddSingleton(database).AddJobQueue<string>("work").AddJobHandler<string, Workshop.Handler>();
            await shop.Execute("drop table work_history_" + DateTime.UtcNow.AddDays(7).ToString("yyyyMMdd", System.Globalization.CultureInfo.InvariantCulture));
            using var host = builder.Build();
            await host.StartAsync();
            await host.Services.GetRequiredService<JobQueue<string>>().PublishAsync([new("x")]);
            await shop.Until(JobStates.Done, 1);
            await Eventually.Holds(async () => await shop.Scalar<long>("select count(*) from pg_inherits where inhparent = 'work_history'::regclass") == 9, "the day's partition is back");
            await host.StopAsync();

            await using var other = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(shop.ConnectionString) { Username = stranger, Password = "secret" }.ConnectionString);
            await using var keep = other.CreateCommand("select work_keep_history(interval '1 day')");
            Assert.That(async () => await keep.ExecuteScalarAsync(), Throws.InstanceOf<PostgresException>().With.Property("SqlState").EqualTo("42501"));
        }
        finally
        {
            await shop.Execute($"drop owned by {runner}, {stranger}; drop role {runner}, {stranger}");
        }
    }

    [Test]
    public async Task Refuses_what_no_worker_could_do()
    {
        await using var shop = await Workshop.OpenAsync();
        foreach (var row in new[] { "(payload, metadata) values ('1', '[]')", "(payload, priority) values ('1', 2000)", "(payload, lease_token) values ('1', gen_random_uuid())",
            "(payload, due) values ('1', 'infinity')", "(payload, due) values ('1', '-infinity')", "(payload, due) values ('1', '0044-03-15 BC')",
            "(payload, attempts) values ('1', 2147483647)", "(payload, attempts) values ('1', -1)", "(payload, lost_leases) values ('1', 2147483647)",
            "(payload, created_at) values ('1', 'infinity')", "(payload, created_at) values ('1', '10000-01-01')", "(payload, started_at) values ('1', '10000-01-01')" })
            Assert.That(() => shop.Execute("insert into work " + row), Throws.InstanceOf<PostgresException>().With.Property("SqlState").EqualTo("23514"), row);
    }

    [Test]
    public async Task Refuses_what_would_make_a_job_one_that_no_worker_could_do()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("insert into work (payload) values ('1')");
        foreach (var change in new[] { "due = null", "rank = null", "rank = 'infinity'", "attempts = 2147483647", "created_at = '-infinity'" })
            Assert.That(() => shop.Execute($"update work set {change}"), Throws.InstanceOf<PostgresException>().With.Property("SqlState").EqualTo("23514"), change);
    }

    /// <remarks>A number that cannot be counted any further would fail the statement for all.</remarks>
    [Test]
    public async Task Counts_no_further_than_it_can()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("""insert into work (payload, attempts, lost_leases) values ('"begun"', 1000000, 0), ('"lost"', 1000000, 1000000)""");
        await shop.Execute("""update work set state = 'running', lease_token = gen_random_uuid(), lease_expires_at = now() where payload = '"lost"'""");
        var queue = await shop.Worker(worker => worker.MaxAttempts = int.MaxValue);
        await queue.PublishAsync(new NewJob<string>("good"));
        await shop.Until(JobStates.Done, 3);
        Assert.That(await shop.Scalar<string>("select string_agg(attempts::text, ' ' order by attempts) from work_history"), Is.EqualTo("1 1000000 1000000"));
    }

    [Test]
    public async Task That_an_earlier_version_created_is_brought_up_to_date()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("alter table work drop constraint ck_work_counts, drop constraint ck_work_times; drop trigger work_refuse on work; drop function work_refuse()");
        await shop.Execute("""
            insert into work (payload, attempts, created_at) values ('"a"', 2147483647, now()), ('"b"', 0, '10000-01-01'), ('"c"', 0, 'infinity'), ('"d"', 0, now()), ('"e"', 0, now());
            update work set state = 'running', lease_token = gen_random_uuid(), lease_expires_at = '-infinity', lost_leases = 2147483647 where payload = '"d"';
            update work set due = null, rank = null where payload = '"e"';
            """);
        for (var time = 1; time <= 2; time++)
            await shop.Execute(new JobQueueSchema("work").Guard());
        var queue = await shop.Worker(worker => worker.MaxAttempts = int.MaxValue);
        await queue.PublishAsync(new NewJob<string>("good"));
        await shop.Until(JobStates.Done, 6);
        Assert.That(() => shop.Execute("insert into work (payload, attempts) values ('1', 2147483647)"), Throws.InstanceOf<PostgresException>());
        await shop.Execute(new JobQueueSchema("work").Drop());
        Assert.That(await shop.Scalar<long>("select count(*) from pg_proc where proname like 'work%'"), Is.Zero);
    }

    [Test]
    public void Refuses_options_that_make_no_sense()
    {
        foreach (var wrong in new Action<JobWorkerOptions>[]
        {
            worker => worker.Parallelism = 0, worker => worker.Parallelism = 1001, worker => worker.MaxAttempts = 0, worker => worker.Lease = TimeSpan.Zero,
            worker => worker.PollingInterval = TimeSpan.Zero, worker => worker.LongestPause = TimeSpan.Zero, worker => worker.KeepHistory = TimeSpan.FromHours(1),
            worker => worker.Filter = Enumerable.Range(0, 9).ToDictionary(i => $"{i}", i => ""),
        })
            Assert.That(() => new ServiceCollection().AddJobHandler<string, Workshop.Handler>(wrong), Throws.InvalidOperationException);
    }

    [Test]
    public async Task Is_measured()
    {
        ConcurrentDictionary<string, double> sums = [];
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, of) =>
        {
            if (instrument.Meter.Name == PgqMeter.Name)
                of.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument.Name, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument.Name, value, tags));
        listener.Start();

        await using var shop = await Workshop.OpenAsync(new JobQueueSchema("measured"));
        await shop.Execute(new JobQueueSchema("work").Create());
        shop.Handle = (job, _) => Task.FromResult(job.Payload == "bad" ? JobOutcome.RetryLater("x", TimeSpan.Zero) : JobOutcome.Done());
        var queue = await shop.Worker(worker => worker.MaxAttempts = 2);
        await queue.PublishAsync([new("good"), new("bad")]);
        await shop.Until(JobStates.Done, 1);
        await shop.Until(JobStates.Parked, 1);
        await Eventually.Holds(() => sums.GetValueOrDefault("orafo.pgq.parked") >= 1 && sums.GetValueOrDefault("orafo.pgq.finished") >= 1, "it is counted");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(sums["orafo.pgq.published"], Is.GreaterThanOrEqualTo(2));
            Assert.That(sums["orafo.pgq.finished"], Is.GreaterThanOrEqualTo(1));
            Assert.That(sums["orafo.pgq.retried"], Is.GreaterThanOrEqualTo(1));
            Assert.That(sums["orafo.pgq.claim.latency"], Is.Positive);
            Assert.That(sums["orafo.pgq.job.duration"], Is.Positive);
        }

        void Add(string name, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.Length > 0 && tags[0].Value is "work")
                sums.AddOrUpdate(name, value, (_, sum) => sum + value);
        }
    }

    [Test]
    public async Task Says_how_many_jobs_are_in_each_state_and_for_how_long_the_first_has_been_due()
    {
        ConcurrentDictionary<string, double> read = [];
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, of) =>
        {
            if (instrument.Meter.Name == PgqMeter.Name && instrument.IsObservable)
                of.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, jobs, tags, _) => read[(string)tags[1].Value!] = jobs);
        listener.SetMeasurementEventCallback<double>((_, seconds, _, _) => read["lag"] = seconds);
        listener.Start();
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("""
            insert into work (payload, due) select '1', now() - interval '1 h' from generate_series(1, 6);
            insert into work (payload, due) select '2', now() + interval '1 h' from generate_series(1, 5);
            insert into work (payload) select to_jsonb(i) from generate_series(11, 20) i;
            update work set state = 'running', lease_token = gen_random_uuid(), lease_expires_at = now() + interval '1 h' where payload between '11' and '14';
            update work set state = 'suspect' where payload between '15' and '17';
            update work set state = 'parked' where payload between '18' and '19';
            delete from work where payload = '20';
            """);
        await shop.Worker(worker => worker.Filter = new Dictionary<string, string> { ["nobody"] = "has it" });
        await Eventually.Holds(
            () =>
            {
                listener.RecordObservableInstruments();
                return read.Count == 6;
            },
            "it is counted");
        Assert.That(
            (read[JobStates.Waiting], read[JobStates.Scheduled], read[JobStates.Running], read[JobStates.Suspect], read[JobStates.Parked]), Is.EqualTo((6, 5, 4, 3, 2)));
        Assert.That(read["lag"], Is.InRange(3600, 4000));

        // Nobody can count now.
        await shop.Execute("alter table work rename to elsewhere");
        await Eventually.Holds(
            () =>
            {
                read.Clear();
                listener.RecordObservableInstruments();
                return read.IsEmpty;
            },
            "what was true once is not shown any more");
        await shop.Execute("alter table elsewhere rename to work");
    }

    [Test]
    public async Task Keeps_the_trace_of_whoever_published_a_job()
    {
        ConcurrentQueue<Activity> ended = [];
        using var source = new ActivitySource("Orafo.Pgq.Tests");
        using var listener = new ActivityListener
        {
            ShouldListenTo = of => of.Name is PgqMeter.Name or "Orafo.Pgq.Tests",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Worker();
        ActivityTraceId trace;
        using (var publisher = source.StartActivity("publish")!)
        {
            trace = publisher.TraceId;
            await queue.PublishAsync([new("x")]);
        }

        await Eventually.Holds(() => ended.Any(span => span.OperationName == "process work" && span.TraceId == trace), "the job's span is of the same trace");
        Assert.That(ended.First(span => span.TraceId == trace && span.OperationName == "process work").GetTagItem("orafo.outcome"), Is.EqualTo("done"));
    }

    [Test]
    public async Task Goes_on_when_the_database_is_back()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Worker(worker => worker.PollingInterval = TimeSpan.FromMilliseconds(100));
        await queue.PublishAsync([new("before")]);
        await shop.Until(JobStates.Done, 1);
        var name = await shop.Scalar<string>("select current_database()::text");
        await using (var admin = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(shop.ConnectionString) { Database = "postgres" }.ConnectionString))
        {
            await Run($"alter database \"{name}\" allow_connections false");
            await Run($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
            await Eventually.Holds(() => shop.Log.Any(line => line.Contains("can be neither claimed nor ended", StringComparison.Ordinal)), "it says so");
            await Run($"alter database \"{name}\" allow_connections true");

            async Task Run(string sql)
            {
                await using var command = admin.CreateCommand(sql);
                await command.ExecuteNonQueryAsync();
            }
        }

        await queue.PublishAsync([new("after")]);
        await shop.Until(JobStates.Done, 2);
        Assert.That(shop.Log.Count(line => line.Contains("can be neither claimed nor ended", StringComparison.Ordinal)), Is.EqualTo(1), "once a minute");
    }
}
