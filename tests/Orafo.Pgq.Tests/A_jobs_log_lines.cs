using System.Diagnostics;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>What is logged while a job is done, by its handler and about how it ended.</summary>
public sealed partial class A_jobs_log_lines
{
    /// <param name="isTraced">Otherwise nobody listens to spans, and no attempt has one.</param>
    [TestCase(true), TestCase(false)]
    public async Task Name_what_it_is_about_and_its_id_and_its_trace_once(bool isTraced)
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == PgqMeter.Name && isTraced,
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        await using var shop = await Workshop.OpenAsync();
        var order = Guid.CreateVersion7();
        var hadSpan = !isTraced;
        shop.Handle = async (job, _) =>
        {
            hadSpan = Activity.Current is not null;
            job.IsAbout("OrderId", order);
            await Task.Yield();
            Worked(shop.Services.GetRequiredService<ILogger<A_jobs_log_lines>>());
            return JobOutcome.Park("enough");
        };
        var queue = await shop.Worker();
        var job = new NewJob<string>("x");
        string trace;
        using (var request = new Activity("request").Start())
        {
            trace = request.TraceId.ToHexString();
            await queue.PublishAsync([job]);
        }

        foreach (var line in new[] { "the handler is at work", "is parked after 1 attempts: enough" })
        {
            string[] beside = [];
            await Eventually.Holds(() => (beside = shop.Log.Where(one => one.Contains(line, StringComparison.Ordinal)).Select(one => one.Split(" | ")[1]).ToArray()).Length > 0, line);
            // Spans may be named beside it, too.
            Assert.That(beside.Single().Split(' ').Where(item => !item.StartsWith("SpanId", StringComparison.Ordinal) && !item.StartsWith("ParentId", StringComparison.Ordinal)),
                Is.EquivalentTo(new[] { $"OrderId={order}", $"JobId={job.Id}", $"TraceId={trace}" }), line);
        }

        Assert.That(hadSpan, Is.EqualTo(isTraced));
    }

    /// <remarks>Each attempt begins without what the one before, or another job, was about.</remarks>
    [Test]
    public async Task Name_nothing_that_another_job_was_about()
    {
        await using var shop = await Workshop.OpenAsync();
        shop.Handle = (job, _) =>
        {
            if (job.Payload == "first")
                job.IsAbout("OrderId", "of-the-first");
            Worked(shop.Services.GetRequiredService<ILogger<A_jobs_log_lines>>());
            return Task.FromResult(JobOutcome.Done());
        };
        var queue = await shop.Worker(worker => worker.Parallelism = 1);
        NewJob<string> first = new("first"), second = new("second");
        await queue.PublishAsync([first]);
        await shop.Until(JobStates.Done, 1);
        await queue.PublishAsync([second]);
        await shop.Until(JobStates.Done, 2);
        var lines = shop.Log.Where(line => line.Contains("the handler is at work", StringComparison.Ordinal)).ToArray();
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[0], Does.Contain($"OrderId=of-the-first JobId={first.Id}"));
        Assert.That(lines[1], Does.Contain($"JobId={second.Id}").And.Not.Contain("OrderId"));
    }

    [LoggerMessage(LogLevel.Information, "the handler is at work")]
    private static partial void Worked(ILogger logger);
}
