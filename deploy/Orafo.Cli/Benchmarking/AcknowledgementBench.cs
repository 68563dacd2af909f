using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Orafo.Cli.Mesh;
using Orafo.Cli.Servers;

namespace Orafo.Cli.Benchmarking;

/// <summary>What <see cref="AcknowledgementBench"/> saw.</summary>
/// <param name="TimeoutSeconds">The broker's patience.</param>
/// <param name="PageSeconds">How long the printer took for a page.</param>
/// <param name="Holder">The consumer that held its delivery.</param>
/// <param name="PaperSeconds">For each invoice, from its issue to the paper.</param>
/// <param name="Copies">How often each came out.</param>
/// <param name="OthersLost">How often the broker lost patience with anybody else.</param>
internal sealed record AcknowledgementReport(
    double TimeoutSeconds, double PageSeconds, HeldDelivery Holder, IReadOnlyList<double> PaperSeconds, IReadOnlyList<int> Copies, int OthersLost)
{
    public bool IsAsPromised =>
        Holder.IsRedelivered && OthersLost == 0 && PaperSeconds.Count > 0 && PaperSeconds.All(seconds => seconds > TimeoutSeconds) && Copies.All(copies => copies == 1);

    public string Table() => string.Create(CultureInfo.InvariantCulture,
        $"""
         consumer_timeout {TimeoutSeconds:0} s, a page takes {PageSeconds:0} s

         | who | what became of the delivery |
         |---|---|
         | a consumer that holds its delivery | taken back after {Holder.Held.TotalSeconds:0} s, its channel closed ({Holder.ReplyCode}), {(Holder.IsRedelivered ? "delivered again" : "not delivered again")} |
         | Invoicing, {PaperSeconds.Count} invoices | acknowledged at once; on paper after {string.Join(" and ", PaperSeconds.Select(seconds => seconds.ToString("0.0", CultureInfo.InvariantCulture)))} s, {string.Join(" and ", Copies)} copies; {OthersLost} deliveries taken back |

         """);
}

/// <summary>Prints pages that take longer than the broker waits for an acknowledgement, next to a consumer that holds its delivery for as long.</summary>
/// <param name="data">The mesh, whose broker is as impatient as that, and whose invoice service waits long enough for a page.</param>
/// <param name="timeout">The broker's patience.</param>
/// <param name="screen">Hears how far it is.</param>
internal sealed class AcknowledgementBench(DataDirectory data, TimeSpan timeout, TextWriter screen)
{
    /// <summary>As many as the printer has trays: all are under way at once.</summary>
    private const int Invoices = 2;

    /// <summary>How long a page takes when the broker waits so long.</summary>
    public static TimeSpan PageTime(TimeSpan timeout) => timeout * 1.5;

    public async Task<AcknowledgementReport> Run(CancellationToken stop)
    {
        var (state, secrets) = (MeshState.Running(data), Secrets.LoadOrCreate(data.Secrets));
        var broker = new Uri(MeshState.AmqpUri(state.Broker.Amqp, BrokerUsers.Administrator, secrets.Broker));
        using var printer = new HttpClient { BaseAddress = new Uri(state.Url(MeshService.Printer)) };
        using (var slow = await printer.PutAsJsonAsync(new Uri("faults", UriKind.Relative), new { slowSeconds = PageTime(timeout).TotalSeconds }, stop))
            slow.EnsureSuccessStatusCode();

        screen.WriteLine($"{Invoices} pages of {PageTime(timeout).TotalSeconds:0} s, and a delivery that is held …");
        await using var invoicing = NpgsqlDataSource.Create(Databases.ConnectionString(
            state.PostgresPort, MeshService.Named(MeshService.Invoicing).Database, PrivatePostgres.User, secrets.Postgres, connections: 1));
        await using (var commands = await InvoiceCommands.ConnectAsync(broker, stop))
            await commands.PublishAsync(Invoices, stop);
        var holding = AcknowledgementTrap.HoldAsync(broker, timeout * 3 + TimeSpan.FromMinutes(1), stop);
        var paper = await Paper(invoicing, stop);
        var holder = await holding;

        var pages = await printer.GetFromJsonAsync<JsonElement>(new Uri("pages", UriKind.Relative), stop);
        return new(
            timeout.TotalSeconds, PageTime(timeout).TotalSeconds, holder, paper, [.. pages.EnumerateArray().Select(page => page.GetProperty("copies").GetInt32())],
            AcknowledgementTrap.Losses(data.RabbitMq) - 1);
    }

    private async Task<List<double>> Paper(NpgsqlDataSource invoicing, CancellationToken stop)
    {
        List<double> seconds = [];
        await Waiting.Until(
            async () =>
            {
                seconds.Clear();
                await using var look = invoicing.CreateCommand(BacklogStatements.PaperSeconds);
                await using var rows = await look.ExecuteReaderAsync(stop);
                while (await rows.ReadAsync(stop))
                    seconds.Add(rows.GetDouble(0));
                return seconds.Count == Invoices;
            },
            PageTime(timeout) * 2 + TimeSpan.FromMinutes(2), "the pages are not out", stop);
        return seconds;
    }
}
