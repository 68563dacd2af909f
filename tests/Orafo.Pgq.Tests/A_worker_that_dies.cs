using Orafo.Cli.Servers;
using Orafo.Testing;

namespace Orafo.Pgq.Tests;

/// <summary>Processes that are killed.</summary>
public sealed class A_worker_that_dies
{
    /// <summary>A job that its worker's death interrupts too often is parked: here they die less often than that.</summary>
    private const int Often = 20;

    [Test]
    public async Task Leaves_its_jobs_to_others_and_each_has_its_effect_once()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table effect (job_id uuid)");
        await shop.Execute("insert into work (payload) select to_jsonb(5 + i % 20) from generate_series(1, 600) as i");
        var directory = Directory.CreateTempSubdirectory("orafo-pgq-").FullName;
        List<ChildProcess> workers = [WorkerProcess.Start(shop.ConnectionString, directory, Often), WorkerProcess.Start(shop.ConnectionString, directory, Often)];
        try
        {
            for (var kill = 0; kill < 5; kill++)
            {
                var effects = await Effects(shop);
                await Eventually.Holds(async () => await Effects(shop) is var now && (now > effects + 20 || now == 600), "work goes on");
                await workers[0].KillAsync();
                await workers[0].DisposeAsync();
                workers.RemoveAt(0);
                workers.Add(WorkerProcess.Start(shop.ConnectionString, directory, Often));
            }

            await shop.Until(JobStates.Done, 600);
            Assert.That(await Effects(shop), Is.EqualTo(600));
            Assert.That(await shop.Scalar<long>("select count(distinct job_id) from effect"), Is.EqualTo(600));
        }
        finally
        {
            await End(workers, directory);
        }
    }

    [Test]
    public async Task Of_one_job_again_and_again_does_not_do_so_for_ever()
    {
        await using var shop = await Workshop.OpenAsync();
        await shop.Execute("create table effect (job_id uuid)");
        // The second one has one attempt left, and only bad company.
        await shop.Execute($"insert into work (payload, attempts) values ('{WorkerProcess.Deadly}', 0), ('1', 2)");
        var directory = Directory.CreateTempSubdirectory("orafo-pgq-").FullName;
        List<ChildProcess> workers = [];
        try
        {
            while (await shop.Count(JobStates.Parked) == 0 && workers.Count < 10)
            {
                // So long that only who dies loses one.
                workers.Add(WorkerProcess.Start(shop.ConnectionString, directory, maxAttempts: 3, lease: 6));
                await Eventually.Holds(async () => workers[^1].Exited.IsCompleted || await shop.Count(JobStates.Parked) > 0, "it dies, or the job is parked");
            }

            var parked = await shop.Scalar<string>("select attempts || ' ' || last_error from work where state = 'parked'");
            Assert.That(parked, Is.EqualTo("3 The lease ran out: the worker died, or was away for too long."));
            await shop.Until(JobStates.Done, 1);
            Assert.That(await Effects(shop), Is.EqualTo(1), "the other job is done");
        }
        finally
        {
            await End(workers, directory);
        }
    }

    [Test]
    public async Task Has_its_lease_counted_as_lost_by_whoever_finds_it()
    {
        await using var shop = await Workshop.OpenAsync();
        var queue = await shop.Publisher();
        await queue.PublishAsync([new NewJob<string>("x"), new NewJob<string>("y")]);
        await shop.Execute("update work set state = 'running', attempts = 1, lease_token = gen_random_uuid(), lease_expires_at = now() - interval '1 s' where payload = '\"x\"'");
        using var lost = new Measured("orafo.pgq.lease.lost");
        await shop.Worker();
        await shop.Until(JobStates.Done, 2);
        await Eventually.Holds(() => lost.Sum > 0, "it is counted");
        Assert.That(lost.All.Where(one => one.Value > 0).Select(one => (one.Value, one.Tags["orafo.queue"])), Is.EqualTo(new[] { (1.0, (object?)"work") }), "the other one's was not lost");
    }

    private static Task<long> Effects(Workshop shop) => shop.Scalar<long>("select count(*) from effect");

    private static async Task End(List<ChildProcess> workers, string directory)
    {
        foreach (var worker in workers)
        {
            await worker.KillAsync();
            await worker.DisposeAsync();
        }

        Directory.Delete(directory, recursive: true);
    }
}
