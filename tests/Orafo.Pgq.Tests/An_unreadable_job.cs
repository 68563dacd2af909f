using System.Collections.Concurrent;
using System.Text.Json;

namespace Orafo.Pgq.Tests;

/// <summary>What other programs put into the table is not always what is expected.</summary>
public sealed class An_unreadable_job
{
    [TestCase("""{"not": "a text"}"""), TestCase("null"), TestCase("[1]")]
    public async Task Is_parked_and_told_of_and_harms_nobody_else(string payload)
    {
        await using var shop = await Workshop.OpenAsync();
        ConcurrentQueue<(JobStatus Job, JsonException Error)> told = [];
        var queue = await shop.Worker(worker => worker.OnInvalid = (job, error) =>
        {
            told.Enqueue((job, error));
            throw new InvalidOperationException("Nobody listens.");
        });
        await shop.Execute($"insert into work (payload) values ('{payload}')");
        await queue.PublishAsync([new("good")]);
        await shop.Until(JobStates.Done, 1);
        await shop.Until(JobStates.Parked, 1);
        Assert.That(told.Single().Job.Payload, Is.EqualTo(payload));
        Assert.That((await queue.ListAsync(JobStates.Parked)).Single().Error, Does.StartWith("The payload cannot be read"));
    }

    [Test]
    public async Task Has_metadata_that_are_no_texts_and_is_done_all_the_same()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Worker(worker => worker.PollingInterval = TimeSpan.FromMilliseconds(100));
        await shop.Execute("""insert into work (payload, metadata) values ('"x"', '{"tenant": 5, "more": {"a": null}, "none": null}')""");
        await shop.Until(JobStates.Done, 1);
        Assert.That(shop.Attempts.Single().Metadata, Is.EquivalentTo(new Dictionary<string, string> { ["tenant"] = "5", ["more"] = """{"a": null}""", ["none"] = "null" }));
        Assert.That(await shop.Scalar<string>("select group_key from work_history"), Is.EqualTo("5"));
    }

    [Test]
    public async Task Throws_JSON_errors_of_its_own_and_is_tried_again()
    {
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = (job, _) => job.Attempt == 1 ? throw new JsonException("The printer speaks gibberish.") : Task.FromResult(JobOutcome.Done());
        var queue = await shop.Worker();
        await queue.PublishAsync([new("x")]);
        await shop.Until(JobStates.Done, 1);
    }
}
