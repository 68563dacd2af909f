using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Orafo.Cli.Benchmarking;

namespace Orafo.Cli.Comparing;

/// <summary>Places orders with a step, and counts what became of them by what came out of its printer.</summary>
internal sealed class Measurement
{
    public const int Clients = 8;

    /// <summary>The beginning of the numbers of orders that look whether the step works again, and are not counted.</summary>
    private const string ProbePrefix = "probe-";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestRecovery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ProbeEvery = TimeSpan.FromMilliseconds(500);
    private readonly Step _step;
    private readonly Contestant _contestant;
    private readonly int _orders;
    private readonly ConcurrentBag<Answer> _answers = [];
    private readonly ConcurrentBag<Answer> _probes = [];

    /// <summary>On the page, by what the order is known by.</summary>
    private readonly ConcurrentDictionary<string, string> _numbers = new(StringComparer.Ordinal);
    private readonly DateTimeOffset _began = TimeProvider.System.GetUtcNow();
    private double _seconds;
    private long _left;

    public Measurement(Step step, Contestant contestant, int orders)
    {
        (_step, _contestant, _orders) = (step, contestant, orders);
        contestant.BeginToCount();
    }

    /// <exception cref="OrafoException">It does not hold for five minutes.</exception>
    public static async Task Until(Func<Task<bool>> condition, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(began) > LongestWait)
                throw new OrafoException($"A step did not come as far as it should in {LongestWait.TotalMinutes:0} minutes.");
            await Task.Delay(Look, stop);
        }
    }

    /// <summary>What came out of the printer, without what nobody counts.</summary>
    public async Task<List<Paper>> Papers()
    {
        var probes = (await Numbers(_probes)).ToHashSet(StringComparer.Ordinal);
        return [.. (await _contestant.Printer.Papers()).Where(paper => !probes.Contains(paper.InvoiceNumber)
            && !paper.InvoiceNumber.StartsWith(ProbePrefix, StringComparison.Ordinal) && !paper.InvoiceNumber.StartsWith(Contestant.WarmUpPrefix, StringComparison.Ordinal))];
    }

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

    /// <summary>All of them, at four fifths of what the printer can do, so that orders come before, while and after something goes wrong.</summary>
    /// <param name="fault">That, when a quarter is printed.</param>
    /// <param name="setup">Of the step.</param>
    /// <returns>When it has recovered, see <see cref="Outcome.SecondsToRecover"/>.</returns>
    public async Task<TimeSpan?> PlaceDuring(Fault fault, Setup setup, CancellationToken stop)
    {
        var placing = PlaceEvery(setup.Page / RecordingPrinter.Trays / 0.8, stop);
        while (!placing.IsCompleted && (_step.Prints ? (await Papers()).Count : _answers.Count) < _orders / 4)
            await Task.Delay(Look, stop);
        await fault.Begin(_contestant);
        if (fault.Lasts)
            await Task.Delay(setup.FaultLasts, stop);
        var recovering = Recover(TimeProvider.System.GetUtcNow(), stop);
        await fault.End(_contestant);
        await placing;
        return await recovering;
    }

    /// <summary>Until all that was accepted is printed and nothing is left to do, or nothing happens any more.</summary>
    /// <param name="quiet">Nothing has come out for so long: nothing will.</param>
    /// <param name="longest">And whatever still happens then, that is enough.</param>
    public async Task Settle(TimeSpan quiet, TimeSpan longest, CancellationToken stop)
    {
        if (!_step.Prints)
            return;
        var (before, began) = (-1, Stopwatch.GetTimestamp());
        for (var since = began; Stopwatch.GetElapsedTime(since) < quiet; await Task.Delay(Look, stop))
        {
            if (Stopwatch.GetElapsedTime(began) > longest)
            {
                // It is still at it: what is missing is not lost, wherever it is.
                _left = long.MaxValue;
                return;
            }

            var now = await _contestant.Printer.Papers();
            _left = await _contestant.Left() ?? _left;
            if (_left == 0 && now.Count(paper => paper.PrintedAt is not null) >= _answers.Concat(_probes).Count(answer => answer.Accepted is not null) && await Missing(_answers, now) == 0)
                return;
            if (now.Sum(paper => paper.Copies) is var pages && pages != before)
                (before, since) = (pages, Stopwatch.GetTimestamp());
        }
    }

    /// <param name="fault">What went wrong.</param>
    /// <param name="variant">See <see cref="Outcome.Variant"/>.</param>
    /// <param name="recovered">See <see cref="Outcome.SecondsToRecover"/>.</param>
    public async Task<Outcome> Count(string fault, string? variant, TimeSpan? recovered)
    {
        var papers = _step.Prints ? await Papers() : [];
        var missing = _step.Prints ? await Missing(_answers, papers) : 0;
        var left = missing > _left ? _left + await _contestant.Unacknowledged() : _left;
        var (accepted, numbers) = (_answers.Count(answer => answer.Accepted is not null), (await Numbers(_answers)).ToHashSet(StringComparer.Ordinal));
        var milliseconds = _answers.Select(answer => answer.Milliseconds).Order().ToList();
        return new()
        {
            Step = _step.Name,
            Fault = fault,
            Variant = variant,
            Orders = _orders,
            Accepted = accepted,
            Refused = _orders - accepted,
            Stuck = (int)Math.Min(missing, left),
            Lost = missing - (int)Math.Min(missing, left),
            HalfDone = papers.Count(paper => paper.PrintedAt is not null && !numbers.Contains(paper.InvoiceNumber)),
            PrintedTwice = papers.Sum(paper => Math.Max(0, paper.Copies - 1)),
            AskedInVain = _step.Prints ? await _contestant.Printer.AskedInVain() : 0,
            P50Ms = OrderLoad.Percentile(milliseconds, 50),
            P99Ms = OrderLoad.Percentile(milliseconds, 99),
            OrdersPerSecond = accepted / _seconds,
            SecondsToLastPage = papers.Max(paper => paper.PrintedAt) is { } last ? (last - _began).TotalSeconds : null,
            SecondsToRecover = recovered?.TotalSeconds,
            CpuSecondsPer1000Orders = _contestant.CpuSeconds() * 1000 / (_orders + _probes.Count),
            PeakMemoryMiB = _contestant.PeakMemoryMiB(),
            Deaths = _contestant.Deaths(),
        };
    }

    /// <summary>Places an order twice a second, beside the others, until one of these has come to its end: it is accepted, and printed where there is a printer.</summary>
    /// <param name="over">When what went wrong was over.</param>
    /// <returns>From then on; null if that did not happen within half a minute.</returns>
    private async Task<TimeSpan?> Recover(DateTimeOffset over, CancellationToken stop)
    {
        List<Task> placing = [];
        TimeSpan? recovered = null;
        while (recovered is null && TimeProvider.System.GetUtcNow() - over < LongestRecovery)
        {
            var number = string.Create(CultureInfo.InvariantCulture, $"{ProbePrefix}{placing.Count + 1}");
            placing.Add(Task.Run(async () => _probes.Add(await Place(number, stop)), stop));
            await Task.Delay(ProbeEvery, stop);
            recovered = await FirstDone() - over;
        }

        await Task.WhenAll(placing);
        return recovered;
    }

    private async Task Place(int number, CancellationToken stop) => _answers.Add(await Place(string.Create(CultureInfo.InvariantCulture, $"A-{number:000000}"), stop));

    /// <summary>As a client would: one that may place an order again does so for a while if nobody answers; the others have no order then.</summary>
    private async Task<Answer> Place(string number, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        string? accepted = null;
        do
        {
            try
            {
                accepted = await _contestant.Place(number, stop);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !stop.IsCancellationRequested)
            {
                await Task.Delay(Look, stop);
            }
        }
        while (accepted is null && _step.IsIdempotent && Stopwatch.GetElapsedTime(began) < Patience);

        return new(accepted, TimeProvider.System.GetUtcNow(), Stopwatch.GetElapsedTime(began).TotalMilliseconds);
    }

    /// <summary>When the first of the probes was at its end; null if none is.</summary>
    private async Task<DateTimeOffset?> FirstDone()
    {
        if (!_step.Prints)
            return _probes.Where(probe => probe.Accepted is not null).Min(probe => (DateTimeOffset?)probe.At);
        var numbers = (await Numbers(_probes)).ToHashSet(StringComparer.Ordinal);
        return (await _contestant.Printer.Papers()).Where(paper => numbers.Contains(paper.InvoiceNumber)).Min(paper => paper.PrintedAt);
    }

    /// <summary>How many of the accepted ones are not printed.</summary>
    private async Task<int> Missing(IReadOnlyCollection<Answer> answers, List<Paper> papers)
    {
        var printed = papers.Where(paper => paper.PrintedAt is not null).Select(paper => paper.InvoiceNumber).ToHashSet(StringComparer.Ordinal);
        return answers.Count(answer => answer.Accepted is not null) - (await Numbers(answers)).Count(printed.Contains);
    }

    /// <summary>On the pages of those that were accepted, as far as they have one yet.</summary>
    private async Task<List<string>> Numbers(IEnumerable<Answer> answers)
    {
        List<string> numbers = [];
        foreach (var accepted in answers.Select(answer => answer.Accepted).OfType<string>())
        {
            if (!_numbers.TryGetValue(accepted, out var number) && await _contestant.NumberOf(accepted) is { } found)
                number = _numbers[accepted] = found;
            if (number is not null)
                numbers.Add(number);
        }

        return numbers;
    }

    /// <param name="Accepted">What the order is known by; null if it is not accepted.</param>
    /// <param name="At">When the answer came.</param>
    /// <param name="Milliseconds">Until the answer.</param>
    private sealed record Answer(string? Accepted, DateTimeOffset At, double Milliseconds);
}
