using System.Net;
using System.Text;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Disturbing;

/// <summary>What <see cref="Chaos"/> is to do.</summary>
/// <param name="Orders">How many are placed; every tenth is a bad one.</param>
/// <param name="SecondsBetweenKills">On average.</param>
/// <param name="Parts">Who is killed.</param>
/// <param name="Seed">Of the choice of victims and moments: the same seed, the same choice.</param>
internal sealed record ChaosPlan(int Orders, double SecondsBetweenKills, IReadOnlyList<string> Parts, int Seed);

/// <summary>Places orders while it kills (SIGKILL) one part of the mesh after another. Bounded in orders and in time.</summary>
internal sealed class Chaos(DataDirectory data, ChaosPlan plan, string goodOrder, string badOrder, TextWriter screen) : IDisposable
{
    private const int Clients = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(0.5);

    private readonly HttpClient _api = new() { BaseAddress = new Uri(MeshState.Running(data).Url(MeshService.Ordering)), Timeout = TimeSpan.FromSeconds(30) };
    private int _refusedRequests;

    /// <summary>How often each part was killed.</summary>
    public SortedDictionary<string, int> Kills { get; } = new(StringComparer.Ordinal);

    /// <summary>Requests that found nobody, or were told to come again; each was repeated with its key.</summary>
    public int RefusedRequests => _refusedRequests;

    /// <summary>Orders that the intake answered with one and the same id although their keys differ: none, ever.</summary>
    public int DoubleIds { get; private set; }

    /// <summary>Returns when every order has come to its end and no message is under way.</summary>
    /// <exception cref="OrafoException">Not within <see cref="Patience"/> after the last order was placed.</exception>
    public async Task Run(CancellationToken stop)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var killing = KillOnAndOn(ending.Token);
        var ids = new HashSet<Uri>();
        var left = plan.Orders;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) is >= 0 and var number)
            {
                var id = await Place(number % 10 == 0 ? badOrder : goodOrder, stop);
                lock (ids)
                    DoubleIds += ids.Add(id) ? 0 : 1;
            }
        }));
        screen.WriteLine($"{ids.Count} orders are placed; {await Finished(stop)} have come to their end …");
        // The last ones wait for parts that are back ever later, and are tried again ever later: to kill on and on finds nothing new.
        await Finish(plan.Orders - (plan.Orders / 20), isHealthy: false, stop);
        await ending.CancelAsync();
        await killing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // What was killed last comes back before anybody looks closer.
        await Finish(plan.Orders, isHealthy: true, stop);
    }

    public void Dispose() => _api.Dispose();

    private async Task KillOnAndOn(CancellationToken stop)
    {
#pragma warning disable CA5394 // A choice that can be repeated is wanted, not a secret one.
        var random = new Random(plan.Seed);
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(plan.SecondsBetweenKills * (0.5 + random.NextDouble())), stop);
            var name = plan.Parts[random.Next(plan.Parts.Count)];
#pragma warning restore CA5394
            if (MeshState.Running(data).Part(name).Process is not { IsRunning: true } victim)
                continue;
            victim.Signal(ChildProcess.Kill);
            Kills[name] = Kills.GetValueOrDefault(name) + 1;
            screen.WriteLine($"  killed {name}");
        }
    }

    /// <summary>Asks until the order is accepted, with one key: an answer that was lost on its way may have been a yes.</summary>
    private async Task<Uri> Place(string order, CancellationToken stop)
    {
        var key = Guid.CreateVersion7().ToString();
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("orders", UriKind.Relative))
            {
                Content = new StringContent(order, Encoding.UTF8, "application/json"),
                Headers = { { "Idempotency-Key", key } },
            };
            try
            {
                using var answer = await _api.SendAsync(request, stop);
                if (answer.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.OK)
                    return answer.Headers.Location!;
                if ((int)answer.StatusCode is >= 400 and < 500)
                    throw new OrafoException($"A sample order was answered with {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(stop)}");
            }
            catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !stop.IsCancellationRequested))
            {
                // Nobody is there, or they died before they answered.
            }

            Interlocked.Increment(ref _refusedRequests);
            await Task.Delay(BetweenLooks, stop);
        }
    }

    private async Task Finish(int orders, bool isHealthy, CancellationToken stop)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await Finished(stop) is not { } finished || finished < orders || (isHealthy && !await Health.AreAllAsync(_api, MeshState.Running(data), stop)))
        {
            if (TimeProvider.System.GetElapsedTime(started) > Patience)
                throw new OrafoException($"After {Patience.TotalMinutes} minutes not {orders} of {plan.Orders} orders have come to their end.");
            await Task.Delay(BetweenLooks, stop);
        }
    }

    /// <returns>Null while the database is away.</returns>
    private async Task<long?> Finished(CancellationToken stop)
    {
        try
        {
            var service = MeshService.Named(MeshService.Ordering);
            await using var connection = new NpgsqlConnection(Databases.ConnectionString(
                MeshState.Running(data).PostgresPort, service.Database, MeshService.AuditRole, Secrets.LoadOrCreate(data.Secrets).Audit, connections: 1));
            await connection.OpenAsync(stop);
            await using var count = new NpgsqlCommand(ChaosStatements.Finished, connection);
            return (long?)await count.ExecuteScalarAsync(stop);
        }
        catch (NpgsqlException)
        {
            return null;
        }
    }
}
