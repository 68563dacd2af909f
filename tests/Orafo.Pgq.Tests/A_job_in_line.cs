using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>Whose turn it is.</summary>
public sealed class A_job_in_line
{
    private static readonly Action<JobWorkerOptions> OneByOne = worker => worker.Parallelism = 1;

    private static NewJob<string> Of(string tenant, string payload) => new(payload) { Metadata = new Dictionary<string, string> { ["tenant"] = tenant } };

    private static string[] Done(Workshop shop) => [.. shop.Attempts.Select(job => job.Payload)];

    [Test]
    public async Task Goes_ahead_by_its_priority_but_not_of_those_who_wait_for_long()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        await queue.PublishAsync([new("now")]);
        await queue.PublishAsync([new("urgent") { Priority = 10 }]);
        await queue.PublishAsync([new("later") { Priority = -10 }]);
        await queue.PublishAsync([new("old")]);
        await shop.Execute("""update work set due = due - interval '1 hour', rank = rank - interval '1 hour' where payload = '"old"'""");
        await shop.Worker(OneByOne);
        await shop.Until(JobStates.Done, 4);
        Assert.That(Done(shop), Is.EqualTo(["old", "urgent", "now", "later"]));
    }

    /// <remarks>Claims begin where the last one ended, for there is nothing before that; until somebody comes there.</remarks>
    [TestCase(1), TestCase(4)]
    public async Task Goes_ahead_of_those_in_a_line_that_is_worked_on(int workers)
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        const string Bulk = "insert into work (payload) select to_jsonb('bulk ' || gen_random_uuid()) from generate_series(1, 2000) n";
        await shop.Execute(Bulk);
        for (var i = 0; i < workers; i++)
            await shop.Worker();
        // Each comes when four hundred more have been done than when the one before it had its turn.
        for (var i = 1; i <= 5; i++)
        {
            await shop.Execute(Bulk);
            var done = shop.Attempts.Count;
            await Eventually.Holds(() => shop.Attempts.Count > done + 400, "others are done");
            await queue.PublishAsync([new($"urgent {i}") { Priority = 100 }]);
            await Eventually.Holds(() => shop.Attempts.Any(job => job.Payload == $"urgent {i}"), "it has its turn");
            Assert.That(await shop.Count(JobStates.Waiting), Is.Positive, "it did not wait for the others");
        }

        await shop.Until(JobStates.Done, 12_005);
        Assert.That(Done(shop).Distinct(), Has.Exactly(12_005).Items);
    }

    /// <remarks>The second one comes before the place in line that the claim of the first one has reached.</remarks>
    [Test]
    public async Task Is_found_when_it_comes_before_all_that_was_there()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Worker(worker => (worker.Parallelism, worker.PollingInterval) = (1, TimeSpan.FromMinutes(10)));
        var queue = await shop.Publisher();
        for (var i = 0; i < 30; i++)
        {
            await queue.PublishAsync([new($"{i}") { Priority = (short)(10 * i) }]);
            await Eventually.Holds(() => shop.Attempts.Count == i + 1, "it is found");
        }
    }

    [Test]
    public async Task Of_a_small_group_does_not_wait_for_all_of_a_large_one()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        await queue.PublishAsync([.. Enumerable.Range(0, 50).Select(i => Of("large", $"large {i}"))]);
        await queue.PublishAsync([.. Enumerable.Range(0, 5).Select(i => Of("small", $"small {i}"))]);
        await queue.PublishAsync([new("nobody's")]);
        await shop.Worker(OneByOne);
        await shop.Until(JobStates.Done, 56);
        var done = Done(shop);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Array.IndexOf(done, "nobody's"), Is.LessThan(3));
            Assert.That(Array.IndexOf(done, "small 4"), Is.LessThan(12), "one of each group in turn");
            Assert.That(done.Where(payload => payload.StartsWith("large", StringComparison.Ordinal)), Is.EqualTo(Enumerable.Range(0, 50).Select(i => $"large {i}")), "in their order");
        }
    }

    [TestCase(30, 1), TestCase(30, 4), TestCase(30, 7), TestCase(30, 45), TestCase(3, 7), TestCase(2, 3)]
    public async Task Has_its_turn_however_many_groups_there_are(int groups, int parallelism)
    {
        const int Jobs = 600;
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        await queue.PublishAsync([.. Enumerable.Range(0, Jobs).Select(i => Of($"group {i * groups / Jobs}", $"{i}"))]);
        await shop.Worker(worker => worker.Parallelism = parallelism);
        await shop.Until(JobStates.Done, Jobs);
        // A claim gives each group its share, one more or less; they are begun in the order of their ranks, and some of the last claim are not yet.
        Dictionary<string, int> served = Enumerable.Range(0, groups).ToDictionary(group => $"group {group}", _ => 0);
        foreach (var job in shop.Attempts.Take(Jobs / 2))
            served[job.Metadata["tenant"]]++;
        Assert.That(served.Values.Max() - served.Values.Min(), Is.LessThanOrEqualTo(2 + (2 * ((parallelism + groups - 1) / groups))));
    }

    [Test]
    public async Task Is_left_to_others_by_a_worker_with_a_filter()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        await queue.PublishAsync([.. Enumerable.Range(0, 20).SelectMany(i => new[] { Of("a", "a"), Of("b", "b"), Of("c", "c") })]);
        await shop.Worker(worker => (worker.Parallelism, worker.Filter) = (2, new Dictionary<string, string> { ["tenant"] = "b" }));
        await shop.Until(JobStates.Done, 20);
        Assert.That(Done(shop), Is.All.EqualTo("b"));
        Assert.That(await shop.Count(JobStates.Waiting), Is.EqualTo(40));
    }

    [Test]
    public async Task Is_left_to_others_by_a_worker_that_does_all_but_some()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        await queue.PublishAsync([.. Enumerable.Range(0, 20).SelectMany(i => new[] { Of("a", "a"), Of("b", "b"), new NewJob<string>("nobody's") })]);
        await shop.Worker(worker => (worker.Parallelism, worker.Except) = (2, new Dictionary<string, string> { ["tenant"] = "b", ["other"] = "x" }));
        await shop.Until(JobStates.Done, 40);
        Assert.That(Done(shop), Is.All.Not.EqualTo("b"));
        Assert.That(await shop.Count(JobStates.Waiting), Is.EqualTo(20));
    }

    /// <remarks>As for groups, which take what metadata read as text.</remarks>
    [TestCase("5", "a number, a text", 1), TestCase("true", "a boolean", 0), TestCase("null", "a text that looks like nothing", 0), TestCase("5.50", "an amount", 0)]
    public async Task Is_filtered_by_what_its_metadata_read_as_text(string text, string done, int leftOut)
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("""
            insert into work (payload, metadata) values ('"a number"', '{"k": 5, "j": "x"}'), ('"a text"', '{"k": "5", "j": "x"}'), ('"another"', '{"k": 55, "j": "x"}'),
                ('"a boolean"', '{"k": true, "j": "x"}'), ('"a text that looks like nothing"', '{"k": "null", "j": "x"}'), ('"nothing"', '{"k": null, "j": "x"}'),
                ('"an amount"', '{"k": 5.50, "j": "x"}'), ('"a list"', '{"k": [5, true, "null"], "j": "x"}'), ('"somebody else''s"', '{"k": 5, "j": "y"}')
            """);
        await shop.Worker(worker => worker.Filter = new Dictionary<string, string> { ["k"] = text, ["j"] = "x" });
        await shop.Until(JobStates.Done, done.Split(", ").Length);
        Assert.That(Done(shop), Is.EquivalentTo(done.Split(", ")));

        await shop.Worker(worker => worker.Except = new Dictionary<string, string> { ["k"] = text });
        await shop.Until(JobStates.Done, 9 - leftOut);
        Assert.That(await shop.Count(JobStates.Waiting), Is.EqualTo(leftOut));
    }

    [Test]
    public async Task Waits_for_its_time()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        var due = DateTimeOffset.UtcNow.AddSeconds(4);
        await queue.PublishAsync([new("at a time") { NotBefore = due }, new("after a while") { Delay = TimeSpan.FromSeconds(1) }]);
        Assert.That(await shop.Count(JobStates.Scheduled), Is.EqualTo(2));
        await shop.Worker();
        await shop.Until(JobStates.Done, 2);
        const string Order = "select string_agg(payload #>> '{}', ', ' order by started_at, due) from work_history";
        Assert.That(await shop.Scalar<string>(Order), Is.EqualTo("after a while, at a time"));
        Assert.That(await shop.Scalar<bool>("select bool_and(started_at >= due and started_at < due + interval '20 s') from work_history"), "it looks when it knows that something is due");
    }

    [Test]
    public async Task Does_not_wait_for_thousands_that_are_due_at_the_same_time()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("""insert into work (payload, due) select '"x"', now() + interval '1 s' from generate_series(1, 3000)""");
        await shop.Worker(worker => worker.Parallelism = 50);
        await shop.Until(JobStates.Done, 3000);
        Assert.That(shop.Attempts, Has.Count.EqualTo(3000));
    }

    [Test]
    public async Task Is_done_by_one_of_several_workers()
    {
        await using var shop = await Workshop.OpenAsync();
        for (var i = 0; i < 3; i++)
            await shop.Worker(worker => worker.Parallelism = 4);
        var queue = await shop.Publisher();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => queue.PublishAsync([.. Enumerable.Range(0, 50).Select(i => new NewJob<string>($"{i}"))])));
        await shop.Until(JobStates.Done, 1000);
        Assert.That(shop.Attempts.Select(job => job.Id), Is.Unique);
    }

    [Test]
    public async Task Is_found_by_every_worker_that_is_idle()
    {
        const int Workers = 4;
        await using var shop = await Workshop.OpenAsync();
        var (begun, all) = (0, new TaskCompletionSource());
        shop.Handle = async (_, cancellation) =>
        {
            if (Interlocked.Increment(ref begun) == Workers)
                all.SetResult();
            await all.Task.WaitAsync(cancellation);
            return JobOutcome.Done();
        };
        for (var i = 0; i < Workers; i++)
            await shop.Worker(OneByOne);
        var queue = await shop.Publisher();
        // All begin to look with the same group, and one of them gets its job.
        await queue.PublishAsync([.. Enumerable.Range(0, Workers).Select(i => Of($"group {i}", "x"))]);
        await shop.Until(JobStates.Done, Workers);
    }

    [Test]
    public async Task May_have_a_group_of_any_length()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Worker();
        var tenant = Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(4000));
        await queue.PublishAsync([Of(tenant, "now"), Of(tenant, "later") with { Delay = TimeSpan.FromMilliseconds(100) }]);
        await shop.Until(JobStates.Done, 2);
    }

    [Test]
    public async Task Can_be_cancelled_and_listed()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        // Ids of the same millisecond are in any order.
        NewJob<string>[] jobs = [.. new NewJob<string>[] { new("a"), new("a"), new("a") }.OrderBy(job => job.Id)];
        jobs[1] = jobs[1] with { Delay = TimeSpan.FromDays(1) };
        await queue.PublishAsync(jobs);
        Assert.That((await queue.ListAsync()).Select(job => job.Id), Is.EqualTo(jobs.Select(job => job.Id)));
        Assert.That((await queue.ListAsync(after: jobs[0].Id, limit: 1)).Single().Id, Is.EqualTo(jobs[1].Id));
        Assert.That((await queue.ListAsync(JobStates.Scheduled)).Single().Id, Is.EqualTo(jobs[1].Id));

        Assert.That(await queue.CancelAsync(jobs[0].Id), Is.True);
        Assert.That(await queue.CancelAsync(jobs[1].Id), Is.True);
        Assert.That(await queue.CancelAsync(jobs[1].Id), Is.False, "it is over");
        Assert.That(await queue.CancelAsync(Guid.CreateVersion7()), Is.False);
        Assert.That(await shop.Count(JobStates.Cancelled), Is.EqualTo(2));
        Assert.That(await queue.FindAsync(jobs[0].Id), Has.Property("State").EqualTo("cancelled"));
        Assert.That(await queue.FindAsync(Guid.CreateVersion7()), Is.Null);
    }
}
