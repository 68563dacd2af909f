using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Orafo.Cli.Benchmarking;

namespace Orafo.Cli.Comparing;

/// <summary>Places orders with a step, and counts what became of them by what came out of its printer.</summary>
internal sealed class Measurement
{
    public const int Clients = 8;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private readonly Step _step;
    private readonly Contestant _contestant;
    private readonly int _orders;
    private readonly HashSet<string> _before;
    private readonly ConcurrentBag<Answer> _answers = [];
    private readonly DateTimeOffset _began = TimeProvider.System.GetUtcNow();
    private double _seconds;
    private long _left;

    private Measurement(Step step, Contestant contestant, int orders, HashSet<string> before) => (_step, _contestant, _orders, _before) = (step, contestant, orders, before);

    /// <summary>Begins when what warmed the step up is over.</summary>
    public static async Task<Measurement> Begin(Step step, Contestant contestant, int orders, CancellationToken stop)
    {
        await Until(async () => !step.Prints || (await contestant.Left() == 0 && (await contestant.Papers()).Count(paper => paper.PrintedAt is not null) >= contestant.WarmUpOrders), stop);
        contestant.BeginToCount();
        return new(step, contestant, orders, (await contestant.Papers()).Select(paper => paper.InvoiceNumber).ToHashSet(StringComparer.Ordinal));
    }

    public static async Task Until(Func<Task<bool>> condition, CancellationToken stop)
    {
        while (!await condition())
            await Task.Delay(Look, stop);
    }

    /// <summary>What came out of the printer since it began.</summary>
    public async Task<IReadOnlyList<Contestant.Paper>> Papers() => [.. (await _contestant.Papers()).Where(paper => !_before.Contains(paper.InvoiceNumber))];

    /// <summary>All of them, as fast as the clients can.</summary>
    public async Task PlaceAtOnce(CancellationToken stop)
    {
        var next = 0;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var number && number <= _orders)
                await Place(number, stop);
        }));
        _seconds = (TimeProvider.System.GetUtcNow() - _began).TotalSeconds;
    }

    /// <summary>One after another, whether or not the one before is answered.</summary>
    public async Task PlaceEvery(TimeSpan pause, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(pause);
        List<Task> placing = [];
        for (var i = 1; i <= _orders; i++)
        {
            var number = i;
            placing.Add(Task.Run(() => Place(number, stop), stop));
            await timer.WaitForNextTickAsync(stop);
        }

        await Task.WhenAll(placing);
        _seconds = (TimeProvider.System.GetUtcNow() - _began).TotalSeconds;
    }

    /// <summary>Until all that was accepted is printed and nothing is left to do, or nothing happens any more.</summary>
    /// <param name="quiet">Nothing has come out for so long: nothing will.</param>
    /// <param name="longest">And whatever still happens then, that is enough.</param>
    public async Task Settle(TimeSpan quiet, TimeSpan longest, CancellationToken stop)
    {
        if (!_step.Prints)
            return;
        var accepted = _answers.Count(answer => answer.Accepted is not null);
        var (before, began) = (-1, Stopwatch.GetTimestamp());
        for (var since = began; Stopwatch.GetElapsedTime(since) < quiet; await Task.Delay(Look, stop))
        {
            if (Stopwatch.GetElapsedTime(began) > longest)
            {
                // It is still at it: what is missing is not lost, wherever it is.
                _left = long.MaxValue;
                return;
            }

            var now = await Papers();
            _left = await _contestant.Left() ?? _left;
            if (_left == 0 && now.Count(paper => paper.PrintedAt is not null) >= accepted)
                return;
            if (now.Sum(paper => paper.Copies) is var pages && pages != before)
                (before, since) = (pages, Stopwatch.GetTimestamp());
        }
    }

    /// <param name="fault">What went wrong.</param>
    /// <param name="variant">See <see cref="Outcome.Variant"/>.</param>
    /// <param name="mended">When that was over.</param>
    public async Task<Outcome> Count(string fault, string? variant, DateTimeOffset? mended)
    {
        HashSet<string> accepted = new(StringComparer.Ordinal);
        var unnumbered = 0;
        foreach (var answer in _answers.Where(answer => answer.Accepted is not null))
        {
            if (await _contestant.NumberOf(answer.Accepted!) is { } number)
                accepted.Add(number);
            else
                unnumbered++;
        }

        var papers = _step.Prints ? await Papers() : [];
        var printed = papers.Where(paper => paper.PrintedAt is not null).Select(paper => paper.InvoiceNumber).ToHashSet(StringComparer.Ordinal);
        var missing = _step.Prints ? accepted.Count(number => !printed.Contains(number)) + unnumbered : 0;
        var milliseconds = _answers.Select(answer => answer.Milliseconds).Order().ToList();
        return new()
        {
            Step = _step.Name,
            Fault = fault,
            Variant = variant,
            Orders = _orders,
            Accepted = accepted.Count + unnumbered,
            Refused = _orders - accepted.Count - unnumbered,
            Stuck = (int)Math.Min(missing, _left),
            Lost = missing - (int)Math.Min(missing, _left),
            HalfDone = printed.Count(number => !accepted.Contains(number)),
            PrintedTwice = papers.Sum(paper => Math.Max(0, paper.Copies - 1)),
            P50Ms = OrderLoad.Percentile(milliseconds, 50),
            P99Ms = OrderLoad.Percentile(milliseconds, 99),
            OrdersPerSecond = accepted.Count / _seconds,
            SecondsToLastPage = papers.Max(paper => paper.PrintedAt) is { } last ? (last - _began).TotalSeconds : null,
            SecondsToRecover = papers.Where(paper => paper.PrintedAt > mended).Min(paper => paper.PrintedAt) is { } first ? (first - mended!.Value).TotalSeconds : null,
            CpuSecondsPer1000Orders = _contestant.CpuSeconds() * 1000 / _orders,
            PeakMemoryMiB = _contestant.PeakMemoryMiB(),
            Deaths = _contestant.Deaths(),
        };
    }

    /// <summary>As a client would: one that may place an order again does so for a while if nobody answers; the others have no order then.</summary>
    private async Task Place(int number, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        string? accepted = null;
        do
        {
            try
            {
                accepted = await _contestant.Place(string.Create(CultureInfo.InvariantCulture, $"A-{number:000000}"), stop);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !stop.IsCancellationRequested)
            {
                await Task.Delay(Look, stop);
            }
        }
        while (accepted is null && _step.IsIdempotent && Stopwatch.GetElapsedTime(began) < Patience);

        _answers.Add(new(accepted, Stopwatch.GetElapsedTime(began).TotalMilliseconds));
    }

    /// <param name="Accepted">What the order is known by; null if it is not accepted.</param>
    /// <param name="Milliseconds">Until the answer.</param>
    private sealed record Answer(string? Accepted, double Milliseconds);
}
