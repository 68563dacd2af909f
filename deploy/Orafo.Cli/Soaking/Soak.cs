using System.Diagnostics;
using System.Text;
using Npgsql;
using Orafo.Cli.Benchmarking;
using Orafo.Cli.Mesh;

namespace Orafo.Cli.Soaking;

/// <summary>What <see cref="Soak"/> is to do.</summary>
/// <param name="Orders">How many are placed.</param>
/// <param name="OrdersPerSecond">How fast, if they are taken as fast.</param>
internal sealed record SoakPlan(int Orders, int OrdersPerSecond);

/// <summary>Keeps a mesh under load for long and looks for what grows: tables, indexes, inboxes, memory. Bounded in orders and in time.</summary>
/// <param name="state">The mesh. Its services' window of duplicate detection is <see cref="Window"/>, its PostgreSQL has pg_stat_statements.</param>
/// <param name="api">Speaks to the intake; disposed of with this.</param>
/// <param name="plan">How long.</param>
/// <param name="connectionTo">The superuser's connection string to a database.</param>
/// <param name="order">What is placed.</param>
/// <param name="screen">Hears how far it is.</param>
internal sealed class Soak(MeshState state, HttpClient api, SoakPlan plan, Func<string, string> connectionTo, string order, TextWriter screen) : IDisposable
{
    /// <summary>Short, so that messages are forgotten all the time.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private const int Clients = 32;

    /// <summary>By then, the autovacuum (once a minute) has been everywhere; before, every table grows.</summary>
    private static readonly TimeSpan Beginning = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan IdleSpan = TimeSpan.FromSeconds(30);

    /// <summary>They clean up once a window; under load it may take a while.</summary>
    private static readonly TimeSpan OldestMemory = (2 * Window) + TimeSpan.FromSeconds(30);

    private readonly HttpClient _api = api;
    private readonly Dictionary<string, NpgsqlDataSource> _databases =
        MeshService.All.ToDictionary(service => service.Name, service => NpgsqlDataSource.Create(connectionTo(service.Database)), StringComparer.Ordinal);

    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly List<string> _faults = [];
    private int _placed;

    public async Task<SoakReport> Run(CancellationToken stop)
    {
        await using (var postgres = NpgsqlDataSource.Create(connectionTo("postgres")))
        await using (var count = postgres.CreateCommand(SoakStatements.CountStatements))
            await count.ExecuteNonQueryAsync(stop);

        screen.WriteLine($"{plan.Orders} orders, {plan.OrdersPerSecond} a second …");
        await PlaceUpTo(Math.Min(plan.Orders / 2, Math.Max(plan.Orders / 10, (int)(Beginning.TotalSeconds * plan.OrdersPerSecond))), stop);
        var early = await Sample(stop);
        await PlaceUpTo(plan.Orders, stop);
        var late = await Sample(stop);
        screen.WriteLine("All are placed; waiting until it is quiet …");
        await Await(async () => !await Ask<bool>(MeshService.Ordering, SoakStatements.IsUnderWay, stop), "orders or messages are still under way", stop);
        await Await(async () => (await Inboxes(stop)).Values.All(inbox => inbox.Rows == 0), "the inboxes are not empty", stop);
        // What the runtime compiles and PostgreSQL cleans up behind the load is not idling.
        await Task.Delay(IdleSpan, stop);
        var idle = await Usage.Idle(state, IdleSpan, stop);

        Check(early, late);
        // Reads all of the sagas, so it comes last.
        if (await Ask<long>(MeshService.Ordering, SoakStatements.Completed, stop) is var completed && completed != plan.Orders)
            _faults.Add($"{completed} of {plan.Orders} orders are completed.");
        return new SoakReport { Orders = plan.Orders, Early = early, Late = late, IdleCpuPercentOf = idle, Expensive = await Expensive(stop), Faults = _faults };
    }

    public void Dispose()
    {
        _api.Dispose();
        foreach (var database in _databases.Values)
            database.Dispose();
    }

