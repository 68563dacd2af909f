using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Disturbing;

/// <summary>What <see cref="Chaos"/> is to do.</summary>
/// <param name="Operations">How many.</param>
/// <param name="SecondsBetweenKills">On average; between two troubles of devices, too.</param>
/// <param name="Parts">Who is killed.</param>
/// <param name="Seed">Of all choices: the same seed, the same ones.</param>
internal sealed record ChaosPlan(int Operations, double SecondsBetweenKills, IReadOnlyList<string> Parts, int Seed);

/// <summary>
/// Places, repeats, cancels and resumes orders while it kills (SIGKILL) one part of the mesh after another and the devices fail. Bounded in operations and in time.
/// </summary>
internal sealed class Chaos(DataDirectory data, ChaosPlan plan, IReadOnlyList<SampleOrder> samples, TextWriter screen) : IDisposable
{
    private const int Clients = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(0.5);

    private readonly HttpClient _api = Connect(data);
    private readonly ChaosLedger _ledger = new();
    private readonly Lock _counting = new();

    /// <summary>How often each operation was done.</summary>
    public SortedDictionary<OperationKind, int> Operations { get; } = [];

    /// <summary>How often each part was killed, and how often each trouble was made.</summary>
    public SortedDictionary<string, int> Disturbances { get; } = new(StringComparer.Ordinal);

    /// <summary>What became of the requests.</summary>
    public SortedDictionary<string, int> Answers { get; } = new(StringComparer.Ordinal);

    /// <summary>Returns when every order has come to its end and no message is under way.</summary>
    /// <exception cref="OrafoException">Not within <see cref="Patience"/> after the last operation.</exception>
    public async Task Run(CancellationToken stop)
    {
        await FillTheShelves(stop);
        using var disturbing = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var disturbances = Task.WhenAll(KillOnAndOn(disturbing.Token), MakeTroubleOnAndOn(disturbing.Token));
        await Parallel.ForEachAsync(
            Draw(stop), new ParallelOptions { MaxDegreeOfParallelism = Clients, CancellationToken = stop }, async (operation, token) => await Do(operation, token));
        screen.WriteLine($"{_ledger.Orders} orders are placed; {await Finished(stop)} have come to their end …");
        // The last ones wait for parts that are back ever later, and are tried again ever later: to kill on and on finds nothing new.
        await disturbing.CancelAsync();
        await disturbances.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // A run that nobody disturbed to its end proves less than it says.
        if (disturbances.Exception is { } failure)
            throw new OrafoException($"The disturbances ended too soon: {failure.InnerException!.Message}", failure);
        await Mend(MeshService.Printer, stop);
        await Mend(MeshService.Carrier, stop);
        await Finish(stop);
    }

    /// <summary>Compares what is there with what was asked for, once, when nothing is under way any more.</summary>
    /// <returns>What is wrong.</returns>
    public async Task<IReadOnlyList<string>> Judge(CancellationToken stop) =>
        await _ledger.Judge(Stored(stop), _api.GetFromJsonAsAsyncEnumerable<Paper>(new Uri(MeshState.Running(data).Url(MeshService.Printer) + "/pages"), stop).OfType<Paper>());

    public void Dispose() => _api.Dispose();

    private async Task FillTheShelves(CancellationToken stop)
    {
        using var articles = new StringContent(await SampleOrder.Articles(stop), Encoding.UTF8, "application/jsonl");
        using var catalogue = Operators.Connect(data, MeshService.OrderDetails);
        using var answer = await catalogue.PostAsync(new Uri("articles/import", UriKind.Relative), articles, stop);
        if (!answer.IsSuccessStatusCode)
            throw new OrafoException($"The articles were not taken ({(int)answer.StatusCode}): {await answer.Content.ReadAsStringAsync(stop)}");
    }

