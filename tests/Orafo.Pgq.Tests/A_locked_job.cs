using Npgsql;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>Somebody holds a job's row in a transaction of his own, by hand perhaps.</summary>
public sealed class A_locked_job
{
    [TestCase("done"), TestCase("tried later"), TestCase("given back")]
    public async Task Costs_no_other_its_lease(string how)
    {
        await using var shop = await Workshop.OpenAsync();
        var (lockedEnds, othersEnd) = (new TaskCompletionSource(), new TaskCompletionSource());
        shop.Handle = async (job, _) =>
        {
            if (job.Payload != "locked")
                await othersEnd.Task;
            else if (job.Attempt == 1 && !lockedEnds.Task.IsCompleted)
                return await End(lockedEnds.Task, how);
            return JobOutcome.Done();
        };
        Task<JobQueue<string>> Worker() =>
            shop.Worker(worker => (worker.Lease, worker.Parallelism, worker.PollingInterval) = (TimeSpan.FromSeconds(3), 4, TimeSpan.FromMilliseconds(100)));
        var queue = await Worker();
        var locked = new NewJob<string>("locked");
        await queue.PublishAsync([locked, new("other 1"), new("other 2"), new("other 3")]);
        await shop.Until(JobStates.Running, 4);
        // It would take what the first one loses.
        await Worker();

        await using (var hand = await shop.Lock(locked.Id))
        {
            lockedEnds.SetResult();
            await Eventually.Holds(
                () => shop.Scalar<bool>("select min(lease_expires_at) > max(started_at) + interval '9 s' from work where payload <> '\"locked\"'"), "the others' leases are renewed");
            othersEnd.SetResult();
            await shop.Until(JobStates.Done, 3);
        }

        await shop.Until(JobStates.Done, 4);
        Assert.That(shop.Attempts.Where(job => job.Payload != "locked").CountBy(job => job.Payload).Select(of => of.Value), Is.EqualTo([1, 1, 1]));
        Assert.That(await shop.Scalar<int>("select max(attempts) from work_history where payload <> '\"locked\"'"), Is.EqualTo(1));
    }

    private static async Task<JobOutcome> End(Task when, string how)
    {
        await when;
        return how switch
        {
            "done" => JobOutcome.Done(),
            "tried later" => JobOutcome.RetryLater("later", TimeSpan.Zero),
            _ => JobOutcome.GiveBack(),
        };
    }

    [Test]
    public async Task Is_over_when_it_is_free_if_its_lease_holds_so_long()
    {
        await using var shop = await Workshop.OpenAsync();
        var ends = new TaskCompletionSource();
        shop.Handle = async (job, cancellation) =>
        {
            if (job.Payload == "locked")
                await ends.Task.WaitAsync(cancellation);
            return JobOutcome.Done();
        };
        var queue = await shop.Worker(worker => worker.Lease = TimeSpan.FromMinutes(5));
        var locked = new NewJob<string>("locked");
        await queue.PublishAsync(locked);
        await shop.Until(JobStates.Running, 1);
        await using (var hand = await shop.Lock(locked.Id))
        {
            ends.SetResult();
            // Each is done in a turn after the one that found the row locked.
            for (var i = 1; i <= 5; i++)
            {
                await queue.PublishAsync(new NewJob<string>($"other {i}"));
                await shop.Until(JobStates.Done, i);
            }
        }

        await shop.Until(JobStates.Done, 6);
        Assert.That(shop.Attempts.Count(job => job.Payload == "locked"), Is.EqualTo(1));
        Assert.That(shop.Log, Has.None.Contains("lease was lost"));
    }

    [Test]
    public async Task Is_waited_for_by_its_handlers_own_transaction()
    {
        await using var shop = await Workshop.OpenAsync();
        var ends = new TaskCompletionSource();
        shop.Handle = async (job, cancellation) =>
        {
            await ends.Task.WaitAsync(cancellation);
            await using var connection = await shop.Database.OpenConnectionAsync(cancellation);
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            await job.EndAsync(transaction, JobOutcome.Done(), cancellation);
            await transaction.CommitAsync(cancellation);
            return JobOutcome.Done();
        };
        var queue = await shop.Worker();
        var locked = new NewJob<string>("locked");
        await queue.PublishAsync(locked);
        await shop.Until(JobStates.Running, 1);
        await using (var hand = await shop.Lock(locked.Id))
        {
            ends.SetResult();
            await Eventually.Holds(
                () => shop.Scalar<bool>("select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"), "it waits");
        }

        await shop.Until(JobStates.Done, 1);
        Assert.That(shop.Attempts, Has.Count.EqualTo(1));
    }
}
