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
    /// <summary>The mesh is warmed up by so many times the orders of a small program: it is four programs, and has to do more for an order.</summary>
    private const int MeshWarmUp = 20;

    /// <summary>When nothing has come out for so long and nothing is being waited for, nothing will.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(6);

    /// <summary>The same when something has been killed: it has to come back first.</summary>
    private static readonly TimeSpan QuietAfterKill = TimeSpan.FromSeconds(20);

    /// <param name="steps">Which.</param>
    /// <param name="faults">What goes wrong, one after another, besides nothing.</param>
    /// <param name="pitfalls">Which of the experiments of their own.</param>
    public async Task<IReadOnlyList<Outcome>> Run(IReadOnlyList<Step> steps, IReadOnlyList<Fault> faults, IReadOnlyList<Pitfall> pitfalls, CancellationToken stop)
    {
        List<Outcome> outcomes = [];
        foreach (var step in steps)
        {
            IEnumerable<Fault?> all = [null, .. faults.Where(fault => fault.CanBefall(step))];
            var setup = new Setup { TimeScale = timeScale, WarmUpOrders = orders, Rests = true };
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
                            return await Measure(step, fault, orders, setup, mesh, stop);
                        });
                    }
                });
                continue;
            }

            foreach (var fault in all)
                await Say(step, fault?.Name ?? Fault.None, null, () => WithProgram(step, fault?.Name ?? Fault.None, setup with { Rests = fault is null }, program => Measure(step, fault, orders, setup, program, stop)));
        }

        foreach (var pitfall in pitfalls)
        {
            foreach (var (name, variant, environment) in pitfall.Entrants.Where(entrant => steps.Any(step => step.Name == entrant.Step)))
            {
                var step = steps.Single(step => step.Name == name);
                await using var memory = pitfall.Memory(step);
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
            var own = Path.Combine(directory, $"{step.Name}-{name}");
            await using var printer = new RecordingPrinter(own, setup.WarmUpPage, servers.Watchdog);
            await printer.Start(stop);
            await using var program = new SmallProgram(step, setup, servers, own, printer);
            await program.Start(stop);
            return await measure(program);
        }

        async Task WithMesh(Setup setup, Func<Func<Task<WholeMesh>>, Task> run)
        {
            await using var printer = new RecordingPrinter(Path.Combine(directory, $"{Step.MeshName}-{outcomes.Count}"), setup.WarmUpPage, servers.Watchdog);
            await printer.Start(stop);
            await OwnMesh.Run("compare", async data =>
            {
                var warmUpOrders = setup.WarmUpOrders * MeshWarmUp;
                await run(async () =>
                {
                    var mesh = new WholeMesh(data, setup, servers.Watchdog, printer);
                    await mesh.Start(warmUpOrders, stop);
                    // It stays warm: it is killed last.
                    warmUpOrders = 0;
                    return mesh;
                });
                return true;
            }, stop, WholeMesh.Settings(setup, printer));
        }
    }

    private static async Task<Outcome> Measure(Step step, Fault? fault, int orders, Setup setup, Contestant contestant, CancellationToken stop)
    {
        var measurement = new Measurement(step, contestant, orders);
        TimeSpan? recovered = null;
        // Without a fault as fast as the clients can, so that it tells what the step can do.
        if (fault is null)
            await measurement.PlaceAtOnce(stop);
        else
            recovered = await measurement.PlaceDuring(fault, setup, stop);
        await measurement.Settle(fault is null or { Of: FaultOf.Printer } ? Quiet : QuietAfterKill, TimeSpan.MaxValue, stop);
        return await measurement.Count(fault?.Name ?? Fault.None, null, recovered);
    }
}