    /// <summary>An order begins before anything else can be drawn about it.</summary>
    private async IAsyncEnumerable<Operation> Draw([EnumeratorCancellation] CancellationToken stop)
    {
        foreach (var operation in Operation.Draw(plan.Operations, plan.Seed))
        {
            await Task.Delay(operation.After, stop);
            if (operation.IsNewOrder)
                _ledger.Begin(operation.Order, samples[(int)(operation.Choice * samples.Count)]);
            yield return operation;
        }
    }

    private async Task Do(Operation operation, CancellationToken stop)
    {
        await (operation.Kind switch
        {
            OperationKind.Submit or OperationKind.SubmitAgain => Submit(operation, stop),
            OperationKind.SubmitTwice => Task.WhenAll(Submit(operation, stop), Submit(operation, stop)),
            OperationKind.ReuseKey => ReuseKey(operation, stop),
            OperationKind.Cancel => Cancel(operation, stop),
            OperationKind.CancelTwice => Task.WhenAll(Cancel(operation, stop), Cancel(operation, stop)),
            OperationKind.Resume => Resume(operation, stop),
            _ => throw new InvalidOperationException($"Nobody knows how to do {operation.Kind}."),
        });
        lock (_counting)
            Operations[operation.Kind] = Operations.GetValueOrDefault(operation.Kind) + 1;
    }

    private async Task Submit(Operation operation, CancellationToken stop)
    {
        var answer = await Ask(() => Placing(operation.Order, _ledger.Sample(operation.Order).Body), operation.GivesUpAfter, stop);
        if (answer is { Status: HttpStatusCode.Accepted, Order: { } id })
            _ledger.Accepted(operation.Order, id);
        else
            throw new OrafoException($"A sample order ({_ledger.Sample(operation.Order).Name}) was answered with {answer}.");
    }

    private async Task ReuseKey(Operation operation, CancellationToken stop)
    {
        var id = await _ledger.Placed(operation.Order).WaitAsync(stop);
        var body = _ledger.Sample(operation.Order).Body;
        var answer = await Ask(() => Placing(operation.Order, samples.First(sample => sample.Body != body).Body), operation.GivesUpAfter, stop);
        if (answer is not { Status: HttpStatusCode.UnprocessableEntity, Problem: "idempotency-key-reused" })
            _ledger.Fault($"Another order with the key of {id} was answered with {answer}.");
    }

    private async Task Cancel(Operation operation, CancellationToken stop)
    {
        var id = await _ledger.Placed(operation.Order).WaitAsync(stop);
        _ledger.WillBeCancelled(operation.Order);
        var answer = await Ask(() => new(HttpMethod.Post, new Uri($"orders/{id}/cancellation", UriKind.Relative)), operation.GivesUpAfter, stop);
        switch (answer)
        {
            case { Status: HttpStatusCode.Accepted }:
                Count("cancellations were taken");
                _ledger.CancellationTaken(operation.Order);
                break;
            case { Status: HttpStatusCode.Conflict, Problem: "order-is-final" }:
                Count("cancellations were refused: the order had ended");
                _ledger.CancellationRefused(operation.Order, await State(id, stop));
                break;
            default:
                _ledger.Fault($"The cancellation of order {id} was answered with {answer}.");
                break;
        }
    }

    private async Task Resume(Operation operation, CancellationToken stop)
    {
        var suspended = await Read(ChaosStatements.Suspended, row => row.GetGuid(0), stop) ?? [];
        var id = suspended.Count > 0 ? suspended[(int)(operation.Choice * suspended.Count)] : await _ledger.Placed(operation.Order).WaitAsync(stop);
        await Resume(id, operation.GivesUpAfter, stop);
    }

    private async Task Resume(Guid id, TimeSpan? givesUpAfter, CancellationToken stop)
    {
        var answer = await Ask(() => new(HttpMethod.Post, new Uri($"orders/{id}/resumption", UriKind.Relative)), givesUpAfter, stop);
        if (answer.Status == HttpStatusCode.Accepted)
            Count("resumptions were taken");
        else if (answer is { Status: HttpStatusCode.Conflict, Problem: "order-is-not-suspended" })
            Count("resumptions were refused: the order was not suspended");
        else
            _ledger.Fault($"The resumption of order {id} was answered with {answer}.");
    }

