using System.Collections.Concurrent;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>What the jobs of a group have in common may be slow, or away.</summary>
public sealed class A_group_of_jobs
{
    private static NewJob<string> Of(string group, string payload = "x") => new(payload) { Metadata = new Dictionary<string, string> { ["tenant"] = group } };

    [Test]
    public async Task Has_no_more_under_way_than_it_may_and_leaves_the_other_hands_to_others()
    {
        await using var shop = await Workshop.OpenAsync();
        var gate = new TaskCompletionSource();
        ConcurrentDictionary<string, int> underWay = new();
        ConcurrentBag<int> together = [];
        shop.Handle = async (job, cancellation) =>
        {
            if (job.Group != "slow")
                return JobOutcome.Done();
            together.Add(underWay.AddOrUpdate(job.Group, 1, (_, jobs) => jobs + 1));
            await gate.Task.WaitAsync(cancellation);
            underWay.AddOrUpdate(job.Group, 0, (_, jobs) => jobs - 1);
            return JobOutcome.Done();
        };
        var queue = await shop.Worker(worker => (worker.Parallelism, worker.MaxPerGroup) = (10, 3));
        await queue.PublishAsync([.. Enumerable.Range(0, 50).Select(_ => Of("slow"))]);
        await shop.Until(JobStates.Running, 3);
        await queue.PublishAsync([.. Enumerable.Range(0, 50).Select(i => Of($"quick {i % 2}"))]);
        await shop.Until(JobStates.Done, 50);
        Assert.That(await shop.Count(JobStates.Running), Is.EqualTo(3));

        await Eventually.Holds(() => together.Count == 3, "they are begun");
        gate.SetResult();
        await shop.Until(JobStates.Done, 100);
        Assert.That(together.Max(), Is.EqualTo(3));
    }

    /// <remarks>Nothing but the end of the pause, and then of the job that tries, has the worker look.</remarks>
    [Test]
    public async Task Is_tried_by_one_after_a_pause_and_then_by_all()
    {
        const int Jobs = 30;
        await using var shop = await Workshop.OpenAsync();
        var isAway = true;
        ConcurrentQueue<DateTimeOffset> tries = [];
        var published = new TaskCompletionSource();
        shop.Handle = async (job, cancellation) =>
        {
            if (job.Group == "here")
                return JobOutcome.Done();
            tries.Enqueue(DateTimeOffset.UtcNow);
            await published.Task.WaitAsync(cancellation);
            if (!isAway)
                return JobOutcome.Done();
            job.PauseGroup(TimeSpan.FromMilliseconds(300));
            return JobOutcome.RetryLater("It is away.");
        };
        var queue = await shop.Worker(worker => (worker.Parallelism, worker.FirstPause) = (1, TimeSpan.Zero));
        await queue.PublishAsync(Of("away"));
        await Eventually.Holds(() => Task.FromResult(!tries.IsEmpty), "it was tried");
        await queue.PublishAsync([.. Enumerable.Range(0, Jobs).SelectMany(_ => new[] { Of("away"), Of("here") })]);
        published.SetResult();
        await shop.Until(JobStates.Done, Jobs);
        await Eventually.Holds(() => Task.FromResult(tries.Count >= 4), "it was tried again and again");
        var gaps = tries.Zip(tries.Skip(1), (one, next) => next - one);
        Assert.That(gaps, Is.All.GreaterThan(TimeSpan.FromMilliseconds(250)), "once in each pause");

        isAway = false;
        await shop.Until(JobStates.Done, (2 * Jobs) + 1);
        Assert.That(await shop.Scalar<int>("select max(attempts) from work_history"), Is.LessThanOrEqualTo(3), "they took turns to try");
    }

    [Test]
    public async Task Does_not_begin_more_than_one_when_its_pause_is_over_though_there_are_hands()
    {
        await using var shop = await Workshop.OpenAsync();
        var (isPaused, gate) = (false, new TaskCompletionSource());
        shop.Handle = async (job, cancellation) =>
        {
            if (!isPaused)
            {
                isPaused = true;
                job.PauseGroup(TimeSpan.FromMilliseconds(200));
                return JobOutcome.RetryLater("It is away.", TimeSpan.Zero);
            }

            await gate.Task.WaitAsync(cancellation);
            return JobOutcome.Done();
        };
        var queue = await shop.Worker(worker => worker.Parallelism = 8);
        await queue.PublishAsync(Of("away"));
        await Eventually.Holds(() => Task.FromResult(shop.Attempts.Count == 2), "the pause is over");
        await queue.PublishAsync([.. Enumerable.Range(0, 5).Select(_ => Of("away"))]);
        // Whoever is told of another group's job has looked at this one, too.
        await queue.PublishAsync(Of("here"));
        await shop.Until(JobStates.Running, 2);
        Assert.That(shop.Attempts.Count(job => job.Group == "away"), Is.EqualTo(2));
        gate.SetResult();
        await shop.Until(JobStates.Done, 7);
    }

