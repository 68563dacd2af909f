using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>From whoever has work to the table.</summary>
public sealed class A_published_job
{
    [Test]
    public async Task Is_done_once_and_remembered()
    {
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = (job, _) => Task.FromResult(JobOutcome.Done($"{job.Payload} is done"));
        var queue = await shop.Worker();
        var job = new NewJob<string>("it") { Metadata = new Dictionary<string, string> { ["tenant"] = "a" } };

        Assert.That(await queue.PublishAsync(job), Is.True);
        await shop.Until(JobStates.Done, 1);

        var status = await queue.FindAsync(job.Id);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Has.Property("State").EqualTo("done").And.Property("Result").EqualTo("it is done").And.Property("Attempts").EqualTo(1));
            Assert.That(status!.FinishedAt, Is.GreaterThanOrEqualTo(status.StartedAt!.Value));
            Assert.That(shop.Attempts.Single().Metadata["tenant"], Is.EqualTo("a"));
            Assert.That(await shop.Scalar<TimeSpan>("select duration from work_history"), Is.GreaterThan(TimeSpan.Zero));
            Assert.That(await shop.Scalar<long>("select count(*) from work"), Is.Zero);
        }
    }

    [Test]
    public async Task Is_there_if_and_only_if_the_callers_transaction_commits()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Worker();
        await using var connection = await shop.Database.OpenConnectionAsync();

        await using (var undone = await connection.BeginTransactionAsync())
        {
            await queue.PublishAsync(undone, [new("never")]);
            await undone.RollbackAsync();
        }

        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await queue.PublishAsync(transaction, [new("first"), new("second")]);
            queue.Wake();
            await queue.PublishAsync([new("another")]);
            await shop.Until(JobStates.Done, 1);
            await transaction.CommitAsync();
        }

        queue.Wake();
        await shop.Until(JobStates.Done, 3);
        Assert.That(shop.Attempts.Select(job => job.Payload), Is.EquivalentTo(["another", "first", "second"]));
        Assert.That(shop.Attempts.First().Payload, Is.EqualTo("another"));
    }

    [TestCase(false), TestCase(true)]
    public async Task Is_saved_with_what_else_a_DbContext_changes(bool hasTransaction)
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table effect (job_id uuid primary key)");
        var queue = await shop.Worker();
        await shop.Listens();
        // It has looked around when it began to listen, and has nothing to do any more.
        await queue.PublishAsync(new NewJob<string>("first"));
        await shop.Until(JobStates.Done, 1);
        await using var scope = shop.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<WorkDb>();
        var job = new NewJob<string>("saved");
        db.Add(new Effect { JobId = job.Id });
        queue.Publish(db, job);
        await using var transaction = hasTransaction ? await db.Database.BeginTransactionAsync() : null;
        await db.SaveChangesAsync();
        if (transaction is not null)
        {
            // The worker has nothing to find yet, and looks only when it is told.
            queue.Wake();
            await queue.PublishAsync(new NewJob<string>("another"));
            await shop.Until(JobStates.Done, 2);
            await transaction.CommitAsync();
        }

        await Eventually.Holds(() => shop.Attempts.Any(attempt => attempt.Id == job.Id), "the worker was woken by the commit");
    }

    [Test]
    public async Task Needs_a_DbContext_that_tells_of_its_commits()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        await using var silent = new WorkDb(new DbContextOptionsBuilder<WorkDb>().UseNpgsql(shop.Database).Options);
        Assert.That(() => queue.Publish(silent, new("x")), Throws.InvalidOperationException.With.Message.Contains("UseJobQueues"));
    }

    [Test]
    public async Task May_come_from_any_program_that_can_insert()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Worker(worker => worker.PollingInterval = TimeSpan.FromMilliseconds(100));
        await shop.Execute("""insert into work (payload) values ('"by hand"')""");
        await shop.Until(JobStates.Done, 1);
        Assert.That(shop.Attempts.Single().Payload, Is.EqualTo("by hand"));
    }

    [Test]
    public async Task Gets_an_id_in_the_order_of_time_whoever_inserts_it()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Publisher();
        var from = DateTimeOffset.FromUnixTimeMilliseconds(await shop.Scalar<long>("select (extract(epoch from clock_timestamp()) * 1000 - 1)::bigint"));
        await shop.Execute("insert into work (payload, due) select '1', now() + interval '1 h' from generate_series(1, 50)");
        var ids = await shop.Scalar<Guid[]>("select array_agg(id order by rank, id) from work");
        var to = DateTimeOffset.FromUnixTimeMilliseconds(await shop.Scalar<long>("select (extract(epoch from clock_timestamp()) * 1000 + 1)::bigint"));

        Assert.Multiple(() =>
        {
            Assert.That(ids.Distinct(), Has.Exactly(50).Items);
            Assert.That(ids, Has.All.Matches<Guid>(id => id is { Version: 7, Variant: >= 8 and <= 11 }));
            // The first 48 bits are milliseconds (RFC 9562, section 5.7).
            Assert.That(ids.Select(id => DateTimeOffset.FromUnixTimeMilliseconds(Convert.ToInt64(id.ToString("N")[..12], 16))), Has.All.InRange(from, to));
        });
    }

    [Test]
    public async Task Wakes_the_workers_of_other_processes()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Worker();
        var queue = await shop.Publisher();
        await shop.Listens();
        await queue.PublishAsync(new NewJob<string>("news"));
        await shop.Until(JobStates.Done, 1);
    }

    [Test]
    public async Task Is_not_published_while_another_one_with_its_key_is_not_over()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        NewJob<string> Keyed(string key) => new("x") { DeduplicationKey = key };

        Assert.That(await queue.PublishAsync(Keyed("a")), Is.True);
        Assert.That(await queue.PublishAsync(Keyed("a")), Is.False);
        var (again, other, twice) = (Keyed("a"), Keyed("b"), Keyed("b"));
        Assert.That(await queue.PublishAsync([again, other, twice]), Is.EqualTo([other.Id]));

        await shop.Worker();
        await shop.Until(JobStates.Done, 2);
        Assert.That(await queue.PublishAsync(Keyed("a")), Is.True, "the other one is over");
    }

    [Test]
    public async Task Is_published_once_if_many_try_with_its_key_at_the_same_time()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        var published = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => queue.PublishAsync(new NewJob<string>("x") { DeduplicationKey = "one" })));
        Assert.That(published.Count(isPublished => isPublished), Is.EqualTo(1));
    }

    private static IEnumerable<TestCaseData<NewJob<string>, string>> Impossible =>
    [
        new(new(new string('x', 2000)), "may have 1000 bytes"),
        new(new("x") { Metadata = new Dictionary<string, string> { ["k"] = new('x', 2000) } }, "may have 1000 bytes"),
        new(new("nul \0"), "NUL"),
        new(new("\\\0"), "NUL"),
        new(new("x") { Priority = 1001 }, "priority"),
        new(new("x") { NotBefore = DateTimeOffset.UnixEpoch }, "past"),
        new(new("x") { Delay = TimeSpan.FromSeconds(-1) }, "past"),
        new(new("x") { Delay = TimeSpan.Zero, NotBefore = DateTimeOffset.UtcNow.AddHours(1) }, "not by both"),
        new(new("x") { NotBefore = DateTimeOffset.MaxValue }, "ten years"),
        new(new("x") { Delay = TimeSpan.MaxValue }, "ten years"),
        new(new("x") { DeduplicationKey = "" }, "key"),
        new(new("x") { DeduplicationKey = new('x', 201) }, "key"),
    ];

    [TestCaseSource(nameof(Impossible))]
    public async Task Is_refused_before_it_harms_the_transaction(NewJob<string> job, string because)
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher(options => options.MaxBytes = 1000);
        await using var connection = await shop.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        Assert.That(async () => await queue.PublishAsync(transaction, [new("good"), job]), Throws.ArgumentException.With.Message.Contains(because));
        await queue.PublishAsync(transaction, [new("good")]);
        await transaction.CommitAsync();
        Assert.That(await shop.Count(JobStates.Waiting), Is.EqualTo(1));
    }

    [Test]
    public async Task May_contain_what_only_looks_like_NUL()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Worker();
        await queue.PublishAsync(new NewJob<string>("\\u0000"));
        await shop.Until(JobStates.Done, 1);
        Assert.That(shop.Attempts.Single().Payload, Is.EqualTo("\\u0000"));
    }

    [Test]
    public async Task Needs_a_queue_that_is_there()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute(new JobQueueSchema("work").Drop());
        var queue = await shop.Publisher();
        Assert.That(async () => await queue.PublishAsync(new NewJob<string>("x")),
            Throws.InvalidOperationException.With.Message.Contains("There is no queue 'work'").And.InnerException.InstanceOf<PostgresException>());
    }

    [TestCase(false), TestCase(true)]
    public async Task Needs_a_queue_that_is_there_for_a_DbContext_too(bool isAsync)
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table effect (job_id uuid primary key)");
        await shop.Execute(new JobQueueSchema("work").Drop());
        var queue = await shop.Publisher();
        await using var scope = shop.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<WorkDb>();
        db.Add(new Effect { JobId = Guid.CreateVersion7() });
        queue.Publish(db, new("x"));
        Assert.That(async () => isAsync ? await db.SaveChangesAsync() : db.SaveChanges(),
            Throws.InvalidOperationException.With.Message.Contains("There is no queue 'work'").And.InnerException.InstanceOf<DbUpdateException>());
    }

    [Test]
    public async Task Is_not_what_is_missing_if_another_table_is()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        await using var scope = shop.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<WorkDb>();
        db.Add(new Effect { JobId = Guid.CreateVersion7() });
        queue.Publish(db, new("x"));
        Assert.That(async () => await db.SaveChangesAsync(), Throws.InstanceOf<DbUpdateException>().With.InnerException.Property("SqlState").EqualTo("42P01"));
    }

    [Test]
    public async Task Is_told_of_to_other_processes_a_few_times_a_second_however_many_there_are()
    {
        await using var shop = await Workshop.OpenAsync();
        var told = 0;
        await using var listener = await shop.Database.OpenConnectionAsync();
        listener.Notification += (_, _) => told++;
        await using (var listen = new NpgsqlCommand("do $$ begin execute format('listen %I', 'work_' || 'work'::regclass::oid); end $$", listener))
            await listen.ExecuteNonQueryAsync();
        var queue = await shop.Publisher();
        var began = TimeProvider.System.GetTimestamp();
        const int Jobs = 400;
        for (var i = 0; i < Jobs; i++)
            await queue.PublishAsync(new NewJob<string>("x"));
        Assert.That(await listener.WaitAsync(TimeSpan.FromMinutes(1)), Is.True);
        while (await listener.WaitAsync(TimeSpan.FromSeconds(1)))
        {
            // Until nothing more is told.
        }

        var most = 2 + (TimeProvider.System.GetElapsedTime(began).TotalMilliseconds / 100);
        Assert.That(told, Is.InRange(1, most).And.LessThan(Jobs));
    }

    [TestCase("Work"), TestCase("work\"; drop table work; --"), TestCase(""), TestCase("1work"), TestCase("a_name_that_is_longer_than_forty_character")]
    public void Needs_a_queue_with_a_name(string name)
    {
        Assert.That(() => new JobQueueSchema(name), Throws.ArgumentException.With.Message.Contains("no name of a queue"));
        Assert.That(() => new ServiceCollection().AddJobQueue<string>(name), Throws.ArgumentException);
    }

    [TestCase("it's", 60), TestCase("", 60), TestCase("tenant", 0), TestCase("tenant", 700_000)]
    public void Needs_a_queue_that_can_be_created(string groupBy, int seconds) =>
        Assert.That(() => new JobQueueSchema("work") { GroupBy = groupBy, HeadStart = TimeSpan.FromSeconds(seconds) }.Create(), Throws.InvalidOperationException);
}
