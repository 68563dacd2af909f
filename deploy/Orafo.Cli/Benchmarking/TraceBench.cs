using System.Globalization;
using System.Text;
using Orafo.Cli.Commands;
using Orafo.Cli.Mesh;
using Orafo.Cli.Tracing;

namespace Orafo.Cli.Benchmarking;

/// <summary>What it costs to trace every order: the same load on a mesh that exports all its spans to a receiver that only counts them, and on one that makes none.</summary>
/// <remarks>Without, with, with, without: what drifts on the machine meanwhile hits both alike.</remarks>
/// <param name="measure">Loads a mesh and measures it.</param>
/// <param name="orders">How many are placed in each mesh, those to warm up included.</param>
/// <param name="screen">Hears how far it is.</param>
internal sealed class TraceBench(Func<DataDirectory, Task<BenchReport>> measure, int orders, TextWriter screen)
{
    private const string Metric = "orafo_spans_total";
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);
    private static readonly bool[] Turns = [false, true, true, false];

    /// <summary>How long the last spans may take to arrive. An exporter sends them after a second.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private long _received;
    private long _made;

    public async Task<TraceReport> Run(CancellationToken stop)
    {
        await using var receiver = OtlpReceiver.Start(request => Interlocked.Add(ref _received, Span.Count(request)));
        List<(bool IsTraced, BenchReport Report)> runs = [];
        foreach (var isTraced in Turns)
        {
            screen.WriteLine(isTraced ? "A mesh that traces every order:" : "A mesh that traces none:");
            runs.Add((isTraced, isTraced ? await Traced(receiver, stop) : await OwnMesh.Run("bench-trace", measure, stop, Untraced)));
        }

        return new(
            Mean(runs, isTraced: false, report => report.OrdersPerSecond), Mean(runs, isTraced: true, report => report.OrdersPerSecond),
            Mean(runs, isTraced: false, report => report.CpuSecondsPer1000Orders), Mean(runs, isTraced: true, report => report.CpuSecondsPer1000Orders),
            (double)_made / (orders * Turns.Count(isTraced => isTraced)), _made - _received);
    }

    private static MeshSettings Untraced => new() { Services = new Dictionary<string, string?>(StringComparer.Ordinal) { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = null } };

    private Task<BenchReport> Traced(OtlpReceiver receiver, CancellationToken stop)
    {
        var settings = new MeshSettings { Services = new Dictionary<string, string?>(receiver.Environment, StringComparer.Ordinal) { ["OTEL_TRACES_SAMPLER"] = "always_on" } };
        return OwnMesh.Run("bench-trace", Measure, stop, settings);

        async Task<BenchReport> Measure(DataDirectory data)
        {
            var before = (Made: _made, Received: Interlocked.Read(ref _received));
            var report = await measure(data);
            var started = TimeProvider.System.GetTimestamp();
            do
            {
                await Task.Delay(Look, stop);
                _made = before.Made + await Made(data, stop);
            }
            while (_made - before.Made > Interlocked.Read(ref _received) - before.Received && TimeProvider.System.GetElapsedTime(started) < Patience);
            return report;
        }
    }

    /// <summary>How many spans the services have ended, as they say themselves.</summary>
    public static async Task<long> Made(DataDirectory data, CancellationToken stop)
    {
        var spans = 0L;
        foreach (var service in MeshService.All)
        {
            using var http = Operators.Connect(data, service.Name);
            var metrics = await http.GetStringAsync(new Uri("metrics", UriKind.Relative), stop);
            spans += metrics.Split('\n').Where(line => line.StartsWith(Metric, StringComparison.Ordinal))
                .Sum(line => long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
        }

        return spans;
    }

    private static double Mean(List<(bool IsTraced, BenchReport Report)> runs, bool isTraced, Func<BenchReport, double> figure) =>
        runs.Where(run => run.IsTraced == isTraced).Average(run => figure(run.Report));
}

/// <summary>What <c>bench trace</c> measured; means of two runs each. CPU in seconds.</summary>
/// <param name="OrdersPerSecondUntraced">From the first POST to the last Completed.</param>
/// <param name="OrdersPerSecondTraced">The same.</param>
/// <param name="CpuSecondsPer1000OrdersUntraced">As in <see cref="BenchReport"/>.</param>
/// <param name="CpuSecondsPer1000OrdersTraced">The same; the receiver is left out.</param>
/// <param name="SpansPerOrder">All that were ended by the services, by the orders that were placed.</param>
/// <param name="SpansDropped">That were ended and never arrived.</param>
internal sealed record TraceReport(
    double OrdersPerSecondUntraced, double OrdersPerSecondTraced, double CpuSecondsPer1000OrdersUntraced, double CpuSecondsPer1000OrdersTraced, double SpansPerOrder, long SpansDropped)
{
    /// <summary>In percent of what it is without.</summary>
    private const double MostLost = 15;

    /// <summary>How much less goes through, in percent.</summary>
    public double ThroughputLostPercent => (1 - (OrdersPerSecondTraced / OrdersPerSecondUntraced)) * 100;

    public bool IsAsPromised => SpansDropped == 0 && ThroughputLostPercent < MostLost;

    public string Table()
    {
        var table = new StringBuilder();
        void Row(string what, FormattableString value) => table.AppendLine(CultureInfo.InvariantCulture, $"  {what,-36} {value.ToString(CultureInfo.InvariantCulture)}");
        Row("end to end, without traces", $"{OrdersPerSecondUntraced:0} orders/s");
        Row("end to end, every order traced", $"{OrdersPerSecondTraced:0} orders/s ({ThroughputLostPercent:0.0} % less)");
        Row("CPU per 1000 orders, without", $"{CpuSecondsPer1000OrdersUntraced:0.00} s");
        Row("CPU per 1000 orders, traced", $"{CpuSecondsPer1000OrdersTraced:0.00} s");
        Row("spans per order", $"{SpansPerOrder:0.0}");
        Row("spans dropped", $"{SpansDropped}");
        return table.ToString();
    }
}
