using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Explaining;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Commands;

/// <summary><c>explain</c>: where an order is, since when, what it waits for, what was tried, what to do.</summary>
internal static class ExplainCommand
{
    /// <summary>Who answers in a state, and the queue of its command.</summary>
    private static readonly Dictionary<string, (string Service, string Queue)> Steps = new(StringComparer.Ordinal)
    {
        ["GettingDetails"] = (MeshService.OrderDetails, "order-details"),
        ["Invoicing"] = (MeshService.Invoicing, "invoice"),
        ["HandingOver"] = (MeshService.HandOver, "hand-over"),
        ["Recalling"] = (MeshService.HandOver, "hand-over-recall"),
        ["Crediting"] = (MeshService.Invoicing, "credit-note"),
    };

    /// <exception cref="OrafoException">There is no such order, or the databases cannot be read.</exception>
    public static async Task<int> RunAsync(DataDirectory data, Guid order, CancellationToken stop)
    {
        var (mesh, secrets) = (MeshState.Running(data), Secrets.LoadOrCreate(data.Secrets));
        try
        {
            var facts = await Look(data, order, mesh, secrets, stop) ?? throw new OrafoException($"There is no order {order}.");
            facts = facts with { EstimatedCompletionAt = await Estimate(data, order, stop) };
            foreach (var line in Explanation.Of(facts, TimeProvider.System.GetUtcNow()))
                Console.WriteLine(line);
            return 0;
        }
        catch (NpgsqlException e)
        {
            throw new OrafoException($"The databases cannot be read now: {e.Message}", e);
        }
    }

    private static async Task<OrderFacts?> Look(DataDirectory data, Guid order, MeshState mesh, Secrets secrets, CancellationToken stop)
    {
        var found = await Read(MeshService.Named(MeshService.Ordering), ExplainStatements.Order, row => new OrderFacts
        {
            Id = order,
            State = row.GetString(0),
            StepSince = row.GetFieldValue<DateTimeOffset>(1),
            StepAttempts = row.GetInt32(2),
            SuspendedIn = Text(row, 3),
            SuspendedBecause = Text(row, 4),
            InvoiceNumber = Text(row, 5),
            WaitsForPaper = row.GetBoolean(6),
            Reasons = [.. Explanation.Read<Reason>(Text(row, 7)).Select(reason => reason.Text)],
            CancelledBecause = Text(row, 8),
            CancellationRefusedBecause = Text(row, 9),
            Timeline = Explanation.Read<TimelineEntry>(Text(row, 10)),
        });
        if (found is not [var facts])
            return null;

        List<UnsentFact> unsent = [];
        foreach (var service in MeshService.All)
            unsent.AddRange(await Read(service, ExplainStatements.Unsent, row => new UnsentFact(service.Name, row.GetString(0), row.GetInt32(1), Text(row, 2))));
        var jobs = await Read(MeshService.Named(MeshService.Invoicing), ExplainStatements.PrintJob,
            row => new PrintJobFact(row.GetString(0), row.GetString(1), row.GetInt32(2), row.GetFieldValue<DateTimeOffset>(3), Text(row, 4)));
        var retry = $"curl -X POST -H \"{Operators.Header}: $(cat {Path.GetRelativePath(Environment.CurrentDirectory, data.OperatorKey)})\" {mesh.Url(MeshService.HandOver).TrimEnd('/')}";
        var carrierJobs = await Read(MeshService.Named(MeshService.HandOver), ExplainStatements.CarrierJobs,
            row => new CarrierJobFact($"{retry}/{row.GetString(0)}/{order}/retry", row.GetString(0) == "recalls", row.GetString(1), row.GetInt32(2), row.GetFieldValue<DateTimeOffset>(3), Text(row, 4)));
        return facts with { Unsent = unsent, PrintJob = jobs.SingleOrDefault(), CarrierJobs = carrierJobs, Queue = await LookAtQueue(facts.State, mesh, secrets, stop) };

        async Task<List<T>> Read<T>(MeshService service, string statement, Func<NpgsqlDataReader, T> read)
        {
            await using var connection = new NpgsqlConnection(
                Databases.ConnectionString(mesh.PostgresPort, service.Database, MeshService.AuditRole, secrets.Audit, connections: 1));
            await connection.OpenAsync(stop);
            await using var command = new NpgsqlCommand(statement, connection) { Parameters = { new() { Value = order } } };
            await using var rows = await command.ExecuteReaderAsync(stop);
            List<T> values = [];
            while (await rows.ReadAsync(stop))
                values.Add(read(rows));
            return values;
        }
    }

    /// <summary>Only who sees orders leave each step can tell.</summary>
    private static async Task<DateTimeOffset?> Estimate(DataDirectory data, Guid order, CancellationToken stop)
    {
        try
        {
            using var intake = Intake.Connect(data);
            intake.Timeout = TimeSpan.FromSeconds(10);
            var status = await intake.GetFromJsonAsync<JsonElement>(new Uri($"orders/{order}", UriKind.Relative), stop);
            return status.TryGetProperty("estimatedCompletionAt", out var estimate) ? estimate.GetDateTimeOffset() : null;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or OrafoException || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <returns>Null where there is no step, or the broker does not answer: that the databases know nothing of it is said by the messages that have not left.</returns>
    private static async Task<QueueFact?> LookAtQueue(string state, MeshState mesh, Secrets secrets, CancellationToken stop)
    {
        if (!Steps.TryGetValue(state, out var step))
            return null;
        using var management = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{mesh.Broker.Management}/api/"), Timeout = TimeSpan.FromSeconds(10) };
        management.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{BrokerUsers.Administrator}:{secrets.Broker}")));
        try
        {
            var queues = await management.GetFromJsonAsync<JsonElement>(new Uri($"queues/{MeshService.VirtualHost}", UriKind.Relative), stop);
            var byName = queues.EnumerateArray().ToDictionary(queue => queue.GetProperty("name").GetString()!, StringComparer.Ordinal);
            return byName.TryGetValue(step.Queue, out var own)
                ? new(step.Queue, step.Service, Number(own, "messages"), (int)Number(own, "consumers"),
                    byName.TryGetValue(step.Queue + "_error", out var errors) ? Number(errors, "messages") : 0)
                : null;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return null;
        }
    }

    private static long Number(JsonElement queue, string member) => queue.TryGetProperty(member, out var value) ? value.GetInt64() : 0;

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private sealed record Reason(string Text);
}