    private static HttpRequestMessage Placing(int order, string body) => new(HttpMethod.Post, new Uri("orders", UriKind.Relative))
    {
        Content = new StringContent(body, Encoding.UTF8, "application/json"),
        Headers = { { "Idempotency-Key", ChaosLedger.Key(order) } },
    };

    private async Task<string> State(Guid id, CancellationToken stop) =>
        (await Ask(() => new(HttpMethod.Get, new Uri($"orders/{id}", UriKind.Relative)), null, stop)).State ?? "unknown";

    /// <summary>Asks until somebody answers who can say anything: an answer that was lost on its way may have been a yes.</summary>
    private async Task<Answer> Ask(Func<HttpRequestMessage> request, TimeSpan? givesUpAfter, CancellationToken stop)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(started) < Patience)
        {
            using var asking = CancellationTokenSource.CreateLinkedTokenSource(stop);
            if (givesUpAfter is { } shortly)
                asking.CancelAfter(shortly);
            try
            {
                using var message = request();
                using var answer = await _api.SendAsync(message, asking.Token);
                if ((int)answer.StatusCode < 500)
                    return await Answer.Read(answer, asking.Token);
                Count("requests were to come again later, and did");
            }
            catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !stop.IsCancellationRequested))
            {
                // Nobody is there, or they died before they answered, or whoever asked would not wait.
                Count(givesUpAfter is null ? "requests were not answered, and repeated" : "requests were given up by their client, and repeated");
            }

            if (givesUpAfter is null)
                await Task.Delay(BetweenLooks, stop);
            givesUpAfter = null;
        }

        throw new OrafoException($"For {Patience.TotalMinutes} minutes the intake has not answered.");
    }

    private async Task KillOnAndOn(CancellationToken stop)
    {
#pragma warning disable CA5394 // A choice that can be repeated is wanted, not a secret one.
        var random = new Random(plan.Seed);
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(plan.SecondsBetweenKills * (0.5 + random.NextDouble())), stop);
            var name = plan.Parts[random.Next(plan.Parts.Count)];
#pragma warning restore CA5394
            var part = MeshState.Running(data).Part(name);
            // Killed within its start it would only be away for longer, with fewer operations to find anything.
            if (part.Process is not { IsRunning: true } victim || (part.Url is { } url && await Health.OfAsync(_api, url, stop) is Health.Down or Health.Unhealthy))
                continue;
            victim.Signal(ChildProcess.Kill);
            Disturb($"killed {name}");
        }
    }

    private async Task MakeTroubleOnAndOn(CancellationToken stop)
    {
#pragma warning disable CA5394 // As above.
        var random = new Random(plan.Seed);
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(plan.SecondsBetweenKills * (0.5 + random.NextDouble())), stop);
            var trouble = Trouble.All[random.Next(Trouble.All.Count)];
            var length = TimeSpan.FromSeconds(3 + (5 * random.NextDouble()));
