using System.Globalization;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Comparing;

/// <summary>Runs the steps in turn on the same orders, and counts what became of them.</summary>
/// <param name="servers">Those of the small programs.</param>
/// <param name="directory">Where each run has one of its own.</param>
/// <param name="orders">How many in each run.</param>
/// <param name="timeScale">What the talk's times are multiplied by: details 100 ms, a page 5 s, hand-over 200 ms.</param>
/// <param name="screen">Where it says how far it is.</param>
internal sealed class Comparison(CompareServers servers, string directory, int orders, double timeScale, TextWriter screen)
{
    private const int Trays = 2;

    /// <summary>The mesh is warmed up by so many times the orders of a small program: it is four programs, and has to do more for an order.</summary>
    private const int MeshWarmUp = 20;

    /// <summary>When nothing has come out for so long and nothing is being waited for, nothing will.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(6);

    /// <summary>The same when something has been killed: it has to come back first.</summary>
    private static readonly TimeSpan QuietAfterKill = TimeSpan.FromSeconds(20);

    private TimeSpan Page => TimeSpan.FromSeconds(5 * timeScale);

    /// <summary>A fault lasts for six pages, and a second at least.</summary>
    private TimeSpan FaultLasts => Page * 6 > TimeSpan.FromSeconds(1) ? Page * 6 : TimeSpan.FromSeconds(1);

    /// <param name="steps">Which.</param>
    /// <param name="faults">What goes wrong, one after another, besides nothing.</param>
    /// <param name="pitfalls">Which of the experiments of their own.</param>
    public async Task<IReadOnlyList<Outcome>> Run(IReadOnlyList<Step> steps, IReadOnlyList<Fault> faults, IReadOnlyList<Pitfall> pitfalls, CancellationToken stop)
    {
        List<Outcome> outcomes = [];
        foreach (var step in steps)
        {
            IEnumerable<Fault?> all = [null, .. faults.Where(fault => step.Prints && (step.UsesBroker || !fault.NeedsBroker))];
            var setup = new Setup { TimeScale = timeScale, WarmUpOrders = orders };
            if (step.Name == Step.MeshName)
            {
                // One for all of them: it takes long to start.
                await WithMesh(setup, async start =>
                {
                    foreach (var fault in all)
                    {
                        await Say(step, fault?.Name ?? Fault.None, null, async () =>
                        {
                            await using var mesh = await start();
                            return await Measure(step, fault, mesh, stop);
                        });
                    }
                });
                continue;
            }

            foreach (var fault in all)
                await Say(step, fault?.Name ?? Fault.None, null, () => WithProgram(step, fault?.Name ?? Fault.None, setup, program => Measure(step, fault, program, stop)));
        }

        foreach (var pitfall in pitfalls)
        {
            foreach (var (name, variant, environment) in pitfall.Entrants.Where(entrant => steps.Any(step => step.Name == entrant.Step)))
            {
                var step = steps.Single(step => step.Name == name);
                await using var memory = pitfall.Memory();
                var setup = pitfall.Setup with { Environment = environment, Memory = memory };
                if (step.Name == Step.MeshName)
                {
                    await WithMesh(setup, start => Say(step, pitfall.Name, variant, async () =>
                    {
                        await using var mesh = await start();
                        return await pitfall.Run(step, variant, mesh, stop);
                    }));
                    continue;
                }

                await Say(step, pitfall.Name, variant, () =>
                    WithProgram(step, $"{pitfall.Name}-{outcomes.Count}", setup, program => pitfall.Run(step, variant, program, stop)));
            }
        }

        return outcomes;

        async Task Say(Step step, string fault, string? variant, Func<Task<Outcome>> run)
        {
            screen.WriteLine(variant is null ? $"{step.Name}, {fault} …" : $"{step.Name} ({variant}), {fault} …");
            var outcome = await run();
            screen.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {outcome.Accepted} accepted, {outcome.Refused} refused, {outcome.Lost} lost, {outcome.Stuck} stuck, {outcome.HalfDone} half done, {outcome.PrintedTwice} printed twice, {outcome.Deaths} deaths"));
            outcomes.Add(outcome);
        }

        async Task<Outcome> WithProgram(Step step, string name, Setup setup, Func<Contestant, Task<Outcome>> measure)
        {
            await using var program = new SmallProgram(step, setup, servers, Path.Combine(directory, $"{step.Name}-{name}"));
            await program.Start(stop);
            return await measure(program);
        }

        Task WithMesh(Setup setup, Func<Func<Task<WholeMesh>>, Task> run) => OwnMesh.Run("compare", async data =>
        {
            var warmUpOrders = setup.WarmUpOrders * MeshWarmUp;
            await run(async () =>
            {
                var mesh = new WholeMesh(data, setup);
                await mesh.Start(warmUpOrders, stop);
                // It stays warm.
                warmUpOrders = 1;
                return mesh;
            });
            return true;
        }, stop, WholeMesh.Settings(setup), setup.PageSeconds);
    }

    private async Task<Outcome> Measure(Step step, Fault? fault, Contestant contestant, CancellationToken stop)
    {
        var measurement = await Measurement.Begin(step, contestant, orders, stop);
        // Without a fault as fast as the clients can, so that it tells what the step can do; with one, at four fifths of what the printer can do, so that orders come meanwhile.
        var placing = fault is null ? measurement.PlaceAtOnce(stop) : measurement.PlaceEvery(Page / Trays / 0.8, stop);
        DateTimeOffset? mended = null;
        if (fault is not null)
        {
            await Measurement.Until(async () => placing.IsCompleted || (await measurement.Papers()).Count >= orders / 4, stop);
            await fault.Begin(contestant);
            if (fault.IsKill)
                mended = TimeProvider.System.GetUtcNow();
            else
                await Task.Delay(FaultLasts, stop);
            await fault.End(contestant);
            mended ??= TimeProvider.System.GetUtcNow();
        }

        await placing;
        await measurement.Settle(fault?.IsKill == true ? QuietAfterKill : Quiet, TimeSpan.MaxValue, stop);
        return await measurement.Count(fault?.Name ?? Fault.None, null, mended);
    }
}