    /// <remarks>Otherwise all would be begun, and given back, on and on.</remarks>
    [Test]
    public async Task Stays_paused_though_a_job_is_done_that_was_under_way()
    {
        await using var shop = await Workshop.OpenAsync();
        var (isPaused, begun) = (new TaskCompletionSource(), new ConcurrentDictionary<string, DateTimeOffset>());
        shop.Handle = async (job, cancellation) =>
        {
            begun[job.Payload] = DateTimeOffset.UtcNow;
            if (job.Payload == "done meanwhile")
                await isPaused.Task.WaitAsync(cancellation);
            if (job.Payload != "pauses")
                return JobOutcome.Done();
            job.PauseGroup(TimeSpan.FromSeconds(2));
            isPaused.TrySetResult();
            return JobOutcome.Reject("It is away.");
        };
        var queue = await shop.Worker(worker => worker.Parallelism = 2);
        await queue.PublishAsync([Of("away", "done meanwhile"), Of("away", "pauses"), Of("away", "waits")]);
        await shop.Until(JobStates.Done, 2);
        Assert.That(begun["waits"] - begun["pauses"], Is.GreaterThan(TimeSpan.FromSeconds(1.9)));
    }

    [Test]
    public async Task Keeps_the_attempts_of_those_that_are_given_back()
    {
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = (job, _) =>
        {
            if (shop.Attempts.Count > 5)
                return Task.FromResult(JobOutcome.Done());
            job.PauseGroup(TimeSpan.FromMilliseconds(20));
            return Task.FromResult(JobOutcome.GiveBack());
        };
        var queue = await shop.Worker(worker => worker.MaxAttempts = 2);
        await queue.PublishAsync(Of("away"));
        await shop.Until(JobStates.Done, 1);
        Assert.That((shop.Attempts.Count, await shop.Scalar<int>("select attempts from work_history")), Is.EqualTo((6, 1)));
    }

    [Test]
    public async Task May_be_moved_to_another_one()
    {
        await using var shop = await Workshop.OpenAsync(new JobQueueSchema("work") { GroupBy = "printer" });
        var queue = await shop.Publisher();
        NewJob<string>[] jobs = [.. Enumerable.Range(0, 2500).Select(i => new NewJob<string>($"{i}") { Metadata = new Dictionary<string, string> { ["printer"] = i == 0 ? "c" : "a", ["other"] = "x" } })];
        await queue.PublishAsync(jobs);
        await shop.Execute($"update work set state = 'running', lease_token = gen_random_uuid(), lease_expires_at = now() + interval '1 h' where id = '{jobs[1].Id}'");
        Assert.That(await queue.MoveGroupAsync("a", "b"), Is.EqualTo(2498));
        Assert.That(await queue.MoveAsync(jobs[0].Id, "b"), Is.True);
        Assert.That(await queue.MoveAsync(jobs[1].Id, "b"), Is.False, "it is running");
        Assert.That(await queue.MoveAsync(Guid.CreateVersion7(), "b"), Is.False);
        Assert.That(() => queue.MoveGroupAsync("b", "b"), Throws.ArgumentException);
        Assert.That(await shop.Scalar<long>("""select count(*) from work where group_key = 'b' and metadata = '{"printer": "b", "other": "x"}'"""), Is.EqualTo(2499));

        await shop.Worker();
        await shop.Until(JobStates.Done, 2499);
        Assert.That(shop.Attempts.Select(job => job.Metadata["printer"]), Is.All.EqualTo("b"));
    }

    [TestCase(true), TestCase(false)]
    public async Task Is_retried_and_cancelled_in_the_callers_transaction_if_that_commits(bool commits)
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        NewJob<string>[] jobs = [Of("a"), Of("a"), Of("a")];
        await queue.PublishAsync(jobs);
        await shop.Execute($"update work set state = 'parked', attempts = 7 where id = '{jobs[0].Id}'");
        await shop.Execute($"update work set state = 'running', lease_token = gen_random_uuid(), lease_expires_at = now() + interval '1 h' where id = '{jobs[2].Id}'");
        await using (var connection = await shop.Database.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            Assert.That(await queue.RetryAsync(transaction, jobs[0].Id), Is.True);
            Assert.That(await queue.RetryAsync(transaction, jobs[1].Id), Is.False, "it is in line");
            Assert.That(await queue.CancelAsync(transaction, jobs[1].Id), Is.True);
            Assert.That(await queue.CancelAsync(transaction, jobs[2].Id), Is.False, "it is running");
            if (commits)
                await transaction.CommitAsync();
        }

        Assert.That(
            (await shop.Count(JobStates.Parked), await shop.Count(JobStates.Waiting), await shop.Count(JobStates.Cancelled), await shop.Count(JobStates.Running)),
            Is.EqualTo(commits ? (0, 1, 1, 1) : (1, 1, 0, 1)));
    }
}