#pragma warning restore CA5394
            if (!await Trouble.Set(_api, MeshState.Running(data), trouble.Device, trouble.Faults, stop))
                continue;
            Disturb($"{trouble.Device} {JsonSerializer.Serialize(trouble.Faults)}");
            await Task.Delay(length, stop);
            await Mend(trouble.Device, stop);
        }
    }

    private async Task Mend(string device, CancellationToken stop)
    {
        while (!await Trouble.Set(_api, MeshState.Running(data), device, Trouble.None, stop))
            await Task.Delay(BetweenLooks, stop);
    }

    private void Disturb(string how)
    {
        screen.WriteLine($"  {how}");
        lock (_counting)
            Disturbances[how] = Disturbances.GetValueOrDefault(how) + 1;
    }

    private void Count(string what)
    {
        lock (_counting)
            Answers[what] = Answers.GetValueOrDefault(what) + 1;
    }

    private static HttpClient Connect(DataDirectory data)
    {
        var api = Intake.Connect(data);
        api.Timeout = TimeSpan.FromSeconds(30);
        return api;
    }

    /// <summary>Resumes what is suspended, until all orders have come to their end; and what was killed last comes back before anybody looks closer.</summary>
    private async Task Finish(CancellationToken stop)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await Finished(stop) is not { } finished || finished < _ledger.Orders || !await Health.AreAllAsync(_api, MeshState.Running(data), stop))
        {
            if (TimeProvider.System.GetElapsedTime(started) > Patience)
            {
                var left = await Read(ChaosStatements.Unfinished, row => $"\n  Order {row.GetGuid(0)} is {row.GetString(1)}.", stop) ?? [];
                throw new OrafoException($"After {Patience.TotalMinutes} minutes not all {_ledger.Orders} orders have come to their end, or not every part is back.{string.Concat(left)}");
            }

            foreach (var id in await Read(ChaosStatements.Suspended, row => row.GetGuid(0), stop) ?? [])
                await Resume(id, givesUpAfter: null, stop);
            await Task.Delay(BetweenLooks, stop);
        }
    }

    /// <returns>Null while the database is away.</returns>
    private async Task<long?> Finished(CancellationToken stop) => await Read(ChaosStatements.Finished, row => row.GetInt64(0), stop) is [var count] ? count : null;

    /// <returns>Null while the database is away.</returns>
    private async Task<List<T>?> Read<T>(string statement, Func<NpgsqlDataReader, T> read, CancellationToken stop)
    {
        try
        {
            List<T> values = [];
            await using var connection = await Connect(stop);
            await using var command = new NpgsqlCommand(statement, connection);
            await using var rows = await command.ExecuteReaderAsync(stop);
            while (await rows.ReadAsync(stop))
                values.Add(read(rows));
            return values;
        }
        catch (NpgsqlException)
        {
            return null;
        }
    }

    private async IAsyncEnumerable<StoredOrder> Stored([EnumeratorCancellation] CancellationToken stop)
    {
        await using var connection = await Connect(stop);
        await using var command = new NpgsqlCommand(ChaosStatements.Orders, connection);
        await using var rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop))
            yield return new(rows.GetGuid(0), rows.IsDBNull(1) ? null : rows.GetString(1), rows.IsDBNull(2) ? null : rows.GetString(2), rows.GetBoolean(3));
    }

    private async Task<NpgsqlConnection> Connect(CancellationToken stop)
    {
        var service = MeshService.Named(MeshService.Ordering);
        // Clients look for suspended orders beside whoever waits for the end.
        var connection = new NpgsqlConnection(Databases.ConnectionString(
            MeshState.Running(data).PostgresPort, service.Database, MeshService.AuditRole, Secrets.LoadOrCreate(data.Secrets).Audit, connections: 4));
        await connection.OpenAsync(stop);
        return connection;
    }

    /// <summary>What the intake answered.</summary>
    /// <param name="Status">The status.</param>
    /// <param name="Order">The id in <c>Location</c>.</param>
    /// <param name="State">The order's, of an order that was looked at.</param>
    /// <param name="Problem">The last part of the problem's type.</param>
    private sealed record Answer(HttpStatusCode Status, Guid? Order, string? State, string? Problem)
    {
        public static async Task<Answer> Read(HttpResponseMessage answer, CancellationToken stop)
        {
            var said = await answer.Content.ReadFromJsonAsync<JsonElement>(stop);
            return new(
                answer.StatusCode,
                Guid.TryParse(answer.Headers.Location?.ToString().Split('/')[^1], out var id) ? id : null,
                said.TryGetProperty("status", out var state) && state.ValueKind == JsonValueKind.String ? state.GetString() : null,
                said.TryGetProperty("type", out var type) ? type.GetString()!.Split(':')[^1] : null);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(int)Status} {Problem}");
    }
}
