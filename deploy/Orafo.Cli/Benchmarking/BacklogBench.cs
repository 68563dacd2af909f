using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Benchmarking;

/// <summary>The invoice service while so many print jobs wait.</summary>
/// <param name="Waiting">How many.</param>
/// <param name="Seconds">Since the first one was asked for.</param>
/// <param name="MemoryMiB">Its resident memory.</param>
/// <param name="HeapMiB">What is alive on its managed heap, after a full collection.</param>
internal sealed record BacklogSample(long Waiting, double Seconds, double MemoryMiB, double HeapMiB);

/// <summary>What <see cref="BacklogBench"/> saw.</summary>
/// <param name="Samples">While they gathered.</param>
/// <param name="Printed">How many came out in the time that the printer then had.</param>
/// <param name="Span">That time, in seconds.</param>
/// <param name="AtFirst">How many of them at their first attempt.</param>
/// <param name="Displacement">By how many places, at most, one of these came out before or after its place in line.</param>
/// <param name="After">The service after that.</param>
internal sealed record BacklogOfJobsReport(IReadOnlyList<BacklogSample> Samples, long Printed, double Span, long AtFirst, long Displacement, BacklogSample After)
{
    public string Table()
    {
        var table = new StringBuilder();
        table.AppendLine("jobs waiting   after, s   resident, MiB   managed heap, MiB");
        foreach (var sample in Samples.Append(After))
            table.AppendLine(CultureInfo.InvariantCulture, $"{sample.Waiting,12:N0}   {sample.Seconds,8:0}   {sample.MemoryMiB,13:0}   {sample.HeapMiB,17:0.0}");
        table.AppendLine(CultureInfo.InvariantCulture,
            $"Then the printer printed for {Span:0} s: {Printed:N0} pages, {AtFirst:N0} at their first attempt, none of these more than {Displacement} places from its place in line.");
        return table.ToString();
    }
}

/// <summary>Has print jobs gather in the invoice service while its printer is off, and then lets the printer go for a while.</summary>
/// <param name="data">The mesh; its invoice service has <see cref="StartupHook"/>.</param>
/// <param name="jobs">How many.</param>
/// <param name="heapFile">Where that writes to.</param>
/// <param name="screen">Hears how far it is.</param>
internal sealed class BacklogBench(DataDirectory data, int jobs, string heapFile, TextWriter screen)
{
    /// <summary>Commands that are published and not consumed yet.</summary>
    private const int MostInFlight = 4000;

    private const int Chunk = 500;

    /// <summary>Where it is looked at, besides the end.</summary>
    private static readonly int[] Milestones = [1_000, 10_000, 50_000, 100_000, 500_000];

    /// <summary>They would hear of every invoice, and have never heard of its order.</summary>
    private static readonly string[] Others = [MeshService.Ordering, MeshService.OrderDetails, MeshService.HandOver];

    private static readonly TimeSpan PrintsFor = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public async Task<BacklogOfJobsReport> Run(CancellationToken stop)
    {
        var (state, secrets) = (MeshState.Running(data), Secrets.LoadOrCreate(data.Secrets));
        await using var invoicing = NpgsqlDataSource.Create(Databases.ConnectionString(
            state.PostgresPort, MeshService.Named(MeshService.Invoicing).Database, PrivatePostgres.User, secrets.Postgres, connections: 1));
        using var printer = new HttpClient { BaseAddress = new Uri(state.Url(MeshService.Printer)) };
        await using var commands = await InvoiceCommands.ConnectAsync(new Uri(MeshState.AmqpUri(state.Broker.Amqp, BrokerUsers.Administrator, secrets.Broker)), stop);
        foreach (var other in Others)
            state.Part(other).Process!.Signal(ChildProcess.Stop);
        try
        {
            await Set(printer, new { offline = true }, stop);
            var started = Stopwatch.GetTimestamp();
            List<BacklogSample> samples = [];
            var published = 0;
            foreach (var milestone in Milestones.Where(milestone => milestone < jobs).Append(jobs))
            {
                screen.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Until {milestone:N0} jobs wait …"));
                await Gather(commands, invoicing, published, milestone, stop);
                published = milestone;
                samples.Add(await Sample(state, invoicing, started, stop));
            }

            screen.WriteLine($"The printer prints for {PrintsFor.TotalSeconds:0} s …");
            await Set(printer, new { }, stop);
            await Waiting.Until(async () => await Ask(invoicing, BacklogStatements.Printed, stop) > 0, Patience, "nothing was printed", stop);
            await Task.Delay(PrintsFor, stop);
            await Set(printer, new { offline = true }, stop);
            var (atFirst, displacement) = await Order(invoicing, stop);
            return new(
                samples, await Ask(invoicing, BacklogStatements.Printed, stop), PrintsFor.TotalSeconds, atFirst, displacement, await Sample(state, invoicing, started, stop));
        }
        finally
        {
            foreach (var other in Others)
                state.Part(other).Process!.Signal(ChildProcess.Continue);
        }
    }

    private static async Task Gather(InvoiceCommands commands, NpgsqlDataSource invoicing, int published, int milestone, CancellationToken stop)
    {
        while (published < milestone)
        {
            var some = Math.Min(Chunk, milestone - published);
            await commands.PublishAsync(some, stop);
            published += some;
            var least = published - MostInFlight;
            await Waiting.Until(async () => await Ask(invoicing, BacklogStatements.Issued, stop) >= least, Patience, "no more invoices are issued", stop);
        }

        await Waiting.Until(async () => await Ask(invoicing, BacklogStatements.Issued, stop) >= milestone, Patience, "not all invoices are issued", stop);
    }

    private async Task<BacklogSample> Sample(MeshState state, NpgsqlDataSource invoicing, long started, CancellationToken stop)
    {
        var process = state.Part(MeshService.Invoicing).Process!;
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var memory = Proc.MemoryMiB(process.Pid);
        File.Delete(heapFile);
        process.Signal(StartupHook.Signal);
        await Waiting.Until(() => Task.FromResult(File.Exists(heapFile)), Patience, "the invoice service does not say how large its heap is", stop);
        var heap = long.Parse(await File.ReadAllTextAsync(heapFile, stop), CultureInfo.InvariantCulture);
        return new(await Ask(invoicing, BacklogStatements.Waiting, stop), seconds, memory, heap / (1024d * 1024));
    }

    private static async Task<long> Ask(NpgsqlDataSource invoicing, string question, CancellationToken stop)
    {
        await using var ask = invoicing.CreateCommand(question);
        return Convert.ToInt64(await ask.ExecuteScalarAsync(stop), CultureInfo.InvariantCulture);
    }

    private static async Task<(long AtFirst, long Displacement)> Order(NpgsqlDataSource invoicing, CancellationToken stop)
    {
        await using var ask = invoicing.CreateCommand(BacklogStatements.Order);
        await using var row = await ask.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        return (row.GetInt64(0), row.GetInt64(1));
    }

    private static async Task Set(HttpClient printer, object faults, CancellationToken stop)
    {
        using var answer = await printer.PutAsJsonAsync(new Uri("faults", UriKind.Relative), faults, stop);
        answer.EnsureSuccessStatusCode();
    }
}
