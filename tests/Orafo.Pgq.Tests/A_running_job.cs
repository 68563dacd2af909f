using Microsoft.EntityFrameworkCore;
using Npgsql;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>An attempt, and how it may end.</summary>
public sealed class A_running_job
{
    /// <summary>So long that a renewal may be late by some seconds.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(6);

    private static readonly Action<JobWorkerOptions> ShortLease = worker => worker.Lease = Lease;

    /// <summary>It would have been over by now, and is not.</summary>
    private const string IsRenewed = "select coalesce(now() > started_at + interval '7 s' and lease_expires_at > now(), false) from work";

    [Test]
    public async Task Keeps_its_lease_for_as_long_as_it_takes()
    {
        await using var shop = await Workshop.OpenAsync();
        var (begun, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        shop.Handle = async (_, cancellation) =>
        {
            begun.TrySetResult();
            await end.Task.WaitAsync(cancellation);
            return JobOutcome.Done();
        };
        var queue = await shop.Worker(ShortLease);
        await shop.Worker(worker => (worker.Lease, worker.PollingInterval) = (Lease, TimeSpan.FromMilliseconds(100)));
        await queue.PublishAsync([new("long")]);
        await begun.Task.WaitAsync(Eventually.Patience);
        await Eventually.Holds(() => shop.Scalar<bool>(IsRenewed), "the lease was renewed");
        end.SetResult();
        await shop.Until(JobStates.Done, 1);
        Assert.That(shop.Attempts, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Says_how_far_it_is()
    {
        await using var shop = await Workshop.OpenAsync();
        var end = new TaskCompletionSource();
        shop.Handle = async (job, cancellation) =>
        {
            await job.ReportAsync("half", cancellation);
            await end.Task.WaitAsync(cancellation);
            return JobOutcome.Done();
        };
        var queue = await shop.Worker();
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await Eventually.Holds(async () => (await queue.FindAsync(job.Id))!.Progress == "half", "it says so");
        end.SetResult();
        await shop.Until(JobStates.Done, 1);
    }

    [Test]
    public async Task Is_tried_again_after_an_exception_or_when_it_says_so_and_parked_in_the_end()
    {
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = (job, _) => job.Attempt == 1
            ? throw new InvalidDataException("broken")
            : Task.FromResult(JobOutcome.RetryLater($"busy {job.Attempt}", TimeSpan.FromMilliseconds(50)));
        var queue = await shop.Worker(worker => worker.MaxAttempts = 3);
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await shop.Until(JobStates.Parked, 1);
        Assert.That(await queue.FindAsync(job.Id), Has.Property("Error").EqualTo("busy 3").And.Property("Attempts").EqualTo(3));
        await Eventually.Holds(() => shop.Log.Any(line => line.Contains("is parked after 3 attempts: busy 3", StringComparison.Ordinal)), "it is logged");

        shop.Handle = (_, _) => Task.FromResult(JobOutcome.Done());
        Assert.That(await queue.RetryAsync(job.Id), Is.True);
        await shop.Until(JobStates.Done, 1);
        Assert.That(shop.Attempts.Last().Attempt, Is.EqualTo(1), "with all attempts before it");
        Assert.That(await queue.RetryAsync(job.Id), Is.False, "it is over");
    }

    [Test]
    public async Task Waits_longer_after_each_attempt_up_to_a_bound_and_not_as_long_as_others()
    {
        const int Jobs = 40;
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = (_, _) => throw new InvalidDataException("broken");
        var queue = await shop.Worker(worker => (worker.FirstPause, worker.LongestPause) = (TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(35)));
        await queue.PublishAsync([.. Enumerable.Range(0, Jobs).Select(i => new NewJob<string>($"{i}"))]);
        foreach (var (attempt, minutes) in new[] { (1, 10), (2, 20), (3, 35), (4, 35) })
        {
            await Eventually.Holds(
                async () => await shop.Scalar<long>($"select count(*) from work where state = 'scheduled' and attempts = {attempt}") == Jobs, $"attempt {attempt} has failed");
            var (least, most) = (await Pause("min"), await Pause("max"));
            Assert.That(least, Is.GreaterThanOrEqualTo(minutes * 0.5));
            Assert.That(most, Is.LessThanOrEqualTo((minutes * 1.5) + 1), "and what the attempt took");
            Assert.That(most - least, Is.GreaterThan(minutes * 0.2), "some wait longer than others");
            await shop.Execute("update work set state = 'waiting'");
            queue.Wake();
        }

        // In minutes, from the attempt to the next one.
        Task<double> Pause(string of) => shop.Scalar<double>($"select {of}(extract(epoch from due - started_at))::float8 / 60 from work");
    }

    [Test]
    public async Task Keeps_the_error_of_an_exception()
    {
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = (_, _) => throw new InvalidDataException("broken\0");
        var queue = await shop.Worker(worker => worker.MaxAttempts = 1);
        await queue.PublishAsync([new("x")]);
        await shop.Until(JobStates.Parked, 1);
        Assert.That((await queue.ListAsync()).Single().Error, Is.EqualTo("InvalidDataException: broken "));
    }

    [TestCase("half a character \ud83d"), TestCase("NUL \0")]
    public async Task May_say_what_PostgreSQL_cannot_keep(string said)
    {
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = async (job, cancellation) =>
        {
            await job.ReportAsync(said, cancellation);
            return job.Attempt == 1 ? JobOutcome.RetryLater(said, TimeSpan.Zero) : JobOutcome.Done(new string('x', 3999) + "\ud83d\ude00");
        };
        var queue = await shop.Worker();
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await shop.Until(JobStates.Done, 1);
        Assert.That((await queue.FindAsync(job.Id))!.Result, Is.EqualTo(new string('x', 3999)), "no half a character at the end");
    }

    [Test]
    public async Task Whose_end_cannot_be_written_holds_up_no_others()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("alter table work_history add constraint nothing_bad check (result <> 'bad')");
        shop.Handle = (job, _) => Task.FromResult(JobOutcome.Done(job.Payload));
        var queue = await shop.Worker(worker => worker.MaxAttempts = 2);
        await queue.PublishAsync([.. Enumerable.Range(0, 10).Select(i => new NewJob<string>(i == 5 ? "bad" : "good"))]);
        await shop.Until(JobStates.Done, 9);
        await shop.Until(JobStates.Parked, 1);
        Assert.That((await queue.ListAsync()).Single().Error, Is.EqualTo("How it ended could not be written."));
    }

    [Test]
    public async Task Is_over_when_it_is_rejected()
    {
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = (_, _) => Task.FromResult(JobOutcome.Reject("no such printer"));
        var queue = await shop.Worker();
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await shop.Until(JobStates.Rejected, 1);
        Assert.That(await queue.FindAsync(job.Id), Has.Property("Error").EqualTo("no such printer"));
        Assert.That(shop.Attempts, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Can_be_cancelled()
    {
        await using var shop = await Workshop.OpenAsync();
        var begun = new TaskCompletionSource();
        shop.Handle = async (_, cancellation) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellation); // The job: it ends when it is cancelled.
            return JobOutcome.Done();
        };
        var queue = await shop.Worker(ShortLease);
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await begun.Task.WaitAsync(Eventually.Patience);
        Assert.That(await queue.CancelAsync(job.Id), Is.True);
        await shop.Until(JobStates.Cancelled, 1);
        Assert.That(shop.Attempts, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Is_asked_to_stop_if_and_only_if_the_callers_transaction_commits()
    {
        await using var shop = await Workshop.OpenAsync();
        var begun = new TaskCompletionSource();
        shop.Handle = async (_, cancellation) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellation); // The job: it ends when it is cancelled.
            return JobOutcome.Done();
        };
        var queue = await shop.Worker(worker =>
        {
            ShortLease(worker);
            worker.Parallelism = 1;
        });
        NewJob<string>[] jobs = [new("running"), new("waiting")];
        await queue.PublishAsync(jobs);
        await begun.Task.WaitAsync(Eventually.Patience);
        await using var connection = await shop.Database.OpenConnectionAsync();
        foreach (var commits in new[] { false, true })
        {
            await using var transaction = await connection.BeginTransactionAsync();
            foreach (var job in jobs)
                Assert.That(await queue.AskToCancelAsync(transaction, job.Id), Is.True);
            Assert.That(await queue.AskToCancelAsync(transaction, Guid.CreateVersion7()), Is.False);
            if (commits)
                await transaction.CommitAsync();
            else
                await transaction.RollbackAsync();
            if (!commits)
                Assert.That((await shop.Count(JobStates.Running), await shop.Count(JobStates.Waiting)), Is.EqualTo((1L, 1L)));
        }

        await shop.Until(JobStates.Cancelled, 2);
        Assert.That(shop.Attempts, Has.Count.EqualTo(1));
        await using var late = await connection.BeginTransactionAsync();
        Assert.That(await queue.AskToCancelAsync(late, jobs[0].Id), Is.False, "it is over");
    }

    [Test]
    public async Task Can_be_cancelled_although_it_fails_before_it_knows()
    {
        await using var shop = await Workshop.OpenAsync();
        var (begun, cancelled) = (new TaskCompletionSource(), new TaskCompletionSource());
        shop.Handle = async (_, _) =>
        {
            begun.TrySetResult();
            await cancelled.Task;
            throw new InvalidDataException("broken");
        };
        var queue = await shop.Worker(worker => worker.MaxAttempts = 1);
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await begun.Task.WaitAsync(Eventually.Patience);
        Assert.That(await queue.CancelAsync(job.Id), Is.True);
        cancelled.SetResult();
        await shop.Until(JobStates.Cancelled, 1);
        Assert.That(shop.Attempts, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Keeps_its_lease_after_a_transaction_of_its_own_that_came_to_nothing()
    {
        await using var shop = await Workshop.OpenAsync();
        var (rolledBack, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        shop.Handle = async (job, cancellation) =>
        {
            await using (var connection = await shop.Database.OpenConnectionAsync(cancellation))
            {
                await using var transaction = await connection.BeginTransactionAsync(cancellation);
                await job.EndAsync(transaction, JobOutcome.Done(), cancellation);
                await transaction.RollbackAsync(cancellation);
            }

            rolledBack.TrySetResult();
            await end.Task.WaitAsync(cancellation);
            return JobOutcome.RetryLater("again", TimeSpan.FromHours(1));
        };
        var queue = await shop.Worker(ShortLease);
        await queue.PublishAsync([new("x")]);
        await rolledBack.Task.WaitAsync(Eventually.Patience);
        await Eventually.Holds(() => shop.Scalar<bool>(IsRenewed), "the lease is renewed");
        end.SetResult();
        await shop.Until(JobStates.Scheduled, 1);
        Assert.That(shop.Attempts, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Ends_in_the_handlers_own_transaction_if_that_commits()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table effect (job_id uuid primary key)");
        shop.Handle = async (job, cancellation) =>
        {
            await using var connection = await shop.Database.OpenConnectionAsync(cancellation);
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            await using var write = new NpgsqlCommand("insert into effect values ($1)", connection, transaction) { Parameters = { new() { Value = job.Id } } };
            await write.ExecuteNonQueryAsync(cancellation);
            await job.EndAsync(transaction, JobOutcome.Done("written"), cancellation);
            if (job.Attempt == 1)
                throw new InvalidDataException("before the commit");
            await transaction.CommitAsync(cancellation);
            return JobOutcome.Done();
        };
        var queue = await shop.Worker();
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await shop.Until(JobStates.Done, 1);
        Assert.That(shop.Attempts.Select(attempt => attempt.Attempt), Is.EqualTo([1, 2]));
        Assert.That(await shop.Scalar<long>("select count(*) from effect"), Is.EqualTo(1));
        Assert.That(await queue.FindAsync(job.Id), Has.Property("Result").EqualTo("written"));
        Assert.That(shop.Log.Where(line => line.StartsWith("Warning", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public async Task Is_put_off_and_parked_in_the_handlers_own_transaction_too()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table said (what text)");
        shop.Handle = async (job, cancellation) =>
        {
            var outcome = JobOutcome.RetryLater("no paper", TimeSpan.FromMilliseconds(50));
            await using var connection = await shop.Database.OpenConnectionAsync(cancellation);
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            await using var say = new NpgsqlCommand("insert into said values ($1)", connection, transaction) { Parameters = { new() { Value = job.IsLastAttempt ? "in vain" : "later" } } };
            await say.ExecuteNonQueryAsync(cancellation);
            await job.EndAsync(transaction, outcome, cancellation);
            await transaction.CommitAsync(cancellation);
            return outcome;
        };
        var queue = await shop.Worker(worker => worker.MaxAttempts = 2);
        await queue.PublishAsync([new("x")]);
        await shop.Until(JobStates.Parked, 1);
        Assert.That(await shop.Scalar<string>("select string_agg(what, ', ') from said"), Is.EqualTo("later, in vain"));
        Assert.That((await queue.ListAsync()).Single().Error, Is.EqualTo("no paper"));
        await Eventually.Holds(() => shop.Log.Any(line => line.Contains("is parked after 2 attempts: no paper", StringComparison.Ordinal)), "it is logged");
        Assert.That(shop.Log, Has.None.Contains("lease was lost"));
    }

    [Test]
    public async Task Ends_with_the_SaveChanges_of_a_DbContext()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table effect (job_id uuid primary key)");
        shop.Handle = async (job, cancellation) =>
        {
            await using var scope = shop.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<WorkDb>();
            db.Add(new Effect { JobId = job.Id });
            job.Finish(db, "saved");
            await db.SaveChangesAsync(cancellation);
            return JobOutcome.Done();
        };
        var queue = await shop.Worker();
        var job = new NewJob<string>("x") { DeduplicationKey = "one", Metadata = new Dictionary<string, string> { ["tenant"] = "a" } };
        await queue.PublishAsync([job]);
        await shop.Until(JobStates.Done, 1);
        Assert.That(await queue.FindAsync(job.Id), Has.Property("Result").EqualTo("saved").And.Property("Group").EqualTo("a").And.Property("DeduplicationKey").EqualTo("one"));
        Assert.That(await shop.Scalar<long>("select count(*) from effect"), Is.EqualTo(1));
    }

    /// <summary>Another has the job meanwhile: how does the first one end it?</summary>
    [TestCase("by returning"), TestCase("in a transaction"), TestCase("with a DbContext"), TestCase("by trying again"), TestCase("by a report")]
    public async Task Of_a_stalled_worker_cannot_be_ended_by_it_any_more(string how)
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table effect (job_id uuid primary key)");
        var (begun, goOn, failed) = (new TaskCompletionSource(), new TaskCompletionSource(), new TaskCompletionSource<Exception?>());
        shop.Handle = async (job, _) =>
        {
            begun.TrySetResult();
            await goOn.Task;
            try
            {
                return await End(shop, job, how);
            }
            catch (Exception e)
            {
                failed.TrySetResult(e);
                throw;
            }
        };
        // A DbContext is to find it out by itself, not to be told by a renewal.
        var queue = await shop.Worker(worker => worker.Lease = how == "with a DbContext" ? TimeSpan.FromHours(1) : worker.Lease);
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await begun.Task.WaitAsync(Eventually.Patience);
        // As a process finds it that was suspended for long: another one has claimed the job and does it.
        await shop.Execute("update work set lease_token = gen_random_uuid(), lease_expires_at = now() + interval '1 h', attempts = 2");
        goOn.SetResult();
        await Eventually.Holds(() => shop.Log.Any(line => line.Contains("lease was lost", StringComparison.Ordinal)), "the worker finds it out");

        var status = await queue.FindAsync(job.Id);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Has.Property("State").EqualTo("running").And.Property("Attempts").EqualTo(2).And.Property("Progress").Null);
            Assert.That(await shop.Scalar<long>("select count(*) from effect"), Is.Zero);
            if (how is "in a transaction" or "by a report")
                Assert.That(await failed.Task, Is.InstanceOf<LeaseLostException>());
            if (how is "with a DbContext")
                Assert.That(await failed.Task, Is.InstanceOf<DbUpdateConcurrencyException>());
        }
    }

    private static async Task<JobOutcome> End(Workshop shop, Job<string> job, string how)
    {
        switch (how)
        {
            case "by trying again":
                return JobOutcome.RetryLater("later");
            case "by a report":
                await job.ReportAsync("half");
                break;
            case "in a transaction":
                await using (var connection = await shop.Database.OpenConnectionAsync())
                {
                    await using var transaction = await connection.BeginTransactionAsync();
                    await job.EndAsync(transaction, JobOutcome.Done());
                }

                break;
            case "with a DbContext":
                await using (var scope = shop.Services.CreateAsyncScope())
                {
                    var db = scope.ServiceProvider.GetRequiredService<WorkDb>();
                    db.Add(new Effect { JobId = job.Id });
                    job.Finish(db);
                    await db.SaveChangesAsync();
                }

                break;
        }

        return JobOutcome.Done();
    }

    [TestCase("by returning"), TestCase("in a transaction"), TestCase("with a DbContext"), TestCase("by trying again"), TestCase("by a report")]
    public async Task Cannot_be_ended_after_its_lease_even_if_nobody_else_has_it(string how)
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table effect (job_id uuid primary key)");
        var (begun, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        shop.Handle = async (job, _) =>
        {
            begun.TrySetResult();
            await goOn.Task;
            return job.Attempt == 1 ? await End(shop, job, how) : JobOutcome.Done();
        };
        var queue = await shop.Worker(worker => worker.Parallelism = 1);
        await queue.PublishAsync([new("x")]);
        await begun.Task.WaitAsync(Eventually.Patience);
        await shop.Execute("update work set lease_expires_at = now() - interval '1 s'");
        goOn.SetResult();
        // The first attempt's end is refused, and the second one's accepted.
        await shop.Until(JobStates.Done, 1);
        Assert.That(shop.Attempts.Select(job => job.Attempt), Is.EqualTo([1, 2]));
        Assert.That(await shop.Scalar<long>("select count(*) from effect"), Is.Zero);
    }

    [Test]
    public async Task Is_kept_by_the_worker_that_has_it_again_although_its_first_handler_ends_meanwhile()
    {
        await using var shop = await Workshop.OpenAsync();
        TaskCompletionSource[] begun = [new(), new()], ends = [new(), new()];
        shop.Handle = async (job, _) =>
        {
            begun[job.Attempt - 1].SetResult();
            await ends[job.Attempt - 1].Task;
            return JobOutcome.Done($"attempt {job.Attempt}");
        };
        var queue = await shop.Worker(worker => (worker.Lease, worker.Parallelism) = (Lease, 2));
        var job = new NewJob<string>("x");
        await queue.PublishAsync([job]);
        await begun[0].Task;
        await shop.Execute("update work set lease_token = gen_random_uuid(), lease_expires_at = now()");
        queue.Wake();
        await begun[1].Task;
        ends[0].SetResult();
        await Eventually.Holds(() => shop.Log.Any(line => line.Contains("lease was lost", StringComparison.Ordinal)), "the first end is refused");
        await Eventually.Holds(() => shop.Scalar<bool>(IsRenewed), "the second lease is renewed");
        ends[1].SetResult();
        await shop.Until(JobStates.Done, 1);
        Assert.That(await queue.FindAsync(job.Id), Has.Property("Result").EqualTo("attempt 2"));
        Assert.That(shop.Attempts, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Is_told_when_its_lease_is_lost()
    {
        await using var shop = await Workshop.OpenAsync();
        var (begun, told) = (new TaskCompletionSource(), new TaskCompletionSource());
        shop.Handle = async (job, cancellation) =>
        {
            await using var telling = cancellation.Register(told.SetResult);
            begun.TrySetResult();
            await told.Task;
            return JobOutcome.Done();
        };
        var queue = await shop.Worker(ShortLease);
        await queue.PublishAsync([new("x")]);
        await begun.Task.WaitAsync(Eventually.Patience);
        await shop.Execute("update work set lease_token = gen_random_uuid(), lease_expires_at = now() + interval '1 h'");
        await told.Task.WaitAsync(Eventually.Patience);
    }

    [Test]
    public async Task Is_given_back_when_the_worker_stops_as_if_it_had_not_been_begun()
    {
        await using var shop = await Workshop.OpenAsync();
        var begun = new TaskCompletionSource();
        shop.Handle = async (_, cancellation) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellation); // The job: it ends when it is cancelled.
            return JobOutcome.Done();
        };
        var queue = await shop.Publisher();
        var job = new NewJob<string>("x");
        await shop.Worker(worker => worker.StopPatience = TimeSpan.Zero);
        await queue.PublishAsync([job]);
        await begun.Task.WaitAsync(Eventually.Patience);
        await shop.StopLastAsync();
        Assert.That(await queue.FindAsync(job.Id), Has.Property("State").EqualTo("waiting").And.Property("Attempts").Zero);
    }

    [Test]
    public async Task May_end_when_the_worker_stops()
    {
        await using var shop = await Workshop.OpenAsync();
        var (begun, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        shop.Handle = async (_, cancellation) =>
        {
            begun.TrySetResult();
            await end.Task.WaitAsync(cancellation);
            return JobOutcome.Done();
        };
        var queue = await shop.Publisher();
        await shop.Worker(worker => worker.StopPatience = TimeSpan.FromSeconds(25));
        await queue.PublishAsync([new("x"), new("next")]);
        await begun.Task.WaitAsync(Eventually.Patience);
        var stopping = shop.StopLastAsync();
        end.SetResult();
        await stopping;
        Assert.That(await shop.Count(JobStates.Done), Is.Positive);
        Assert.That(await shop.Count(JobStates.Running), Is.Zero);
    }
}
