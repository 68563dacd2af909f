using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Comparing;

/// <summary>Runs the steps in turn on the same orders, and counts what became of them by what came out of the printer.</summary>
/// <param name="servers">Those of the small programs.</param>
/// <param name="directory">Where each run has one of its own.</param>
/// <param name="orders">How many in each run.</param>
/// <param name="timeScale">What the talk's times are multiplied by: details 100 ms, a page 5 s, hand-over 200 ms.</param>
/// <param name="screen">Where it says how far it is.</param>
internal sealed class Comparison(CompareServers servers, string directory, int orders, double timeScale, TextWriter screen)
{
    private const int Clients = 8;
    private const int Trays = 2;

    /// <summary>Nothing has come out for so long and nothing is being waited for: nothing will.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(6);

    /// <summary>The same when something has been killed: it has to come back first.</summary>
    private static readonly TimeSpan QuietAfterKill = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan ClientPatience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private TimeSpan Page => TimeSpan.FromSeconds(5 * timeScale);

    /// <summary>A fault lasts for six pages, and a second at least.</summary>
    private TimeSpan FaultLasts => Page * 6 > TimeSpan.FromSeconds(1) ? Page * 6 : TimeSpan.FromSeconds(1);

    public async Task<IReadOnlyList<Outcome>> Run(IEnumerable<Step> steps, IReadOnlyList<Fault> faults, CancellationToken stop)
    {
        List<Outcome> outcomes = [];
        foreach (var step in steps)
        {
            foreach (var fault in (IEnumerable<Fault?>)[null, .. faults.Where(fault => step.Prints && (step.UsesBroker || !fault.NeedsBroker))])
            {
                screen.WriteLine($"{step.Name}, {fault?.Name ?? Fault.None} …");
                var outcome = await Run(step, fault, stop);
                screen.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"  {outcome.Accepted} accepted, {outcome.Refused} refused, {outcome.Lost} lost, {outcome.Stuck} stuck, {outcome.HalfDone} half done, {outcome.PrintedTwice} printed twice"));
                outcomes.Add(outcome);
            }
        }

        return outcomes;
    }

    private async Task<Outcome> Run(Step step, Fault? fault, CancellationToken stop)
    {
        if (step.Name == Step.MeshName)
        {
            return await OwnMesh.Run("compare", async data =>
            {
                await using var mesh = new WholeMesh(data, timeScale);
                await mesh.Start(stop);
                return await Measure(step, fault, mesh, stop);
            }, stop, WholeMesh.Settings(timeScale), printSeconds: 5 * timeScale);
        }

        await using var program = new SmallProgram(step, timeScale, servers, Path.Combine(directory, $"{step.Name}-{fault?.Name ?? Fault.None}"));
        await program.Start(stop);
        return await Measure(step, fault, program, stop);
    }

    private async Task<Outcome> Measure(Step step, Fault? fault, Contestant contestant, CancellationToken stop)
    {
        // What warmed it up is over.
        await Until(async () => !step.Prints || (await contestant.Left() == 0 && (await contestant.Papers()).Count > 0), stop);
        var warmUp = (await contestant.Papers()).Select(paper => paper.InvoiceNumber).ToHashSet(StringComparer.Ordinal);
        var began = TimeProvider.System.GetUtcNow();
        var clients = new ConcurrentBag<Answer>();
        // Without a fault as fast as the clients can, so that it tells what the step can do; with one, for as long as the printer is at it, so that orders come meanwhile.
        var placing = fault is null ? PlaceAtOnce(step, contestant, clients, stop) : PlaceOneByOne(step, contestant, clients, stop);
        DateTimeOffset? mended = null;
        if (fault is not null)
        {
            await Until(async () => placing.IsCompleted || (await PapersOf()).Count >= orders / 4, stop);
            await fault.Begin(contestant);
            if (fault.IsKill)
                mended = TimeProvider.System.GetUtcNow();
            else
                await Task.Delay(FaultLasts, stop);
            await fault.End(contestant);
            mended ??= TimeProvider.System.GetUtcNow();
        }

        await placing;
        var seconds = (TimeProvider.System.GetUtcNow() - began).TotalSeconds;
        var left = await Settle(step, contestant, clients.Count(answer => answer.Accepted is not null), fault?.IsKill == true ? QuietAfterKill : Quiet, PapersOf, stop);

        HashSet<string> accepted = new(StringComparer.Ordinal);
        var unnumbered = 0;
        foreach (var answer in clients.Where(answer => answer.Accepted is not null))
        {
            if (await contestant.NumberOf(answer.Accepted!) is { } number)
                accepted.Add(number);
            else
                unnumbered++;
        }

        var papers = step.Prints ? await PapersOf() : [];
        var printed = papers.Where(paper => paper.PrintedAt is not null).Select(paper => paper.InvoiceNumber).ToHashSet(StringComparer.Ordinal);
        var missing = step.Prints ? accepted.Count(number => !printed.Contains(number)) + unnumbered : 0;
        var milliseconds = clients.Select(answer => answer.Milliseconds).Order().ToList();
        return new()
        {
            Step = step.Name,
            Fault = fault?.Name ?? Fault.None,
            Orders = orders,
            Accepted = accepted.Count + unnumbered,
            Refused = orders - accepted.Count - unnumbered,
            Stuck = (int)Math.Min(missing, left),
            Lost = missing - (int)Math.Min(missing, left),
            HalfDone = printed.Count(number => !accepted.Contains(number)),
            PrintedTwice = papers.Sum(paper => Math.Max(0, paper.Copies - 1)),
            P50Ms = OrderLoad.Percentile(milliseconds, 50),
            P99Ms = OrderLoad.Percentile(milliseconds, 99),
            OrdersPerSecond = accepted.Count / seconds,
            SecondsToLastPage = papers.Max(paper => paper.PrintedAt) is { } last ? (last - began).TotalSeconds : null,
            SecondsToRecover = papers.Where(paper => paper.PrintedAt > mended).Min(paper => paper.PrintedAt) is { } first ? (first - mended!.Value).TotalSeconds : null,
            CpuSecondsPer1000Orders = contestant.CpuSeconds() * 1000 / orders,
            PeakMemoryMiB = contestant.PeakMemoryMiB(),
        };

        async Task<IReadOnlyList<Contestant.Paper>> PapersOf() => [.. (await contestant.Papers()).Where(paper => !warmUp.Contains(paper.InvoiceNumber))];
    }

    private Task PlaceAtOnce(Step step, Contestant contestant, ConcurrentBag<Answer> answers, CancellationToken stop)
    {
        var next = 0;
        return Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var number && number <= orders)
                answers.Add(await Place(step, contestant, number, stop));
        }));
    }

    /// <summary>At four fifths of what the printer can do.</summary>
    private async Task PlaceOneByOne(Step step, Contestant contestant, ConcurrentBag<Answer> answers, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Page / Trays / 0.8);
        List<Task> placing = [];
        for (var i = 1; i <= orders; i++)
        {
            var number = i;
            placing.Add(Task.Run(async () => answers.Add(await Place(step, contestant, number, stop)), stop));
            await timer.WaitForNextTickAsync(stop);
        }

        await Task.WhenAll(placing);
    }

    /// <summary>As a client would: one that may place an order again does so for a while if nobody answers; the others have no order then.</summary>
    private static async Task<Answer> Place(Step step, Contestant contestant, int number, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        string? accepted = null;
        do
        {
            try
            {
                accepted = await contestant.Place(string.Create(CultureInfo.InvariantCulture, $"A-{number:000000}"), stop);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !stop.IsCancellationRequested)
            {
                await Task.Delay(Look, stop);
            }
        }
        while (accepted is null && step.IsIdempotent && Stopwatch.GetElapsedTime(began) < ClientPatience);

        return new(accepted, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
    }

    /// <summary>Until all that was accepted is printed and nothing is left to do, or nothing happens any more.</summary>
    /// <returns>What is left.</returns>
    private static async Task<long> Settle(
        Step step, Contestant contestant, int accepted, TimeSpan quiet, Func<Task<IReadOnlyList<Contestant.Paper>>> papers, CancellationToken stop)
    {
        if (!step.Prints)
            return 0;
        var (before, since) = (-1, Stopwatch.GetTimestamp());
        long? left = null;
        while (Stopwatch.GetElapsedTime(since) < quiet)
        {
            var now = await papers();
            left = await contestant.Left() ?? left;
            if (left == 0 && now.Count(paper => paper.PrintedAt is not null) >= accepted)
                break;
            if (now.Sum(paper => paper.Copies) is var pages && pages != before)
                (before, since) = (pages, Stopwatch.GetTimestamp());
            await Task.Delay(Look, stop);
        }

        return left ?? 0;
    }

    private static async Task Until(Func<Task<bool>> condition, CancellationToken stop)
    {
        while (!await condition())
            await Task.Delay(Look, stop);
    }

    /// <param name="Accepted">What the order is known by; null if it is not accepted.</param>
    /// <param name="Milliseconds">Until the answer.</param>
    private sealed record Answer(string? Accepted, double Milliseconds);
}
