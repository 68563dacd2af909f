using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Benchmarking;

/// <summary>Loads a mesh with sample orders and measures it. Bounded in orders and in time.</summary>
/// <param name="state">The mesh.</param>
/// <param name="api">Speaks to the intake; disposed of with this.</param>
/// <param name="postgres">The superuser's connection string to the intake's database.</param>
/// <param name="order">What is placed.</param>
/// <param name="warmUp">How many before it measures.</param>
/// <param name="orders">How many.</param>
/// <param name="backlogs">How many wait before a service that is stopped, before it may go on: one after another.</param>
/// <param name="screen">Hears how far it is.</param>
internal sealed class Bench(MeshState state, HttpClient api, string postgres, string order, int warmUp, int orders, IReadOnlyList<int> backlogs, TextWriter screen) : IDisposable
{
    /// <summary>Placed one at a time, beside those that it is told.</summary>
    public const int LoneOrders = 50;

    private const int Clients = 32;
    private static readonly TimeSpan BetweenLoneOrders = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(20);

    private readonly NpgsqlDataSource _ordering = NpgsqlDataSource.Create(postgres);
    private readonly HttpClient _api = api;
    private readonly OrderLoad _load = new(api, order, Clients);

    public async Task<BenchReport> Run(CancellationToken stop)
    {
        screen.WriteLine($"Warming up with {warmUp} orders …");
        await _load.PlaceAll(warmUp, stop);
        var finished = await Finish(0, warmUp, stop);
        screen.WriteLine($"{LoneOrders} lone orders …");
        var lone = await PlaceAlone(stop);
        finished = await Finish(finished, LoneOrders, stop);

        screen.WriteLine($"{orders} orders from {Clients} clients …");
        var before = await Usage.Of(state, _ordering, stop);
        var started = Stopwatch.GetTimestamp();
        var intake = await _load.PlaceAll(orders, stop);
        var taken = Stopwatch.GetElapsedTime(started);
        finished = await Finish(finished, orders, stop);
        var elapsed = Stopwatch.GetElapsedTime(started);
        var after = await Usage.Of(state, _ordering, stop);

        var cpu = after.CpuSeconds.ToDictionary(
            part => part.Key, part => (part.Value - before.CpuSeconds[part.Key]) * 1000 / orders, StringComparer.Ordinal);
        var memory = Usage.PeakMemory(state);
        List<BacklogReport> drained = [];
        foreach (var backlog in backlogs)
        {
            drained.Add(await Drain(finished, backlog, stop));
            finished += backlog;
        }

        return new BenchReport
        {
            Orders = orders,
            Clients = Clients,
            OrdersPerSecond = orders / elapsed.TotalSeconds,
            CpuSecondsPer1000Orders = cpu.Values.Sum(),
            CpuSecondsPer1000OrdersOf = cpu,
            LoneOrderP50Ms = OrderLoad.Percentile(lone, 50),
            LoneOrderP99Ms = OrderLoad.Percentile(lone, 99),
            IntakePerSecond = orders / taken.TotalSeconds,
            IntakeP50Ms = OrderLoad.Percentile(intake, 50),
            IntakeP99Ms = OrderLoad.Percentile(intake, 99),
            SqlRoundTripsPerOrder = (double?)(after.RoundTrips - before.RoundTrips) / orders,
            CommitsPerOrder = (double)(after.Commits - before.Commits) / orders,
            PeakMemoryMiB = memory,
            Backlogs = drained,
        };
    }

    public void Dispose()
    {
        _api.Dispose();
        _ordering.Dispose();
    }

    private async Task<List<double>> PlaceAlone(CancellationToken stop)
    {
        List<double> milliseconds = [];
        using var timer = new PeriodicTimer(BetweenLoneOrders);
        for (var i = 0; i < LoneOrders && await timer.WaitForNextTickAsync(stop); i++)
        {
            var location = await _load.Place(stop);
            var started = Stopwatch.GetTimestamp();
            await AwaitCompletion(location, stop);
            milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        milliseconds.Sort();
        return milliseconds;
    }

    private async Task AwaitCompletion(Uri order, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, order) { Headers = { { "Prefer", "wait=60" } } };
        using var answer = await _api.SendAsync(request, stop);
        answer.EnsureSuccessStatusCode();
        var status = (await answer.Content.ReadFromJsonAsync<JsonElement>(stop)).GetProperty("status").GetString();
        if (status != "Completed")
            throw new OrafoException($"{order} is {status}, not Completed, after waiting for up to a minute.");
    }

    /// <summary>Stops the first service after the saga until orders wait in its queue, and measures how fast they are done then.</summary>
    private async Task<BacklogReport> Drain(long before, int backlog, CancellationToken stop)
    {
        screen.WriteLine($"A backlog of {backlog} orders …");
        var service = state.Part(MeshService.OrderDetails).Process!;
        service.Signal(ChildProcess.Stop);
        try
        {
            await _load.PlaceAll(backlog, stop);
            await Await(BenchStatements.GettingDetails, waiting => waiting == backlog, stop);
        }
        finally
        {
            service.Signal(ChildProcess.Continue);
        }

        var started = Stopwatch.GetTimestamp();
        await Finish(before, backlog, stop);
        return new(backlog, backlog / Stopwatch.GetElapsedTime(started).TotalSeconds, Usage.PeakMemory(state));
    }

    /// <summary>Waits until so many more orders are completed than were before.</summary>
    private Task<long> Finish(long before, int more, CancellationToken stop) => Await(BenchStatements.Completed, completed => completed >= before + more, stop);

    private async Task<long> Await(string question, Func<long, bool> isAnswer, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            await using var ask = _ordering.CreateCommand(question);
            var seen = (long)(await ask.ExecuteScalarAsync(stop))!;
            if (isAnswer(seen))
                return seen;
            if (Stopwatch.GetElapsedTime(started) > Patience)
                throw new OrafoException($"After {Patience.TotalMinutes} minutes not all orders are where they should be.");
            await Task.Delay(50, stop);
        }
    }
}