    private void Check(SoakSample early, SoakSample late)
    {
        foreach (var (name, table) in late.Tables)
        {
            var before = early.Tables[name];
            // To go through a table that has next to no rows is cheap, and what the planner would do.
            if (table.SequentialRows - before.SequentialRows > late.Orders - early.Orders)
                _faults.Add($"{name} is read from beginning to end: {table.SequentialRows - before.SequentialRows} rows.");
            // What is forgotten makes room for what comes. The others are meant to grow.
            if (IsHot(name) && table.Table + table.Indexes > (1.5 * (before.Table + before.Indexes)) + 16)
                _faults.Add($"{name} grows: {before.Table + before.Indexes:0} MiB, then {table.Table + table.Indexes:0}.");
        }

        foreach (var (service, inbox) in late.Inboxes)
        {
            if (inbox.OldestSeconds > OldestMemory.TotalSeconds)
                _faults.Add($"{service} remembers a message for {inbox.OldestSeconds:0} s; its window is {Window.TotalSeconds:0} s.");
        }

        foreach (var (part, mebibytes) in late.Memory)
        {
            if (mebibytes > (1.2 * early.Memory[part]) + 64)
                _faults.Add($"{part} grows: {early.Memory[part]:0} MiB of memory, then {mebibytes:0}.");
        }
    }

    private static bool IsHot(string table) => table.EndsWith("inbox_state", StringComparison.Ordinal) || table.EndsWith("outbox_message", StringComparison.Ordinal);

    private async Task PlaceUpTo(int orders, CancellationToken stop)
    {
        var last = _placed;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            while (Interlocked.Increment(ref last) is var number && number <= orders)
            {
                var early = TimeSpan.FromSeconds((double)number / plan.OrdersPerSecond) - Stopwatch.GetElapsedTime(_started);
                if (early > TimeSpan.Zero)
                    await Task.Delay(early, stop);
                using var body = new StringContent(order, Encoding.UTF8, "application/json");
                using var answer = await _api.PostAsync(new Uri("orders", UriKind.Relative), body, stop);
                answer.EnsureSuccessStatusCode();
            }
        }));
        _placed = orders;
    }

    private static async Task Await(Func<Task<bool>> condition, string otherwise, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
                throw new OrafoException($"After {Patience.TotalMinutes} minutes {otherwise}.");
            await Task.Delay(500, stop);
        }
    }

    private async Task<SoakSample> Sample(CancellationToken stop)
    {
        var orders = _placed;
        Dictionary<string, TableSize> tables = new(StringComparer.Ordinal);
        foreach (var (service, database) in _databases)
        {
            await using var look = database.CreateCommand(SoakStatements.Tables);
            await using var row = await look.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
                tables[$"{service} {row.GetString(0)}"] = new(MiB(row.GetInt64(1)), MiB(row.GetInt64(2)), row.GetInt64(3));
        }

        return new(orders, tables, await Inboxes(stop), Usage.Memory(state));
    }

    private async Task<Dictionary<string, InboxSize>> Inboxes(CancellationToken stop)
    {
        Dictionary<string, InboxSize> inboxes = new(StringComparer.Ordinal);
        foreach (var (service, database) in _databases)
        {
            await using var look = database.CreateCommand(SoakStatements.Inbox);
            await using var row = await look.ExecuteReaderAsync(stop);
            await row.ReadAsync(stop);
            inboxes[service] = new(row.GetInt64(0), row.GetDouble(1));
        }

        return inboxes;
    }

    private async Task<List<ExpensiveStatement>> Expensive(CancellationToken stop)
    {
        await using var postgres = NpgsqlDataSource.Create(connectionTo("postgres"));
        await using var look = postgres.CreateCommand(SoakStatements.Expensive);
        await using var row = await look.ExecuteReaderAsync(stop);
        List<ExpensiveStatement> statements = [];
        while (await row.ReadAsync(stop))
            statements.Add(new(row.GetString(0), row.GetInt64(1), row.GetDouble(2), row.GetInt64(3), row.GetInt64(4), row.GetString(5)));
        return statements;
    }

    private async Task<T> Ask<T>(string service, string question, CancellationToken stop)
    {
        await using var ask = _databases[service].CreateCommand(question);
        return (T)(await ask.ExecuteScalarAsync(stop))!;
    }

    private static double MiB(long bytes) => bytes / 1048576.0;
}
